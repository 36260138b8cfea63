// base64url by tables, four characters at a time; a bad one is noticed once, at the end.
#include "base/base64url.hpp"

#include <array>

namespace keyward {

namespace {

constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint32_t kBad = 1U << 31;  // beyond what four digits hold

// What each character is worth as the first, second, third and fourth of a group.
using Values = std::array<std::array<std::uint32_t, 256>, 4>;

constexpr Values make_values() {
  Values values = {};
  for (std::uint32_t place = 0; place < 4; ++place) {
    for (std::uint32_t &value : values[place]) {
      value = kBad;
    }
    for (std::uint32_t i = 0; i < 64; ++i) {
      values[place][static_cast<unsigned char>(kDigits[i])] = i << (18 - 6 * place);
    }
  }
  return values;
}

constexpr Values kValues = make_values();

std::uint32_t value_of(char c, std::size_t place) noexcept { return kValues[place][static_cast<unsigned char>(c)]; }

char digit(std::uint32_t bits) noexcept { return kDigits[bits & 63]; }

}  // namespace

bool from_base64url(std::string_view text, std::uint8_t *out) noexcept {
  std::uint32_t seen = 0;  // all groups' bits
  const char *in = text.data();
  for (std::size_t left = text.size() / 4; left > 0; --left, in += 4, out += 3) {
    const std::uint32_t group = value_of(in[0], 0) | value_of(in[1], 1) | value_of(in[2], 2) | value_of(in[3], 3);
    seen |= group;
    out[0] = static_cast<std::uint8_t>(group >> 16);
    out[1] = static_cast<std::uint8_t>(group >> 8);
    out[2] = static_cast<std::uint8_t>(group);
  }
  const std::size_t rest = text.size() % 4;
  if (rest == 1) {
    return false;
  }
  std::uint32_t unused = 0;
  if (rest > 1) {
    const std::uint32_t group = value_of(in[0], 0) | value_of(in[1], 1) | (rest == 3 ? value_of(in[2], 2) : 0);
    seen |= group;
    out[0] = static_cast<std::uint8_t>(group >> 16);
    if (rest == 3) {
      out[1] = static_cast<std::uint8_t>(group >> 8);
    }
    unused = rest == 3 ? group & 0xff : group & 0xffff;
  }
  return (seen & kBad) == 0 && unused == 0;
}

bool from_base64url(std::string_view text, std::string *out) {
  out->resize(base64url_capacity(text.size()));
  if (from_base64url(text, reinterpret_cast<std::uint8_t *>(out->data()))) {
    return true;
  }
  out->clear();
  return false;
}

std::string to_base64url(std::string_view bytes) {
  const auto byte = [bytes](std::size_t i) -> std::uint32_t {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0;
  };
  std::string out;
  out.reserve(bytes.size() / 3 * 4 + 3);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    const std::size_t digits = bytes.size() - i >= 3 ? 4 : bytes.size() - i + 1;
    for (std::size_t k = 0; k < digits; ++k) {
      out += digit(group >> (18 - 6 * k));
    }
  }
  return out;
}

}  // namespace keyward
