// Base62 text (0-9A-Za-z) for minted keys, ids and checksums.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace keyward {

inline constexpr std::string_view kBase62Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

bool is_base62(std::string_view text) noexcept;

// length characters, each uniform over 62 (rejection sampling from the kernel's generator).
std::string random_base62(std::size_t length);
// The same over any alphabet of 2 to 256 characters.
std::string random_text(std::string_view alphabet, std::size_t length);

// value in base62, most significant first, left-padded with '0' to width; longer where it must be.
std::string to_base62(std::uint64_t value, std::size_t width);

// CRC-32 (IEEE 802.3, as zlib) of data.
std::uint32_t crc32(std::string_view data) noexcept;

inline constexpr std::size_t kChecksumLength = 6;

// The checksum of a key format: crc32(data) in base62, kChecksumLength characters; written to out
// without a terminator.
void checksum_of(std::string_view data, char *out) noexcept;

}  // namespace keyward
