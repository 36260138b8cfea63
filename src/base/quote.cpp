// Escapes and quotes.
#include "base/quote.hpp"

#include <array>

namespace keyward {

namespace {

constexpr std::size_t kMaxQuoted = 64;
constexpr char kDigits[] = "0123456789abcdef";

}  // namespace

char *escape_printable(char *out, std::string_view text) noexcept {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7e || c == '"' || c == '\\') {
      *out++ = '\\';
      *out++ = 'x';
      *out++ = kDigits[byte >> 4];
      *out++ = kDigits[byte & 15];
    } else {
      *out++ = c;
    }
  }
  return out;
}

std::string quote(std::string_view word) {
  std::array<char, kEscapedBytes * kMaxQuoted> escaped;
  char *const end = escape_printable(escaped.data(), word.substr(0, kMaxQuoted));
  std::string out = "\"";
  out.append(escaped.data(), end);
  out += word.size() > kMaxQuoted ? "...\"" : "\"";
  return out;
}

}  // namespace keyward
