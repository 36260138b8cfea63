// SHA-256 by OpenSSL; what is seldom asked for, SipHash, randomness and wiping by libsodium.

// SHA256_Init and its sisters are deprecated in OpenSSL 3, but they take 0.39 us for a key where the
// fetched EVP digest takes 0.48 and SHA256() 0.95, and they can't fail.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/digest.hpp"

#include <openssl/sha.h>
#include <sodium.h>

#include <new>

namespace keyward {

static_assert(SHA256_DIGEST_LENGTH == std::tuple_size_v<Sha256>);
static_assert(crypto_hash_sha512_BYTES == std::tuple_size_v<Sha512>);
static_assert(crypto_auth_hmacsha256_BYTES == std::tuple_size_v<Sha256>);
static_assert(crypto_shorthash_siphashx24_BYTES == std::tuple_size_v<Digest>);
static_assert(crypto_shorthash_siphashx24_KEYBYTES == std::tuple_size_v<DigestKey>);

bool init_crypto() noexcept { return sodium_init() >= 0; }

Sha256 sha256(std::string_view data) noexcept {
  Sha256 digest;
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, data.data(), data.size());
  SHA256_Final(digest.data(), &context);  // also cleans the block that held the data's end
  return digest;
}

static_assert(sizeof(SHA256_CTX) <= sizeof(Sha256Stream) && alignof(SHA256_CTX) <= 8);

void Sha256Stream::begin() noexcept { SHA256_Init(new (state_) SHA256_CTX); }

void Sha256Stream::add(std::string_view piece) noexcept {
  SHA256_Update(std::launder(reinterpret_cast<SHA256_CTX *>(state_)), piece.data(), piece.size());
}

Sha256 Sha256Stream::finish() noexcept {
  Sha256 digest;
  SHA256_Final(digest.data(), std::launder(reinterpret_cast<SHA256_CTX *>(state_)));
  return digest;
}

Sha512 sha512(std::string_view data) noexcept {
  Sha512 digest;
  crypto_hash_sha512(digest.data(), reinterpret_cast<const unsigned char *>(data.data()), data.size());
  return digest;
}

Sha256 hmac_sha256(std::string_view secret, std::string_view data) noexcept {
  Sha256 digest;
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, reinterpret_cast<const unsigned char *>(secret.data()), secret.size());
  crypto_auth_hmacsha256_update(&state, reinterpret_cast<const unsigned char *>(data.data()), data.size());
  crypto_auth_hmacsha256_final(&state, digest.data());
  wipe(&state, sizeof(state));
  return digest;
}

Digest keyed_digest(const DigestKey &key, std::string_view data) noexcept {
  Digest digest;
  crypto_shorthash_siphashx24(digest.data(), reinterpret_cast<const unsigned char *>(data.data()), data.size(),
                              key.data());
  return digest;
}

Digest keyed_digest(const DigestKey &key, std::string_view first, std::string_view second) noexcept {
  // Any constant but zero: it keeps the inner key apart from those that keyed_digest(key, data) shows.
  DigestKey first_key = key;
  for (std::uint8_t &byte : first_key) {
    byte ^= 0x5c;
  }
  DigestKey second_key = keyed_digest(first_key, first);
  const Digest digest = keyed_digest(second_key, second);
  wipe(first_key.data(), first_key.size());
  wipe(second_key.data(), second_key.size());
  return digest;
}

void fill_random(void *out, std::size_t size) noexcept { randombytes_buf(out, size); }

bool equal_constant_time(const void *a, const void *b, std::size_t size) noexcept {
  return sodium_memcmp(a, b, size) == 0;
}

void wipe(void *data, std::size_t size) noexcept { sodium_memzero(data, size); }

}  // namespace keyward
