// The keyed checksum of every record: over its table, its key and its content, under the store's secret, so that damage
// is refused and never becomes another's identity.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/digest.hpp"

namespace keyward {

enum class Table : std::uint8_t {
  meta = 1,      // credentials: names in schema.hpp
  keys,          // credentials: id -> key record
  index,         // credentials: locator, mostly the first 16 bytes of SHA-256(key) -> id
  prefixes,      // credentials: plain prefix \0 id -> nothing (keys that have no locator yet)
  subject_keys,  // credentials: subject \0 id -> nothing
  subjects,      // credentials: subject -> record
  plans,         // credentials: name -> record
  usage_meta,    // usage: "schema"
  usage,         // usage: usage_name(id) -> counts
  windows,       // usage: long windows over a restart
  purged,        // credentials: first 16 bytes of SHA-256(id) -> when its revoked record was removed
  denials,       // credentials: kind and first 16 bytes of SHA-256(name) -> denial record
  journal,       // credentials: number (big-endian) -> journal entry
  balances,      // usage: digest of whose balance -> what was spent of it
};

inline constexpr std::size_t kTableCount = static_cast<std::size_t>(Table::balances) + 1;

inline constexpr std::size_t kSecretBytes = 32;
inline constexpr std::size_t kSealBytes = 16;

class Seal {
 public:
  Seal() = default;
  explicit Seal(const Bytes<kSecretBytes> &secret) noexcept;

  Digest tag(Table table, std::string_view key, std::string_view content) const noexcept;
  // content followed by its tag.
  std::string sealed(Table table, std::string_view key, std::string_view content) const;
  // Splits a stored value; false if its tag doesn't hold. Views into `stored`; nothing is copied.
  bool open(Table table, std::string_view key, std::string_view stored, std::string_view *content,
            Digest *tag = nullptr) const noexcept;

  // What names a key in the usage environment and in shared memory: a keyed digest of its id.
  Digest usage_name(std::string_view id) const noexcept;

  // Under which a zone makes the names of windows, so that they are the same after a restart.
  const DigestKey &window_key() const noexcept { return window_key_; }

 private:
  std::array<DigestKey, kTableCount> table_keys_ = {};
  DigestKey usage_key_ = {}, window_key_ = {};
};

}  // namespace keyward
