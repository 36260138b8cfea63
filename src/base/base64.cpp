// One character after the other: such texts are short.
#include "base/base64.hpp"

#include "base/bytes.hpp"

namespace keyward {

namespace {

constexpr std::uint32_t kBad = 64;

std::uint32_t value_of(Base64 form, char c) noexcept {
  if (c >= 'A' && c <= 'Z') {
    return static_cast<std::uint32_t>(c - 'A');
  }
  if (c >= 'a' && c <= 'z') {
    return static_cast<std::uint32_t>(c - 'a' + 26);
  }
  if (c >= '0' && c <= '9') {
    return static_cast<std::uint32_t>(c - '0' + 52);
  }
  const bool is_any = form == Base64::any;
  if (c == (form == Base64::adapted ? '.' : '+') || (is_any && c == '-')) {
    return 62;
  }
  return c == '/' || (is_any && c == '_') ? 63 : kBad;
}

// Takes the padding away. false: it isn't there as the form wants it.
bool take_padding(Base64 form, std::string_view *text) noexcept {
  const std::size_t end = text->find('=');
  if (end == std::string_view::npos) {
    return form != Base64::padded || text->size() % 4 == 0;
  }
  const std::string_view padding = text->substr(end);
  const bool whole = text->size() % 4 == 0 && (padding == "=" || padding == "==");
  text->remove_suffix(padding.size());
  return whole && (form == Base64::padded || form == Base64::any);
}

}  // namespace

bool from_base64(Base64 form, std::string_view text, std::uint8_t *out, std::size_t room, std::size_t *size) noexcept {
  *size = 0;
  if (!take_padding(form, &text) || text.size() % 4 == 1) {
    return false;
  }
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const std::uint32_t value = value_of(form, c);
    if (value == kBad) {
      return false;
    }
    bits = bits << 6 | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      if (*size == room) {
        return false;
      }
      out[(*size)++] = static_cast<std::uint8_t>(bits >> held);
      bits &= (1U << held) - 1;
    }
  }
  return bits == 0;
}

}  // namespace keyward
