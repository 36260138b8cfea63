// Under what a key is found in the store's index: 16 bytes of a digest of the whole key.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"

namespace keyward {

// Of which digest. Every key has a SHA-256; until its first success another system's digest may be all that is known.
// Its numbers are on disk.
enum class LocatorKind : std::uint8_t { sha256 = 0, sha512 = 1, hmac_sha256 = 2 };

std::string_view to_text(LocatorKind kind) noexcept;  // "sha256", as imports name it
bool parse_locator_kind(std::string_view text, LocatorKind *kind) noexcept;

// The first 16 bytes of the SHA-256. Of any other digest (32 bytes or more) what SHA-256 makes of its kind and its first
// 16 bytes: so each kind has a name space of its own in the one index.
Locator locator_of(LocatorKind kind, std::string_view digest) noexcept;

}  // namespace keyward
