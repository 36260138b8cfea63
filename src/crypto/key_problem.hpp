// Why a key is refused.
#pragma once

#include <cstdint>
#include <string_view>

namespace keyward::crypto {

enum class KeyProblem : std::uint8_t {
  none,
  not_an_object,       // an element of a set that is no JSON object
  bad_member,          // a member of the wrong JSON type, or kty is absent
  unknown_type,        // kty, or a PEM key's type, is none of ours
  unknown_curve,       // crv is none of ours
  missing_member,      // the key's own numbers aren't all there
  bad_encoding,        // not base64url, or not what PEM says it is
  plain_base64,        // base64 as MIME has it: padded, or with '+' and '/'
  certificate,         // a PEM file with a certificate in place of a key
  wrong_length,        // a coordinate of another length than the curve's
  point_off_curve,     // or not in the field
  weak_point,          // Ed25519: not canonical, of small order, or outside the main subgroup
  short_modulus,       // RSA under 2048 bits
  long_modulus,        // RSA over 8192 bits
  bad_modulus,         // even
  bad_exponent,        // even, under 3, or over 64 bits
  bad_secret_text,     // not base64url or hexadecimal, as it was said to be
  short_secret,        // for the algorithm it names, or for any
  secret_not_allowed,  // a secret in a set that was fetched, or beside public keys
  private_key,         // published, so no longer private
  not_for_signatures,  // use or key_ops
  algorithm_mismatch,  // alg isn't one of a key of this type
  not_one_key,         // a PEM file with none or with several
  too_many_keys,       // beyond the set's bound
  crypto_failure       // memory, or the library can't be used: try again
};

// Words for a log, that "key refused: " may precede; they quote nothing of the key.
std::string_view to_text(KeyProblem problem) noexcept;

}  // namespace keyward::crypto
