// Keys that verify signatures, prepared once: parsed, checked, and with whatever OpenSSL wants to set up.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string_view>

#include "base/bytes.hpp"
#include "crypto/algorithm.hpp"
#include "crypto/key_problem.hpp"

namespace keyward::crypto {

// failed: memory, or the library; never a no, and never a yes.
enum class Match { yes, no, failed };

// Immutable: any number of threads may verify with one key. init_crypto() (base/digest.hpp) must have run.
class VerificationKey {
 public:
  virtual ~VerificationKey() = default;
  VerificationKey(const VerificationKey &) = delete;
  VerificationKey &operator=(const VerificationKey &) = delete;

  KeyType type() const noexcept { return type_; }
  // What its type and length can verify.
  AlgorithmSet algorithms() const noexcept { return algorithms_; }
  // Names the key's material, and nothing else: the same key under another kid has the same id. For a secret it is no
  // secret, but lets guesses be checked: not for logs.
  const Digest &id() const noexcept { return id_; }
  // Whether what the other one verifies may be what this one does: keys of one material, and secrets that are the same
  // to an HMAC though their bytes differ.
  virtual bool shares_with(const VerificationKey &other) const noexcept { return id_ == other.id_; }
  // About how long it takes to look at one signature, in microseconds of a usual processor.
  std::uint32_t cost_us() const noexcept { return cost_us_; }

  // Whether signature, in the form that JWS gives it (RFC 7518, section 3), is that of text. An algorithm that isn't in
  // algorithms() is a no.
  Match verify(Algorithm algorithm, std::string_view text, std::string_view signature) const noexcept {
    return algorithms_.has(algorithm) ? check(algorithm, text, signature) : Match::no;
  }

 protected:
  VerificationKey(KeyType type, AlgorithmSet algorithms, std::initializer_list<std::string_view> material);

 private:
  virtual Match check(Algorithm algorithm, std::string_view text, std::string_view signature) const noexcept = 0;

  KeyType type_;
  AlgorithmSet algorithms_;
  Digest id_ = {};
  std::uint32_t cost_us_;
};

using KeyPointer = std::shared_ptr<const VerificationKey>;

// Each makes a key of bytes as JWK has them (RFC 7518, section 6; RFC 8037), or gives nullptr and says why.
KeyPointer make_ed25519_key(std::string_view point, KeyProblem *problem);
// curve is p256, p384 or p521.
KeyPointer make_ec_key(KeyType curve, std::string_view x, std::string_view y, KeyProblem *problem);
KeyPointer make_rsa_key(std::string_view modulus, std::string_view exponent, KeyProblem *problem);
KeyPointer make_secret_key(std::string_view secret, KeyProblem *problem);
// From a PEM text with exactly one "PUBLIC KEY" or "RSA PUBLIC KEY".
KeyPointer make_pem_key(std::string_view pem, KeyProblem *problem);

}  // namespace keyward::crypto
