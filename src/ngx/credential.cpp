// Credentials in header fields (RFC 6750, section 2.1, X-API-Key and its like, Sec-WebSocket-Protocol), and which of all that came counts.
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

constexpr std::string_view kWebSocketProtocol = "bearer";

// Calls visit(element, whether it is a credential) for each protocol that a client offers, but for the "bearer" before a credential.
// Browsers offer protocols and nothing else with a WebSocket, so a credential comes as the one behind "bearer", anywhere in the list.
template <typename Visit>
void for_each_protocol(std::string_view field, Visit &&visit) noexcept {
  bool announced = false;
  for (bool more = true; more;) {
    const std::size_t end = field.find(',');
    const std::string_view element = trim(field.substr(0, end));
    more = end != std::string_view::npos;
    field.remove_prefix(more ? end + 1 : field.size());
    if (element.empty()) {
      continue;  // RFC 9110, section 5.6.1: an empty element is none
    }
    if (announced) {
      visit(element, true);
      announced = false;
    } else if (element == kWebSocketProtocol) {
      announced = true;
    } else {
      visit(element, false);
    }
  }
  if (announced) {
    visit(kWebSocketProtocol, false);
  }
}

// The first credential among the protocols; *count is how many there are.
std::string_view websocket_credential(std::string_view field, std::size_t *count) noexcept {
  std::string_view first;
  for_each_protocol(field, [&](std::string_view element, bool is_credential) {
    if (is_credential && (*count)++ == 0) {
      first = element;
    }
  });
  return first;
}

// What a field holds, and how many of it.
std::string_view credential_in(const Source &source, const ngx_table_elt_t *header, std::size_t *count) noexcept {
  *count = 1;
  switch (source.kind) {
    case SourceKind::bearer:
      return bearer_value(view(header->value));
    case SourceKind::websocket:
      *count = 0;
      return websocket_credential(view(header->value), count);
    case SourceKind::header:
      return trim(view(header->value));
    case SourceKind::query:
      break;
  }
  return {};
}

// Adds what one source gave to what was found: false for a second value of one source, or one that differs, as nobody can say who is
// meant then.
bool add_found(FoundCredential *found, const Source &source, std::string_view text) noexcept {
  if (found->source != nullptr && found->text != text) {
    return false;
  }
  if (found->source == nullptr) {
    found->source = &source;
    found->text = text;
  }
  return true;
}

}  // namespace

bool strip_websocket(ngx_http_request_t *r, ngx_table_elt_t *header) noexcept {
  // Twice as long at most, as a blank may come behind each comma.
  auto *data = static_cast<u_char *>(ngx_pnalloc(r->pool, 2 * header->value.len + 1));
  if (data == nullptr) {
    return false;
  }
  u_char *end = data;
  for_each_protocol(view(header->value), [&](std::string_view element, bool is_credential) {
    if (!is_credential) {
      end = end == data ? end : ngx_cpymem(end, ", ", 2);
      end = ngx_cpymem(end, element.data(), element.size());
    }
  });
  if (end == data) {
    return remove_request_headers(r, [header](const ngx_table_elt_t *field) { return field == header; });
  }
  *end = '\0';
  header->value = {static_cast<std::size_t>(end - data), data};
  return true;
}

Reason find_credential(RequestContext *ctx, const LocationConfiguration &location) noexcept {
  ngx_http_request_t *r = ctx->r;
  FoundCredential *found = &ctx->credential;
  *found = FoundCredential();
  Reason reason = Reason::none;
  unsigned seen = 0;  // sources that gave something, bit by bit
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    for (std::size_t i = 0; i < location.sources->size(); ++i) {
      const Source &source = (*location.sources)[i];
      if (source.kind == SourceKind::query || !is_same_name(header, source.name)) {
        continue;
      }
      std::size_t count;
      const std::string_view text = credential_in(source, header, &count);
      if (text.empty()) {
        continue;  // another scheme, or nothing: no credential
      }
      const unsigned bit = 1U << i;
      if (count > 1 || (seen & bit) != 0 || found->header_count == found->headers.size() ||
          !add_found(found, source, text)) {
        reason = Reason::invalid_request;
        return false;
      }
      seen |= bit;
      if (source.kind == SourceKind::websocket) {
        found->websocket = header;
      } else {
        found->headers[found->header_count++] = header;
      }
    }
    return true;
  });
  for (const Source &source : *location.sources) {
    if (source.kind == SourceKind::query && ctx->query.value.len != 0 && reason == Reason::none &&
        (ctx->query.twice || !add_found(found, source, view(ctx->query.value)))) {
      reason = Reason::invalid_request;
    }
  }
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
      return Reason::none;
    }
  }
  if (has_token_form(found->text)) {
    found->kind = Kind::token;
    return Reason::none;
  }
  return Reason::invalid_key;
}

}  // namespace keyward
