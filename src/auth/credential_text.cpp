// Finding a credential in a header field's or a query's text.
#include "auth/credential_text.hpp"

#include <algorithm>
#include <cstdint>

#include "base/hex.hpp"

namespace keyward {
namespace {

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool is_base64url(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// Whether an argument's name is this one. What isn't an escape stands for itself.
bool is_named(std::string_view text, std::string_view name) noexcept {
  std::size_t at = 0;
  for (std::size_t i = 0; i < text.size(); ++i, ++at) {
    auto c = static_cast<std::uint8_t>(text[i]);
    std::uint8_t escaped;
    if (c == '%' && i + 2 < text.size() && from_hex(text.substr(i + 1, 2), &escaped, 1)) {
      c = escaped;
      i += 2;
    }
    if (at == name.size() || c != static_cast<std::uint8_t>(name[at])) {
      return false;
    }
  }
  return at == name.size();
}

}  // namespace

std::string_view trim_blanks(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_blank(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

std::string_view bearer_value(std::string_view field) noexcept {
  static constexpr std::string_view kScheme = "bearer";
  field = trim_blanks(field);
  if (field.size() <= kScheme.size() || !is_blank(field[kScheme.size()])) {
    return {};
  }
  if (!std::equal(kScheme.begin(), kScheme.end(), field.begin(), [](char a, char b) { return a == to_lower(b); })) {
    return {};
  }
  return trim_blanks(field.substr(kScheme.size()));
}

bool has_token_form(std::string_view text) noexcept {
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  return second != std::string_view::npos && is_base64url(text.substr(0, first)) &&
         is_base64url(text.substr(first + 1, second - first - 1)) && is_base64url(text.substr(second + 1));
}

std::string_view websocket_credential(std::string_view field, std::size_t *count) noexcept {
  std::string_view first;
  *count = 0;
  for_each_protocol(field, [&](std::string_view element, bool is_credential) {
    if (is_credential && (*count)++ == 0) {
      first = element;
    }
  });
  return first;
}

std::string_view argument_value(std::string_view argument, std::string_view name) noexcept {
  const std::size_t end = argument.find('=');
  return end != std::string_view::npos && is_named(argument.substr(0, end), name) ? argument.substr(end + 1)
                                                                                  : std::string_view();
}

}  // namespace keyward
