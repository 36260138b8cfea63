// Credentials in header fields (RFC 6750, section 2.1, X-API-Key and its like, Sec-WebSocket-Protocol) and cookies, and which of all that came counts.
#include "ngx/credential.hpp"

#include "auth/credential_text.hpp"
#include "ngx/cookie.hpp"
#include "ngx/header_list.hpp"

namespace keyward {
namespace {

// What a field holds, and how many of it.
std::string_view credential_in(const Source &source, const ngx_table_elt_t *header, std::size_t *count) noexcept {
  *count = 1;
  switch (source.kind) {
    case SourceKind::bearer:
      return bearer_value(view(header->value));
    case SourceKind::websocket:
      return websocket_credential(view(header->value), count);
    case SourceKind::header:
      return trim_blanks(view(header->value));
    case SourceKind::query:
    case SourceKind::cookie:
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

// As a token has.
bool has_two_dots(std::string_view text) noexcept {
  const std::size_t first = text.find('.');
  const std::size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  return second != std::string_view::npos && text.find('.', second + 1) == std::string_view::npos;
}

// A field without the credential; empty if nothing else was in it. One that doesn't hold it stays as it was sent.
bool strip_protocols(ngx_http_request_t *r, ngx_table_elt_t *header, std::string_view credential) noexcept {
  bool held = false;
  for_each_protocol(view(header->value), [&](std::string_view element, bool is_credential) {
    held = held || is_credential || element == credential;
  });
  if (!held) {
    return true;
  }
  // Twice as long at most, as a blank may come behind each comma.
  auto *data = static_cast<u_char *>(ngx_pnalloc(r->pool, 2 * header->value.len + 1));
  if (data == nullptr) {
    return false;
  }
  u_char *end = data;
  for_each_protocol(view(header->value), [&](std::string_view element, bool is_credential) {
    if (!is_credential && element != credential) {
      end = end == data ? end : ngx_cpymem(end, ", ", 2);
      end = ngx_cpymem(end, element.data(), element.size());
    }
  });
  *end = '\0';
  header->value = {static_cast<std::size_t>(end - data), data};
  return true;
}

}  // namespace

bool strip_websocket(ngx_http_request_t *r, std::string_view credential) noexcept {
  static constexpr std::string_view kName = "sec-websocket-protocol";
  bool ready = true;
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    ready = !is_same_name(header, kName) || strip_protocols(r, header, credential);
    return ready;
  });
  return ready && remove_request_headers(r, [](const ngx_table_elt_t *header) {
           return header->value.len == 0 && is_same_name(header, kName);
         });
}

Reason find_credential(RequestContext *ctx, const LocationConfiguration &location) noexcept {
  ngx_http_request_t *r = ctx->r;
  FoundCredential *found = &ctx->credential;
  *found = FoundCredential();
  Reason reason = Reason::none;
  unsigned seen = 0;  // sources that gave something, bit by bit
  // What an earlier location took out of the request counts as if it were there.
  for (std::size_t i = 0; ctx->taken.size() != 0 && i < location.sources->size(); ++i) {
    const Source &source = (*location.sources)[i];
    const TakenCredential *taken = source.kind == SourceKind::cookie ? nullptr : ctx->find_taken(source);
    if (taken != nullptr) {
      seen |= 1U << i;
      if (!add_found(found, source, taken->text)) {
        return Reason::invalid_request;
      }
    }
  }
  std::size_t protocol_fields = 0;
  bool announced = false;
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    if (!location.source_lengths.has(header->key.len)) {
      return true;
    }
    for (std::size_t i = 0; i < location.sources->size(); ++i) {
      const Source &source = (*location.sources)[i];
      const bool named = (header == r->headers_in.authorization && source.kind == SourceKind::bearer) ||
                         (source.is_field() && is_same_name(header, source.name));
      if (!named) {
        continue;
      }
      if (source.kind == SourceKind::websocket) {
        ++protocol_fields;
        announced = announced || announces_beyond(view(header->value));
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
      found->held_by |= bit;
      if (source.kind == SourceKind::websocket) {
        found->websocket = header;
      } else {
        found->headers[found->header_count++] = header;
      }
    }
    return true;
  });
  if (announced && protocol_fields > 1) {
    reason = Reason::invalid_request;  // whoever joins the fields would find a credential where none was looked for
  }
  for (const Source &source : *location.sources) {
    if (source.kind == SourceKind::query && ctx->query.value.len != 0 && reason == Reason::none &&
        (ctx->query.twice || !add_found(found, source, view(ctx->query.value)))) {
      reason = Reason::invalid_request;
    }
  }
  // Browsers send it unasked, so whatever was given by intent comes first.
  if (location.cookie != nullptr && found->source == nullptr && reason == Reason::none) {
    const TakenCredential *taken = ctx->find_taken(*location.cookie);
    std::size_t count = taken == nullptr ? 0 : taken->twice ? 2 : 1;
    found->text = taken != nullptr ? taken->text : find_cookie(r, location.cookie->name, &count);
    found->source = count != 0 ? location.cookie : nullptr;
    reason = count > 1 ? Reason::invalid_request : reason;
  }
  if (reason == Reason::none && found->text.size() > kMaxCredentialBytes) {
    reason = Reason::invalid_request;
  }
  return reason;
}

Reason classify_credential(const MainConfiguration &main, const Acceptance &acceptance,
                           FoundCredential *found) noexcept {
  if (const FormatMatch match = find_format(main.formats, found->text); match.format != nullptr) {
    found->kind = Kind::key;
    found->format = match.format;
    return match.has_frame ? Reason::none : Reason::invalid_key;
  }
  if (has_two_dots(found->text)) {
    found->kind = Kind::token;
    return Reason::none;
  }
  return formless_reason(main, acceptance);
}

}  // namespace keyward
