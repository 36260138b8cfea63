// Quoting of words in error sentences.
#include "base/quote.hpp"

#include <cstddef>

namespace keyward {

namespace {

constexpr std::size_t kMaxQuoted = 64;
constexpr char kDigits[] = "0123456789abcdef";

}  // namespace

std::string quote(std::string_view word) {
  std::string out = "\"";
  for (const char c : word.substr(0, kMaxQuoted)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7e || c == '"' || c == '\\') {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      out += c;
    }
  }
  out += word.size() > kMaxQuoted ? "...\"" : "\"";
  return out;
}

}  // namespace keyward
