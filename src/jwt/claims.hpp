// The claims of RFC 7519 that decide whether a token is accepted.
#pragma once

#include <cstdint>
#include <string_view>

#include "json/json.hpp"
#include "jwt/cause.hpp"
#include "jwt/issuer.hpp"

namespace keyward::jwt {

// Cause::none with an object in claims, or bad_payload.
Cause parse_claims(std::string_view payload, json::Value *claims);

// Whether iss is one of those that the issuer says, exactly; true where it says nothing.
bool has_issuer(const Issuer &issuer, const json::Value &claims) noexcept;
bool meets(const Requirement &requirement, const json::Value &claims) noexcept;

// iss, aud and jti are strings (aud: or an array of nothing else), jti without NUL, and aud has one of the audiences:
// none, bad_claim, wrong_audience.
Finding check_names(const Issuer &issuer, const json::Value &claims) noexcept;

struct Times {
  bool has_issued_at = false;
  std::int64_t issued_at_s = 0;  // rounded down
  std::int64_t valid_until_s =
      INT64_MAX;  // the first Unix second at which it is refused, leeway included; INT64_MAX: never
};

// now_s is a Unix time. All of exp, nbf and iat that are there are finite numbers, fractions and exponents allowed; the
// token is good from nbf less the leeway (and iat: an issuer's clock may be ahead) until before exp and the leeway.
// Cause::none, bad_time, no_expiry, unknown_lifetime, lifetime_too_long, not_yet_valid, issued_in_future, expired.
Finding check_times(const Issuer &issuer, const json::Value &claims, std::int64_t now_s, Times *times) noexcept;

}  // namespace keyward::jwt
