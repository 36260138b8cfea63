// A private key that signs: Ed25519 (RFC 8032).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace keyward::crypto {

// Immutable; may be shared by threads. Wiped when it goes.
class SigningKey {
 public:
  // One block "PRIVATE KEY" in PEM, as `openssl genpkey -algorithm ed25519` writes it, without a passphrase. nullptr,
  // and a clause for a person that says what is wrong and what to write; it never quotes the text.
  static std::unique_ptr<const SigningKey> from_pem(std::string_view pem, std::string *error);
  ~SigningKey();
  SigningKey(const SigningKey &) = delete;
  SigningKey &operator=(const SigningKey &) = delete;

  static constexpr std::size_t kSignatureBytes = 64, kPublicBytes = 32;
  // Some 20 us.
  Bytes<kSignatureBytes> sign(std::string_view text) const noexcept;
  const Bytes<kPublicBytes> &public_point() const noexcept { return point_; }

 private:
  SigningKey() = default;

  Bytes<kPublicBytes> point_ = {};
  Bytes<64> secret_ = {};
};

}  // namespace keyward::crypto
