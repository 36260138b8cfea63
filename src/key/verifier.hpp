// How the store recognises a whole key: bcrypt (the default) or SHA-256; and what other systems kept.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace keyward {

// Its numbers are on disk.
enum class VerifierKind : std::uint8_t {
  bcrypt = 1,
  sha256 = 2,
  legacy_prefix = 3,  // bcrypt, and the key's plain beginning
  hash = 4,           // a slow hash of another system (hash_form.hpp)
  sha512 = 5,
  hmac_sha256 = 6,  // under the store's pepper
};

std::string_view to_text(VerifierKind kind) noexcept;

inline constexpr int kDefaultBcryptCost = 10;
inline constexpr int kMinBcryptCost = 4;
inline constexpr int kMaxBcryptCost = 14;
inline constexpr std::size_t kMaxBcryptKeyBytes = 72;  // bcrypt reads no further
inline constexpr std::size_t kBcryptHashLength = 60;

struct VerifierChoice {
  VerifierKind kind = VerifierKind::bcrypt;
  int cost = kDefaultBcryptCost;
};

// "bcrypt", "bcrypt:12", "sha256". false with a sentence in error.
bool parse_verifier(std::string_view text, VerifierChoice *choice, std::string *error);

// Whether hash is one that bcrypt_matches() may be asked about: $2a$, $2b$ or $2y$, cost 4 to 14, 60
// characters of bcrypt's own alphabet, with the unused bits of the salt's and the digest's last
// character zero where libxcrypt demands it (check: libxcrypt's own output always passes). crypt_r()
// itself would take DES, MD5 and $2x$.
bool is_bcrypt_hash(std::string_view hash) noexcept;

// Whether a bcrypt verifier may see this key at all: 1 to 72 bytes and no NUL (bcrypt would silently
// cut it).
bool fits_bcrypt(std::string_view key) noexcept;

enum class Match { yes, no, failed };  // failed: crypt_r could not run (memory); never a "no"

// Runs bcrypt: about 60 ms at cost 10, never on the event loop. Thread-safe; the scratch memory (32 KB)
// is wiped. key must satisfy fits_bcrypt() and hash is_bcrypt_hash(), else no.
Match bcrypt_matches(std::string_view key, std::string_view hash) noexcept;

// Whether a verifier of the sha256 kind is this digest of the whole key. Its time doesn't depend on where they differ.
bool sha256_matches(const Sha256 &sha, std::string_view verifier) noexcept;

// A new $2b$ hash with a random salt; empty if crypt_r failed.
std::string bcrypt_hash(std::string_view key, int cost);

}  // namespace keyward
