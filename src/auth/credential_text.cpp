// Finding a credential in a header field's or a query's text.
#include "auth/credential_text.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/ascii.hpp"
#include "base/base64.hpp"
#include "base/base64url.hpp"
#include "base/hex.hpp"

namespace keyward {
namespace {

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

// Six characters at once. A blank is the bit that makes a small letter of a capital, and one of these letters of
// nothing else.
bool is_bearer(const char *text) noexcept {
  std::uint64_t given = 0, small = 0, wanted = 0;
  std::memcpy(&given, text, 6);
  std::memcpy(&small, "      ", 6);
  std::memcpy(&wanted, "bearer", 6);
  return (given | small) == wanted;
}

bool is_base64url(std::string_view text) noexcept {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; });
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
  static constexpr std::size_t kScheme = 6;
  field = trim_blanks(field);
  if (field.size() <= kScheme || !is_blank(field[kScheme]) || !is_bearer(field.data())) {
    return {};
  }
  return trim_blanks(field.substr(kScheme));
}

std::string_view scheme_value(std::string_view field, std::string_view scheme) noexcept {
  field = trim_blanks(field);
  if (field.size() <= scheme.size() || !is_blank(field[scheme.size()]) ||
      !equal_caseless(field.substr(0, scheme.size()), scheme)) {
    return {};
  }
  return trim_blanks(field.substr(scheme.size()));
}

BasicText read_basic(std::string_view field, char *out) noexcept {
  BasicText text;
  std::string_view encoded = scheme_value(field, "basic");
  text.is_basic = !encoded.empty();
  const Base64 form = encoded.find('=') == std::string_view::npos ? Base64::unpadded : Base64::padded;
  std::size_t size = 0;
  if (!from_base64(form, encoded, reinterpret_cast<std::uint8_t *>(out), encoded.size(), &size)) {
    return text;
  }
  const std::string_view decoded(out, size);
  const std::size_t colon = decoded.find(':');
  if (colon != std::string_view::npos) {
    text.is_readable = true;
    text.user = decoded.substr(0, colon);
    text.password = decoded.substr(colon + 1);
  }
  return text;
}

std::string_view known_scheme(std::string_view field) noexcept {
  // The registered ones, and those that clients of APIs are seen to send.
  static constexpr std::string_view kSchemes[] = {
      "Basic",  "Bearer", "Digest",  "DPoP",     "HOBA",   "Mutual",           "Negotiate",    "NTLM", "OAuth",
      "vapid",  "ApiKey", "Api-Key", "Token",    "Key",    "Apikey-v1",        "GNAP",         "Hawk", "HMAC",
      "Secret", "JWT",    "SSWS",    "GenieKey", "Splunk", "AWS4-HMAC-SHA256", "PrivateToken",
  };
  for (const std::string_view scheme : kSchemes) {
    if (scheme_value(field, scheme).data() != nullptr) {
      return scheme;
    }
  }
  return {};
}

bool has_token_form(std::string_view text) noexcept {
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  return second != std::string_view::npos && is_base64url(text.substr(0, first)) &&
         is_base64url(text.substr(first + 1, second - first - 1)) && is_base64url(text.substr(second + 1));
}

std::string_view websocket_credential(std::string_view field, std::string_view word, std::size_t *count) noexcept {
  std::string_view first;
  *count = 0;
  for_each_protocol(field, word, [&](std::string_view element, bool is_credential) {
    if (is_credential && (*count)++ == 0) {
      first = element;
    }
  });
  return first;
}

bool announces_beyond(std::string_view field, std::string_view word) noexcept {
  bool announced = false;
  for_each_protocol(field, word, [&](std::string_view element, bool is_credential) {
    announced = announced || (!is_credential && element == word);
  });
  return announced;
}

std::string_view argument_value(std::string_view argument, std::string_view name) noexcept {
  const std::size_t end = argument.find('=');
  return end != std::string_view::npos && is_named(argument.substr(0, end), name) ? argument.substr(end + 1)
                                                                                  : std::string_view();
}

}  // namespace keyward
