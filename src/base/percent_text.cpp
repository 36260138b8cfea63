// Percent-encoding of control characters.
#include "base/percent_text.hpp"

namespace keyward {

namespace {

// How many bytes at the front of text, which isn't empty, are one control character; of U+0080 to U+009F two.
std::size_t control_length(std::string_view text) noexcept {
  const auto byte = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) < 0xa0) {
    return 2;
  }
  return byte(0) < 0x20 || byte(0) == 0x7f ? 1 : 0;
}

// Whether any byte of text may be one that is encoded: of two that make a control character, the first.
bool may_need_percent(std::string_view text, bool with_blanks) noexcept {
  const unsigned char below = with_blanks ? 0x21 : 0x20;
  bool may = false;
  for (const char c : text) {  // to the end, so that the compiler looks at many at once
    const auto byte = static_cast<unsigned char>(c);
    may |= byte < below || byte == 0x7f || byte == 0xc2;
  }
  return may;
}

}  // namespace

bool needs_percent(std::string_view text, bool with_blanks) noexcept {
  if (!may_need_percent(text, with_blanks)) {
    return false;
  }
  for (; !text.empty(); text.remove_prefix(1)) {
    if (control_length(text) != 0 || (with_blanks && text.front() == ' ')) {
      return true;
    }
  }
  return false;
}

void append_percent(char c, std::string *out) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  *out += '%';
  *out += kDigits[static_cast<unsigned char>(c) >> 4];
  *out += kDigits[static_cast<unsigned char>(c) & 15];
}

void append_percent(std::string_view text, bool with_blanks, std::string *out) {
  while (!text.empty()) {
    const bool marked = text.front() == '%' || (with_blanks && text.front() == ' ');
    const std::size_t encoded = marked ? 1 : control_length(text);
    for (const char c : text.substr(0, encoded)) {
      append_percent(c, out);
    }
    if (encoded == 0) {
      *out += text.front();
    }
    text.remove_prefix(encoded != 0 ? encoded : 1);
  }
}

}  // namespace keyward
