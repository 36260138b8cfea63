// Texts for the reasons why a key is refused.
#include "crypto/key_problem.hpp"

namespace keyward::crypto {

std::string_view to_text(KeyProblem problem) noexcept {
  switch (problem) {
    case KeyProblem::none:
      return "nothing is wrong with it";
    case KeyProblem::not_an_object:
      return "it is not a JSON object";
    case KeyProblem::bad_member:
      return "one of kty, kid, use, key_ops and alg is missing or not what RFC 7517 says";
    case KeyProblem::unknown_type:
      return "its type is none of Ed25519, EC and RSA";
    case KeyProblem::unknown_curve:
      return "its curve is none of Ed25519, P-256, P-384 and P-521";
    case KeyProblem::missing_member:
      return "a member that makes up the key is missing";
    case KeyProblem::bad_encoding:
      return "it is not encoded as it should be";
    case KeyProblem::wrong_length:
      return "a coordinate is not as long as the curve's";
    case KeyProblem::point_off_curve:
      return "its point is not on the curve";
    case KeyProblem::weak_point:
      return "its point is not one that an Ed25519 key can have";
    case KeyProblem::short_modulus:
      return "RSA with less than 2048 bits";
    case KeyProblem::long_modulus:
      return "RSA with more than 8192 bits";
    case KeyProblem::bad_modulus:
      return "an RSA modulus that is even";
    case KeyProblem::bad_exponent:
      return "an RSA exponent that is even, less than 3 or longer than 64 bits";
    case KeyProblem::short_secret:
      return "a secret shorter than its hash (32 bytes for HS256, 48 for HS384, 64 for HS512)";
    case KeyProblem::secret_not_allowed:
      return "a secret where public keys are expected";
    case KeyProblem::private_key:
      return "it is a private key, published";
    case KeyProblem::not_for_signatures:
      return "it is not for verifying signatures";
    case KeyProblem::algorithm_mismatch:
      return "its alg is none that a key of this type can verify";
    case KeyProblem::not_one_key:
      return "not exactly one public key in PEM";
    case KeyProblem::too_many_keys:
      return "more keys than a set may have";
    case KeyProblem::crypto_failure:
      return "the cryptographic library failed";
  }
  return {};
}

}  // namespace keyward::crypto
