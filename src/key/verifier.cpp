// bcrypt by libxcrypt, kept to what bcrypt itself is.
#include "key/verifier.hpp"

#include <crypt.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "base/digest.hpp"
#include "base/digits.hpp"
#include "base/quote.hpp"

namespace keyward {

namespace {

constexpr std::size_t kSaltOffset = 7;  // "$2b$10$"
constexpr std::size_t kSaltEnd = kSaltOffset + 22;
constexpr std::size_t kSaltBytes = 16;

// crypt_r()'s 32 KB: too much for a small thread's stack. It wipes its own scratch, but not the output.
class CryptData {
 public:
  CryptData() noexcept : data_(new (std::nothrow) crypt_data()) {}
  ~CryptData() {
    if (data_) {
      wipe(data_.get(), sizeof(crypt_data));
    }
  }
  CryptData(const CryptData &) = delete;
  CryptData &operator=(const CryptData &) = delete;

  // The 60 characters, or nullptr. Both arguments end in a NUL.
  const char *run(const char *key, const char *setting) noexcept {
    const char *out = data_ ? crypt_r(key, setting, data_.get()) : nullptr;
    return out != nullptr && std::strlen(out) == kBcryptHashLength ? out : nullptr;  // an error is "*0" or "*1"
  }

 private:
  std::unique_ptr<crypt_data> data_;
};

// A copy that ends in a NUL, as crypt_r() wants it, and is wiped.
class KeyText {
 public:
  explicit KeyText(std::string_view key) noexcept : size_(std::min(key.size(), kMaxBcryptKeyBytes)) {
    std::memcpy(text_, key.data(), size_);
    text_[size_] = '\0';
  }
  ~KeyText() { wipe(text_, sizeof(text_)); }
  KeyText(const KeyText &) = delete;
  KeyText &operator=(const KeyText &) = delete;
  const char *get() const noexcept { return text_; }

 private:
  std::size_t size_;
  char text_[kMaxBcryptKeyBytes + 1];
};

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
  const KeyText key_text(key);
  char setting[kBcryptHashLength + 1];
  std::memcpy(setting, hash.data(), kBcryptHashLength);
  setting[kBcryptHashLength] = '\0';
  CryptData data;
  const char *computed = data.run(key_text.get(), setting);
  if (computed == nullptr) {
    return Match::failed;
  }
  return equal_constant_time(computed, setting, kBcryptHashLength) ? Match::yes : Match::no;
}

std::string_view to_text(VerifierKind kind) noexcept {
  switch (kind) {
    case VerifierKind::bcrypt:
      return "bcrypt";
    case VerifierKind::sha256:
      return "sha256";
    case VerifierKind::legacy_prefix:
      return "legacy-prefix";
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
  const KeyText key_text(key);
  CryptData data;
  const char *computed = data.run(key_text.get(), setting);
  return computed != nullptr && is_bcrypt_hash(computed) ? std::string(computed) : std::string();
}

}  // namespace keyward
