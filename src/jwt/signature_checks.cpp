// Remembering what a signature came to.
#include "jwt/signature_checks.hpp"

#include <algorithm>

namespace keyward::jwt {

const SignatureChecks::Check *SignatureChecks::find(const KeySet &keys, crypto::AlgorithmSet allowed) const noexcept {
  const auto found = std::find_if(checks_.begin(), checks_.end(),
                                  [&](const Check &check) { return check.keys == &keys && check.allowed == allowed; });
  return found != checks_.end() ? &*found : nullptr;
}

Cause SignatureChecks::verify(const KeySet &keys, const Jws &jws, crypto::AlgorithmSet allowed, Digest *id) {
  if (const Check *known = find(keys, allowed)) {
    *id = known->id;
    return known->cause;
  }
  Check made = {&keys, allowed, Cause::none, {}};
  made.cause = keys.verify(jws, allowed, &made.id);
  *id = made.id;
  if (made.cause != Cause::crypto_failure) {  // that says nothing about the token
    checks_.push_back(made);
  }
  return made.cause;
}

}  // namespace keyward::jwt
