// Copies that end in a NUL, and crypt_r()'s memory, all of which is wiped.
#include "key/crypt_run.hpp"

#include <crypt.h>

#include <cstring>
#include <memory>
#include <new>

#include "base/digest.hpp"

namespace keyward {

namespace {

static_assert(kMaxCryptKeyBytes == CRYPT_MAX_PASSPHRASE_SIZE - 1);
static_assert(kMaxCryptHashBytes == CRYPT_OUTPUT_SIZE - 1);

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

  // What it made, or nullptr. Both arguments end in a NUL.
  const char *run(const char *key, const char *setting) noexcept {
    const char *out = data_ ? crypt_r(key, setting, data_.get()) : nullptr;
    return out != nullptr && out[0] != '*' ? out : nullptr;  // an error is "*0" or "*1"
  }

 private:
  std::unique_ptr<crypt_data> data_;
};

template <std::size_t kMost>
class Copy {
 public:
  explicit Copy(std::string_view text) noexcept {
    const std::size_t size = text.copy(text_, kMost);
    text_[size] = '\0';
  }
  ~Copy() { wipe(text_, sizeof(text_)); }
  Copy(const Copy &) = delete;
  Copy &operator=(const Copy &) = delete;
  const char *get() const noexcept { return text_; }

 private:
  char text_[kMost + 1];
};

}  // namespace

bool fits_crypt(std::string_view key) noexcept {
  return !key.empty() && key.size() <= kMaxCryptKeyBytes && key.find('\0') == std::string_view::npos;
}

Match crypt_matches(std::string_view key, std::string_view hash) noexcept {
  if (!fits_crypt(key) || hash.size() > kMaxCryptHashBytes) {
    return Match::no;
  }
  const Copy<kMaxCryptKeyBytes> key_text(key);
  const Copy<kMaxCryptHashBytes> setting(hash);
  CryptData data;
  const char *computed = data.run(key_text.get(), setting.get());
  if (computed == nullptr) {
    return Match::failed;
  }
  return std::strlen(computed) == hash.size() && equal_constant_time(computed, hash.data(), hash.size()) ? Match::yes
                                                                                                         : Match::no;
}

std::string crypt_hash(std::string_view key, const char *setting) {
  const Copy<kMaxCryptKeyBytes> key_text(key);
  CryptData data;
  const char *computed = data.run(key_text.get(), setting);
  return computed != nullptr ? computed : std::string();
}

}  // namespace keyward
