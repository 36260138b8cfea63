// Ed25519 by libsodium: 49 us where OpenSSL takes 111, and it refuses what RFC 8032 leaves open (small orders, s >= L).
#include <sodium.h>

#include <cstring>

#include "crypto/verification_key.hpp"

namespace keyward::crypto {

namespace {

const unsigned char *bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char *>(text.data());
}

class Ed25519Key final : public VerificationKey {
 public:
  explicit Ed25519Key(std::string_view point)
      : VerificationKey(KeyType::ed25519, algorithms_of(KeyType::ed25519), {point}) {
    std::memcpy(point_.data(), point.data(), point_.size());
  }

 private:
  Match check(Algorithm /*algorithm*/, std::string_view text, std::string_view signature) const noexcept override {
    const bool good = signature.size() == crypto_sign_BYTES &&
                      crypto_sign_verify_detached(bytes_of(signature), bytes_of(text), text.size(), point_.data()) == 0;
    return good ? Match::yes : Match::no;
  }

  Bytes<crypto_sign_PUBLICKEYBYTES> point_ = {};
};

}  // namespace

KeyPointer make_ed25519_key(std::string_view point, KeyProblem *problem) {
  if (point.size() != crypto_sign_PUBLICKEYBYTES) {
    *problem = KeyProblem::wrong_length;
    return nullptr;
  }
  if (crypto_core_ed25519_is_valid_point(bytes_of(point)) != 1) {
    *problem = KeyProblem::weak_point;
    return nullptr;
  }
  return std::make_shared<const Ed25519Key>(point);
}

}  // namespace keyward::crypto
