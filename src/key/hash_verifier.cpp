// argon2 by libsodium, PBKDF2 by OpenSSL, all others by crypt(3).
#include "key/hash_verifier.hpp"

#include <openssl/evp.h>
#include <sodium.h>
#include <sys/mman.h>

#include <array>
#include <cstring>

#include "base/digest.hpp"
#include "key/crypt_run.hpp"
#include "key/hash_form.hpp"

namespace keyward {

namespace {

// libsodium says the same of a key that is wrong and of memory that it didn't get. The latter must not pass for the
// former, so it is tried out.
bool is_there_memory(std::uint64_t bytes) noexcept {
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory != MAP_FAILED && munmap(memory, bytes) == 0;
}

Match argon2_matches(std::string_view key, std::string_view hash, const HashForm &form) noexcept {
  char text[kMaxHashTextBytes + 1];  // it wants a NUL behind it
  text[hash.copy(text, kMaxHashTextBytes)] = '\0';
  const auto verify =
      form.scheme == HashScheme::argon2id ? crypto_pwhash_argon2id_str_verify : crypto_pwhash_argon2i_str_verify;
  if (!is_there_memory(form.memory_bytes)) {
    return Match::failed;
  }
  if (verify(text, key.data(), key.size()) == 0) {
    return Match::yes;
  }
  return is_there_memory(form.memory_bytes) ? Match::no : Match::failed;
}

Match pbkdf2_matches(std::string_view key, const HashForm &form) noexcept {
  std::array<std::uint8_t, 64> salt = {}, wanted = {}, computed = {};
  std::size_t salt_size = 0, size = 0;
  if (!from_base64(form.base64, form.digest, wanted.data(), wanted.size(), &size) ||
      (!form.plain_salt && !from_base64(form.base64, form.salt, salt.data(), salt.size(), &salt_size))) {
    return Match::no;
  }
  const std::string_view salt_bytes =
      form.plain_salt ? form.salt : std::string_view(reinterpret_cast<const char *>(salt.data()), salt_size);
  const EVP_MD *digest = form.scheme == HashScheme::pbkdf2_sha256 ? EVP_sha256() : EVP_sha512();
  const bool ran =
      PKCS5_PBKDF2_HMAC(key.data(), static_cast<int>(key.size()),
                        reinterpret_cast<const unsigned char *>(salt_bytes.data()), static_cast<int>(salt_bytes.size()),
                        static_cast<int>(form.iterations), digest, static_cast<int>(size), computed.data()) == 1;
  const bool same = equal_constant_time(computed.data(), wanted.data(), size);
  wipe(computed.data(), computed.size());
  return !ran ? Match::failed : same ? Match::yes : Match::no;
}

bool is_crypts(HashScheme scheme) noexcept {
  return scheme == HashScheme::scrypt || scheme == HashScheme::yescrypt || scheme == HashScheme::sha512_crypt;
}

}  // namespace

bool fits_hash(std::string_view key, std::string_view hash) noexcept {
  HashForm form;
  return parse_hash(hash, &form) == HashFault::none && !key.empty() && (!is_crypts(form.scheme) || fits_crypt(key));
}

Match hash_matches(std::string_view key, std::string_view hash) noexcept {
  HashForm form;
  if (parse_hash(hash, &form) != HashFault::none || key.empty()) {
    return Match::no;
  }
  switch (form.scheme) {
    case HashScheme::argon2id:
    case HashScheme::argon2i:
      return argon2_matches(key, hash, form);
    case HashScheme::pbkdf2_sha256:
    case HashScheme::pbkdf2_sha512:
      return pbkdf2_matches(key, form);
    case HashScheme::scrypt:
    case HashScheme::yescrypt:
    case HashScheme::sha512_crypt:
      return crypt_matches(key, hash);
  }
  return Match::no;
}

bool fits_slow(VerifierKind kind, std::string_view key, std::string_view verifier) noexcept {
  return kind == VerifierKind::hash ? fits_hash(key, verifier) : fits_bcrypt(key);
}

Match slow_matches(VerifierKind kind, std::string_view key, std::string_view verifier) noexcept {
  switch (kind) {
    case VerifierKind::bcrypt:
    case VerifierKind::legacy_prefix:
      return bcrypt_matches(key, verifier);
    case VerifierKind::hash:
      return hash_matches(key, verifier);
    case VerifierKind::sha256:
    case VerifierKind::sha512:
    case VerifierKind::hmac_sha256:
      break;
  }
  return Match::no;
}

}  // namespace keyward
