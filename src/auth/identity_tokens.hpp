// The tokens of signed identity that a worker has made: one for each principal and half minute.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/principal.hpp"
#include "jwt/identity_token.hpp"

namespace keyward {

// Single-threaded. Takes memory only once it was asked.
class IdentityTokens {
 public:
  // For whoever was admitted; principal: nullptr for an anonymous request. At least half a minute of it is left. The
  // view stands until the next call. Throws std::bad_alloc.
  std::string_view find(const jwt::IdentitySigner &signer, Kind kind, const std::shared_ptr<const Principal> &principal,
                        std::int64_t now_s);

 private:
  struct Entry {
    // Holds the place in memory, so that no other principal can be taken for it.
    std::weak_ptr<const Principal> whose;
    const jwt::IdentitySigner *signer = nullptr;  // nullptr: free
    Kind kind = Kind::none;
    std::int64_t made_at_s = 0;
    std::string token;
  };

  std::vector<Entry> entries_;
};

}  // namespace keyward
