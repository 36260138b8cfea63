// A token that proves to a backend who was admitted: a JWT of one minute, signed by the edge.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/signing_key.hpp"

namespace keyward::jwt {

inline constexpr std::int64_t kIdentityTokenSeconds = 60;

// Views; what is empty is left out.
struct IdentityClaims {
  std::string_view kind, subject, key_id, plan, scopes, issuer;
};

// A key with the parts of a token that are the same in all that it signs.
class IdentitySigner {
 public:
  // issuer: what `iss` says, such as "keyward". Throws std::bad_alloc.
  IdentitySigner(std::unique_ptr<const crypto::SigningKey> key, std::string issuer);

  // JWS, compact (RFC 7515): EdDSA, "typ":"identity+jwt", a `kid`; `iss`, `iat`, `exp`, `sub`, `scope` as RFC 9068 has
  // them, and `kind`, `key_id`, `plan`, `issuer`. Throws std::bad_alloc.
  std::string sign(const IdentityClaims &claims, std::int64_t now_s) const;

  // The key set that verifies them (RFC 7517). The key's id is its thumbprint (RFC 7638).
  const std::string &key_set() const noexcept { return key_set_; }

 private:
  std::unique_ptr<const crypto::SigningKey> key_;
  std::string issuer_, header_, key_set_;  // header_: encoded, with its dot
};

}  // namespace keyward::jwt
