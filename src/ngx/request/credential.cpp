// Credentials in header fields (RFC 6750, section 2.1, X-API-Key and its like, Sec-WebSocket-Protocol), query and
// cookies.
#include "ngx/request/credential.hpp"

#include "auth/credential_text.hpp"
#include "decide/credential.hpp"
#include "ngx/nginx/header_list.hpp"
#include "ngx/request/cookie.hpp"

namespace keyward {
namespace {

// A field without the credential; empty if nothing else was in it. One that doesn't hold it stays as it was sent.
bool strip_protocols(ngx_http_request_t *r, ngx_table_elt_t *header, std::string_view word,
                     std::string_view credential) noexcept {
  bool held = false;
  for_each_protocol(view(header->value), word, [&](std::string_view element, bool is_credential) {
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
  for_each_protocol(view(header->value), word, [&](std::string_view element, bool is_credential) {
    if (!is_credential && element != credential) {
      end = end == data ? end : ngx_cpymem(end, ", ", 2);
      end = ngx_cpymem(end, element.data(), element.size());
    }
  });
  *end = '\0';
  header->value = {static_cast<std::size_t>(end - data), data};
  return true;
}

// Looks at Basic, where nothing was sent by intent. The field goes to whoever removes what holds a credential in any
// case. false when memory was refused.
bool see_basic(RequestContext *ctx, const Source &basic, CredentialSearch *search) noexcept {
  ngx_http_request_t *r = ctx->r;
  ngx_table_elt_t *header = r->headers_in.authorization;
  const TakenCredential *taken = ctx->find_taken(basic);
  const std::string_view field = header != nullptr  ? view(header->value)
                                 : taken != nullptr ? taken->text
                                                    : std::string_view();
  if (scheme_value(field, "basic").empty()) {
    return true;
  }
  if (header != nullptr) {
    ctx->credential.basic = header;
    ctx->credential.headers[ctx->credential.header_count++] = header;
  }
  if (!search->wants_ambient()) {
    return true;
  }
  auto *decoded = static_cast<char *>(ngx_pnalloc(r->pool, field.size()));
  if (decoded != nullptr) {
    search->see_basic(basic, read_basic(field, decoded));
  }
  return decoded != nullptr;
}

}  // namespace

bool strip_websocket(ngx_http_request_t *r, std::string_view word, std::string_view credential) noexcept {
  static constexpr std::string_view kName = "sec-websocket-protocol";
  bool ready = true;
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    ready = !is_same_name(header, kName) || strip_protocols(r, header, word, credential);
    return ready;
  });
  return ready && remove_request_headers(r, [](const ngx_table_elt_t *header) {
           return header->value.len == 0 && is_same_name(header, kName);
         });
}

Reason find_credential(RequestContext *ctx, const LocationConfiguration &location) noexcept {
  ngx_http_request_t *r = ctx->r;
  const std::vector<Source> &sources = *location.sources;
  FoundCredential *found = &ctx->credential;
  CredentialSearch search(sources, *location.max_credential);
  for (std::size_t i = 0; ctx->taken != nullptr && i < sources.size(); ++i) {
    const TakenCredential *taken = sources[i].is_ambient() ? nullptr : ctx->find_taken(sources[i]);
    if (taken != nullptr) {
      search.see_taken(i, taken->text);
    }
  }
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    if (!location.source_lengths.has(header->key.len)) {
      return true;
    }
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const Source &source = sources[i];
      const bool named = (header == r->headers_in.authorization && source.is_authorization()) ||
                         (source.is_field() && is_same_name(header, source.name));
      if (!named || !search.see_field(i, view(header->value))) {
        continue;
      }
      if (source.kind == SourceKind::websocket) {
        found->websocket = header;
      } else {
        found->headers[found->header_count++] = header;
      }
    }
    return search.fault() == Reason::none;
  });
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].kind == SourceKind::query && ctx->query.value.len != 0) {
      search.see_query(i, view(ctx->query.value), ctx->query.twice);
    }
  }
  if (location.basic != nullptr && !see_basic(ctx, *location.basic, &search)) {
    return Reason::internal_error;
  }
  if (location.cookie != nullptr && search.wants_ambient()) {
    const TakenCredential *taken = ctx->find_taken(*location.cookie);
    std::size_t count = taken == nullptr ? 0 : taken->twice ? 2 : 1;
    const std::string_view text = taken != nullptr ? taken->text : find_cookie(r, location.cookie->name, &count);
    search.see_cookie(*location.cookie, text, count);
  }
  found->text = search.text();
  found->source = search.source();
  found->held_by = search.held_by();
  return search.fault();
}

}  // namespace keyward
