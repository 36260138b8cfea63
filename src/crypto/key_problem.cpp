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
      return "kty is missing, or one of kty, kid, use, key_ops and alg has the wrong JSON type (RFC 7517)";
    case KeyProblem::unknown_type:
      return "its type is not supported: only Ed25519, EC and RSA are";
    case KeyProblem::unknown_curve:
      return "its curve is not supported: only Ed25519, P-256, P-384 and P-521 are";
    case KeyProblem::missing_member:
      return "a member of the key itself is missing: n and e of RSA, crv, x and y of EC, crv and x of Ed25519, "
             "k of a secret (oct)";
    case KeyProblem::bad_encoding:
      return "its encoding is wrong: base64url in a JWK, DER within a PEM file";
    case KeyProblem::plain_base64:
      return "its numbers are in base64 with padding (=), + or /, and a JWK has base64url without padding (RFC 7515, "
             "section 2): let the issuer mend it, or write a mended copy into a file for jwks_file";
    case KeyProblem::certificate:
      return "it is a certificate, and no public key; take the key out of it: openssl x509 -pubkey -noout -in "
             "CERTIFICATE > KEY";
    case KeyProblem::wrong_length:
      return "x or y has the wrong length for its curve";
    case KeyProblem::point_off_curve:
      return "its point is not on the curve";
    case KeyProblem::weak_point:
      return "its x is not a valid Ed25519 public key";
    case KeyProblem::short_modulus:
      return "an RSA key needs at least 2048 bits";
    case KeyProblem::long_modulus:
      return "an RSA key may have at most 8192 bits";
    case KeyProblem::bad_modulus:
      return "its RSA modulus (n) is not valid: it is even";
    case KeyProblem::bad_exponent:
      return "its RSA exponent (e) is even, less than 3 or longer than 64 bits";
    case KeyProblem::bad_secret_text:
      return "it is not the text that it is said to be: base64url is letters, digits, - and _, without = and blanks; "
             "hex is an even number of 0-9, a-f and A-F";
    case KeyProblem::short_secret:
      return "the secret is too short: HS256 needs 32 bytes, HS384 48, HS512 64";
    case KeyProblem::secret_not_allowed:
      return "it is a secret (kty oct), and only public keys may be here";
    case KeyProblem::private_key:
      return "it is a private key: publish the public one";
    case KeyProblem::not_for_signatures:
      return "it is not for verifying signatures (see its use and key_ops)";
    case KeyProblem::algorithm_mismatch:
      return "its alg does not fit a key of its type";
    case KeyProblem::not_one_key:
      return "it must be exactly one public key in PEM";
    case KeyProblem::too_many_keys:
      return "the set has too many keys: only the first 128 are used";
    case KeyProblem::crypto_failure:
      return "the cryptographic library failed";
  }
  return {};
}

}  // namespace keyward::crypto
