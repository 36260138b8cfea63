// What was found out about one token's signature, so that it is looked at once, by whoever has the time.
#pragma once

#include <vector>

#include "crypto/algorithm.hpp"
#include "jwt/key_set.hpp"

namespace keyward::jwt {

// Of one token. Whoever keeps it keeps the sets, too: they are known by their addresses.
class SignatureChecks {
 public:
  // KeySet::verify(), or what that came to before.
  Cause verify(const KeySet &keys, const Jws &jws, crypto::AlgorithmSet allowed, Digest *id);

 private:
  struct Check {
    const KeySet *keys;
    crypto::AlgorithmSet allowed;
    Cause cause;
    Digest id;
  };

  const Check *find(const KeySet &keys, crypto::AlgorithmSet allowed) const noexcept;

  std::vector<Check> checks_;
};

}  // namespace keyward::jwt
