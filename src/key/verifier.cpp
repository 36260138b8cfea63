// bcrypt by libxcrypt, kept to what bcrypt itself is.
#include "key/verifier.hpp"

#include <crypt.h>

#include <algorithm>

#include "base/digest.hpp"
#include "base/digits.hpp"
#include "base/quote.hpp"
#include "key/crypt_run.hpp"

namespace keyward {

namespace {

constexpr std::size_t kSaltOffset = 7;  // "$2b$10$"
constexpr std::size_t kSaltEnd = kSaltOffset + 22;
constexpr std::size_t kSaltBytes = 16;

bool is_bcrypt_character(char c) noexcept {
  return (c >= '.' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_one_of(char c, std::string_view characters) noexcept { return characters.find(c) != std::string_view::npos; }

}  // namespace

bool parse_verifier(std::string_view text, VerifierChoice *choice, std::string *error) {
  if (text == "sha256") {
    *choice = {VerifierKind::sha256, kDefaultBcryptCost};
    return true;
  }
  if (text == "bcrypt") {
    *choice = {VerifierKind::bcrypt, kDefaultBcryptCost};
    return true;
  }
  constexpr std::string_view kWithCost = "bcrypt:";
  if (text.substr(0, kWithCost.size()) == kWithCost) {
    std::string_view rest = text.substr(kWithCost.size());
    std::uint64_t cost = 0;
    if (take_digits(&rest, kMaxBcryptCost, &cost) && rest.empty() && cost >= kMinBcryptCost) {
      *choice = {VerifierKind::bcrypt, static_cast<int>(cost)};
      return true;
    }
    *error = quote(text) + " needs a cost from " + std::to_string(kMinBcryptCost) + " to " +
             std::to_string(kMaxBcryptCost) + "; write bcrypt:10";
    return false;
  }
  *error = quote(text) + " is not a verifier; write bcrypt, bcrypt:COST or sha256";
  return false;
}

bool is_bcrypt_hash(std::string_view hash) noexcept {
  if (hash.size() != kBcryptHashLength || hash.substr(0, 2) != "$2" || !is_one_of(hash[2], "aby") || hash[3] != '$' ||
      hash[6] != '$') {
    return false;
  }
  std::string_view cost_digits = hash.substr(4, 2);
  std::uint64_t cost = 0;
  if (!take_digits(&cost_digits, kMaxBcryptCost, &cost) || !cost_digits.empty() || cost < kMinBcryptCost) {
    return false;
  }
  // 128 bits of salt in 132, 184 of digest in 186. libxcrypt writes the spare ones as zeros, so that a hash
  // with others would be accepted here and then never match.
  const std::string_view rest = hash.substr(kSaltOffset);
  return std::all_of(rest.begin(), rest.end(), is_bcrypt_character) && is_one_of(hash[kSaltEnd - 1], ".Oeu") &&
         is_one_of(hash[kBcryptHashLength - 1], ".CGKOSWaeimquy26");
}

bool fits_bcrypt(std::string_view key) noexcept {
  return !key.empty() && key.size() <= kMaxBcryptKeyBytes && key.find('\0') == std::string_view::npos;
}

Match bcrypt_matches(std::string_view key, std::string_view hash) noexcept {
  if (!fits_bcrypt(key) || !is_bcrypt_hash(hash)) {
    return Match::no;
  }
  return crypt_matches(key, hash);
}

std::string_view to_text(VerifierKind kind) noexcept {
  switch (kind) {
    case VerifierKind::bcrypt:
      return "bcrypt";
    case VerifierKind::sha256:
      return "sha256";
    case VerifierKind::legacy_prefix:
      return "legacy-prefix";
    case VerifierKind::hash:
      return "hash";
    case VerifierKind::sha512:
      return "sha512";
    case VerifierKind::hmac_sha256:
      return "hmac-sha256";
  }
  return "unknown";
}

bool sha256_matches(const Sha256 &sha, std::string_view verifier) noexcept {
  return verifier.size() == sha.size() && equal_constant_time(verifier.data(), sha.data(), sha.size());
}

std::string bcrypt_hash(std::string_view key, int cost) {
  if (!fits_bcrypt(key) || cost < kMinBcryptCost || cost > kMaxBcryptCost) {
    return {};
  }
  const Bytes<kSaltBytes> salt = random_bytes<kSaltBytes>();
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  if (crypt_gensalt_rn("$2b$", static_cast<unsigned long>(cost), reinterpret_cast<const char *>(salt.data()),
                       kSaltBytes, setting, sizeof(setting)) == nullptr) {
    return {};
  }
  std::string hash = crypt_hash(key, setting);
  return is_bcrypt_hash(hash) ? hash : std::string();
}

}  // namespace keyward
