// Texts for what becomes of a token.
#include "jwt/cause.hpp"

namespace keyward::jwt {

Outcome outcome_of(Cause cause) noexcept {
  switch (cause) {
    case Cause::none:
      return Outcome::accepted;
    case Cause::expired:
      return Outcome::expired_token;
    case Cause::no_keys:
      return Outcome::keys_unavailable;
    case Cause::crypto_failure:
      return Outcome::internal_error;
    default:
      return Outcome::invalid_token;
  }
}

std::string_view to_text(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::accepted:
      return "accepted";
    case Outcome::invalid_token:
      return "invalid_token";
    case Outcome::expired_token:
      return "expired_token";
    case Outcome::unknown_key:
      return "unknown_key";
    case Outcome::keys_unavailable:
      return "keys_unavailable";
    case Outcome::internal_error:
      return "internal_error";
  }
  return {};
}

std::string_view to_text(Cause cause) noexcept {
  switch (cause) {
    case Cause::none:
      return "nothing is wrong with it";
    case Cause::too_long:
      return "it is longer than 64 KiB";
    case Cause::not_three_parts:
      return "it is not three parts separated by dots";
    case Cause::bad_encoding:
      return "a part is not base64url";
    case Cause::bad_header:
      return "its header is not a valid JSON object, or has duplicate members";
    case Cause::bad_header_member:
      return "its header has no alg, or alg, kid or typ is not a string";
    case Cause::critical_header:
      return "its header has crit or b64, which are not supported";
    case Cause::unknown_algorithm:
      return "its alg is not supported";
    case Cause::bad_payload:
      return "its payload is not a valid JSON object, or has duplicate members";
    case Cause::wrong_issuer:
      return "its iss is not that of an accepted issuer";
    case Cause::algorithm_not_allowed:
      return "its alg is not allowed by the issuer's algorithms or its keys";
    case Cause::no_keys:
      return "the issuer's keys have not been fetched yet";
    case Cause::unknown_key:
      return "its kid is in no key set";
    case Cause::bad_signature:
      return "its signature verifies with no key of an accepted issuer";
    case Cause::wrong_type:
      return "its typ is not the required one";
    case Cause::required_claim:
      return "a required claim is missing or has another value";
    case Cause::bad_claim:
      return "iss, aud or jti is malformed: iss and jti are strings, aud is a string or an array of strings";
    case Cause::wrong_audience:
      return "its aud has none of the configured audiences";
    case Cause::bad_time:
      return "exp, nbf or iat is not a number of seconds";
    case Cause::no_expiry:
      return "it has no exp";
    case Cause::unknown_lifetime:
      return "max_lifetime needs exp and iat, and one of them is missing";
    case Cause::lifetime_too_long:
      return "it lives longer than max_lifetime";
    case Cause::not_yet_valid:
      return "its nbf is in the future";
    case Cause::issued_in_future:
      return "its iat is in the future";
    case Cause::numeric_subject:
      return "its subject claim is a number, and no string: where whole numbers name subjects, write `integer` in "
             "`subject`";
    case Cause::unfit_number:
      return "its subject claim is a number other than a whole one from 0 to 9007199254740991, in decimal digits";
    case Cause::bad_subject:
      return "its subject claim is not a valid subject: a string of 1 to 256 bytes without control characters, and "
             "without white space at its ends";
    case Cause::bad_plan:
      return "its plan claim is not a valid name of a plan";
    case Cause::expired:
      return "it has expired";
    case Cause::too_many_keys:
      return "it has no kid, and its signature verifies with none of the first 16 keys, which are all that is tried: "
             "let the issuer write a kid";
    case Cause::crypto_failure:
      return "the cryptographic library failed";
  }
  return {};
}

}  // namespace keyward::jwt
