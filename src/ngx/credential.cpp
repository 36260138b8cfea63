// Credentials in header fields (RFC 6750, section 2.1, and X-API-Key and its like).
#include "ngx/credential.hpp"

#include <algorithm>

#include "ngx/header_list.hpp"

namespace keyward {
namespace {

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_blank(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

// What follows the scheme Bearer (its case doesn't matter: RFC 9110, section 11.1); empty for any other scheme.
std::string_view bearer_value(std::string_view field) noexcept {
  static constexpr std::string_view kScheme = "bearer";
  field = trim(field);
  if (field.size() <= kScheme.size() || !is_blank(field[kScheme.size()])) {
    return {};
  }
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    if (ngx_tolower(static_cast<u_char>(field[i])) != static_cast<u_char>(kScheme[i])) {
      return {};
    }
  }
  return trim(field.substr(kScheme.size()));
}

bool is_base64url(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// Three base64url parts: the form of a JWS (RFC 7515, section 3.1).
bool has_token_form(std::string_view text) noexcept {
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  return second != std::string_view::npos && is_base64url(text.substr(0, first)) &&
         is_base64url(text.substr(first + 1, second - first - 1)) && is_base64url(text.substr(second + 1));
}

}  // namespace

Reason find_credential(ngx_http_request_t *r, const LocationConfiguration &location, FoundCredential *found) noexcept {
  *found = FoundCredential();
  Reason reason = Reason::none;
  unsigned seen = 0;  // sources that gave something, bit by bit
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    for (std::size_t i = 0; i < location.sources->size(); ++i) {
      const Source &source = (*location.sources)[i];
      if (header->key.len != source.name.size() || !is_same_name(header, source.name)) {
        continue;
      }
      const std::string_view text = source.kind == SourceKind::bearer ? bearer_value(view(header->value)) : trim(view(header->value));
      if (text.empty()) {
        continue;  // another scheme, or nothing: no credential
      }
      const unsigned bit = 1U << i;
      // One source given twice, or two sources that differ: nobody can say who is meant.
      if ((seen & bit) != 0 || found->header_count == found->headers.size() || (found->source != nullptr && found->text != text)) {
        reason = Reason::invalid_request;
        return false;
      }
      seen |= bit;
      found->headers[found->header_count++] = header;
      if (found->source == nullptr) {
        found->source = &source;
        found->text = text;
      }
    }
    return true;
  });
  if (reason == Reason::none && found->text.size() > kMaxCredentialBytes) {
    reason = Reason::invalid_request;
  }
  return reason;
}

Reason classify_credential(const MainConfiguration &main, FoundCredential *found) noexcept {
  for (const KeyFormat &format : main.formats) {
    if (format.claims(found->text)) {
      found->kind = Kind::key;
      found->format = &format;
      return format.matches(found->text) ? Reason::none : Reason::invalid_key;
    }
  }
  if (has_token_form(found->text)) {
    found->kind = Kind::token;
    return Reason::none;
  }
  return Reason::invalid_key;
}

}  // namespace keyward
