// Base62 text, random text and the checksum of minted keys.
#include "base/base62.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/ascii.hpp"
#include "base/digest.hpp"

namespace keyward {

namespace {

// Eight bytes a step ("slicing by 8"): row k tells what a byte becomes after k further zero bytes. A key's
// checksum is looked at in every request, and the simple loop costs three times as much.
using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320U : 0);
    }
    tables[0][i] = value;
  }
  for (std::size_t row = 1; row < tables.size(); ++row) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint32_t value = tables[row - 1][i];
      tables[row][i] = (value >> 8) ^ tables[0][value & 255];
    }
  }
  return tables;
}

constexpr CrcTables kCrc = make_crc_tables();

}  // namespace

bool is_base62(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c); });
}

std::string random_base62(std::size_t length) { return random_text(kBase62Alphabet, length); }

std::string random_text(std::string_view alphabet, std::size_t length) {
  std::string out;
  out.reserve(length);
  // Bytes from here on are thrown away: they would favour the alphabet's first characters.
  const std::size_t limit = 256 - 256 % alphabet.size();
  Bytes<64> bytes;
  while (out.size() < length) {
    fill_random(bytes.data(), bytes.size());
    for (const std::uint8_t byte : bytes) {
      if (byte < limit && out.size() < length) {
        out += alphabet[byte % alphabet.size()];
      }
    }
  }
  wipe(bytes.data(), bytes.size());
  return out;
}

std::string to_base62(std::uint64_t value, std::size_t width) {
  std::string out;
  for (; value != 0; value /= 62) {
    out += kBase62Alphabet[value % 62];
  }
  if (out.size() < width) {
    out.append(width - out.size(), '0');
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::uint32_t crc32(std::string_view data) noexcept {
  std::uint32_t crc = ~std::uint32_t{0};
  for (; data.size() >= 8; data.remove_prefix(8)) {
    std::uint64_t word;
    std::memcpy(&word, data.data(), sizeof(word));
    word ^= crc;  // little-endian: the crc meets the first four bytes
    crc = 0;
    for (std::size_t i = 0; i < 8; ++i, word >>= 8) {
      crc ^= kCrc[7 - i][word & 255];
    }
  }
  for (const char c : data) {
    crc = (crc >> 8) ^ kCrc[0][(crc ^ static_cast<unsigned char>(c)) & 255];
  }
  return ~crc;
}

void checksum_of(std::string_view data, char *out) noexcept {
  std::uint32_t value = crc32(data);
  for (std::size_t i = kChecksumLength; i > 0; --i, value /= 62) {
    out[i - 1] = kBase62Alphabet[value % 62];
  }
}

}  // namespace keyward
