// OpenSSL reads the file; libsodium signs, in a fifth of the time.
#include "crypto/signing_key.hpp"

#include <openssl/pem.h>
#include <sodium.h>

#include "base/digest.hpp"
#include "crypto/openssl.hpp"

namespace keyward::crypto {
namespace {

using Bio = std::unique_ptr<BIO, OpensslFree<BIO_free>>;

constexpr std::size_t kMaxPemBytes = 1 << 14;
constexpr const char *kHowTo = "; make one with: openssl genpkey -algorithm ed25519";

// Nobody is asked for a passphrase while nginx starts.
int no_passphrase(char *, int, int, void *) noexcept { return 0; }

}  // namespace

std::unique_ptr<const SigningKey> SigningKey::from_pem(std::string_view pem, std::string *error) {
  static_assert(sizeof(secret_) == crypto_sign_SECRETKEYBYTES && kPublicBytes == crypto_sign_PUBLICKEYBYTES &&
                kSignatureBytes == crypto_sign_BYTES);
  take_errors();
  const Bio bio(pem.size() <= kMaxPemBytes ? BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())) : nullptr);
  const Pkey key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!key) {
    take_errors();
    const bool has_passphrase =
        pem.find("ENCRYPTED") != std::string_view::npos && pem.find("PRIVATE KEY") != std::string_view::npos;
    *error = has_passphrase ? "has a passphrase, which nobody could type; take it off with: openssl pkey"
                            : std::string("holds no private key in PEM") + kHowTo;
    return nullptr;
  }
  Bytes<crypto_sign_SEEDBYTES> seed;
  std::size_t size = seed.size();
  if (EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_private_key(key.get(), seed.data(), &size) != 1 || size != seed.size()) {
    take_errors();
    *error = std::string("is a key of another type than Ed25519") + kHowTo;
    return nullptr;
  }
  std::unique_ptr<SigningKey> made(new SigningKey);
  crypto_sign_seed_keypair(made->point_.data(), made->secret_.data(), seed.data());
  wipe(seed.data(), seed.size());
  return made;
}

SigningKey::~SigningKey() { wipe(secret_.data(), secret_.size()); }

Bytes<SigningKey::kSignatureBytes> SigningKey::sign(std::string_view text) const noexcept {
  Bytes<kSignatureBytes> signature;
  crypto_sign_detached(signature.data(), nullptr, bytes_of(text), text.size(), secret_.data());
  return signature;
}

}  // namespace keyward::crypto
