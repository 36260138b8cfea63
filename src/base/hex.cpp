// Hexadecimal text.
#include "base/hex.hpp"

#include <cstddef>

namespace keyward {

namespace {

constexpr char kDigits[] = "0123456789abcdef";

// 0 to 15, or -1.
int digit_of(char c) noexcept {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

}  // namespace

std::string to_hex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

bool from_hex(std::string_view text, std::uint8_t *out, std::size_t size) noexcept {
  // Halved rather than doubled, so that no size can overflow.
  if (text.size() % 2 != 0 || text.size() / 2 != size) {
    return false;
  }
  for (std::size_t i = 0; i < size; ++i) {
    const int high = digit_of(text[2 * i]);
    const int low = digit_of(text[2 * i + 1]);
    if (high < 0 || low < 0) {
      return false;
    }
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

}  // namespace keyward
