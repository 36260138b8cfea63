// base64url by tables, four characters at a time; a bad one is noticed once, at the end.
#include "base/base64url.hpp"

#include <array>

namespace keyward {

namespace {

constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kBad = 0xff;  // no digit has a bit beyond the sixth

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values = {};
  for (std::uint8_t &value : values) {
    value = kBad;
  }
  for (std::uint8_t i = 0; i < 64; ++i) {
    values[static_cast<unsigned char>(kDigits[i])] = i;
  }
  return values;
}

constexpr std::array<std::uint8_t, 256> kValues = make_values();

std::uint32_t value_of(char c) noexcept { return kValues[static_cast<unsigned char>(c)]; }

char digit(std::uint32_t bits) noexcept { return kDigits[bits & 63]; }

}  // namespace

bool from_base64url(std::string_view text, std::uint8_t *out) noexcept {
  std::uint32_t seen = 0;  // all digits' bits
  const char *in = text.data();
  for (std::size_t left = text.size() / 4; left > 0; --left, in += 4, out += 3) {
    const std::uint32_t a = value_of(in[0]);
    const std::uint32_t b = value_of(in[1]);
    const std::uint32_t c = value_of(in[2]);
    const std::uint32_t d = value_of(in[3]);
    seen |= a | b | c | d;
    const std::uint32_t group = a << 18 | b << 12 | c << 6 | d;
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
    const std::uint32_t a = value_of(in[0]);
    const std::uint32_t b = value_of(in[1]);
    const std::uint32_t c = rest == 3 ? value_of(in[2]) : 0;
    seen |= a | b | c;
    const std::uint32_t group = a << 18 | b << 12 | c << 6;
    out[0] = static_cast<std::uint8_t>(group >> 16);
    if (rest == 3) {
      out[1] = static_cast<std::uint8_t>(group >> 8);
    }
    unused = rest == 3 ? c & 3 : b & 15;
  }
  return seen < 64 && unused == 0;
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
