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

// The parts of "bearer, <credential>, other, protocols" (spec 3).
struct WebSocketProtocols {
  std::string_view credential, rest;
};

WebSocketProtocols split_protocols(std::string_view field) noexcept {
  const std::size_t first = field.find(',');
  if (first == std::string_view::npos || trim(field.substr(0, first)) != "bearer") {
    return {};
  }
  const std::string_view behind = field.substr(first + 1);
  const std::size_t second = behind.find(',');
  return {trim(behind.substr(0, second)),
          second == std::string_view::npos ? std::string_view() : trim(behind.substr(second + 1))};
}

std::string_view credential_in(const Source &source, const ngx_table_elt_t *header) noexcept {
  switch (source.kind) {
    case SourceKind::bearer:
      return bearer_value(view(header->value));
    case SourceKind::websocket:
      return split_protocols(view(header->value)).credential;
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

// One text in place of a part of another; false when memory was refused.
bool splice(ngx_pool_t *pool, ngx_str_t *text, std::size_t at, std::size_t length, std::string_view with) noexcept {
  const std::size_t behind = text->len - at - length;
  auto *data = static_cast<u_char *>(ngx_pnalloc(pool, at + with.size() + behind + 1));
  if (data == nullptr) {
    return false;
  }
  u_char *end = ngx_cpymem(data, text->data, at);
  end = ngx_cpymem(end, with.data(), with.size());
  end = ngx_cpymem(end, text->data + at + length, behind);
  *end = '\0';
  *text = {static_cast<std::size_t>(end - data), data};
  return true;
}

// The values of all arguments of this name, as they were sent, and the arguments without them, in one pass.
struct QuerySplit {
  std::size_t count = 0;
  std::string_view value;
  ngx_str_t rest = {};
};

bool split_query(ngx_pool_t *pool, std::string_view args, std::string_view name, QuerySplit *split) noexcept {
  const auto is_it = [&](std::string_view one) {
    return one.size() > name.size() && one[name.size()] == '=' && one.substr(0, name.size()) == name;
  };
  u_char *end = nullptr;
  for (std::size_t begin = 0, next = 0; begin < args.size(); begin = next + 1) {
    next = std::min(args.find('&', begin), args.size());
    const std::string_view one = args.substr(begin, next - begin);
    if (!is_it(one)) {
      if (end != nullptr) {
        if (end != split->rest.data) {
          *end++ = '&';
        }
        end = ngx_cpymem(end, one.data(), one.size());
      }
      continue;
    }
    if (end == nullptr) {
      split->rest.data = static_cast<u_char *>(ngx_pnalloc(pool, args.size() + 1));
      if (split->rest.data == nullptr) {
        return false;
      }
      // Without the '&' behind what precedes.
      end = ngx_cpymem(split->rest.data, args.data(), begin == 0 ? 0 : begin - 1);
    }
    ++split->count;
    split->value = one.substr(name.size() + 1);
  }
  split->rest.len = end == nullptr ? 0 : static_cast<std::size_t>(end - split->rest.data);
  return true;
}

// Gives the request other arguments, in its URI as it was sent and in its request line too. A request line that doesn't hold that URI
// (nobody knows how) loses its query, so that no log has it.
bool replace_query(ngx_http_request_t *r, const ngx_str_t &rest) noexcept {
  const std::string_view args = view(r->args);
  const std::string_view old_uri = view(r->unparsed_uri);
  const std::size_t mark = old_uri.find('?');
  const bool whole = mark != std::string_view::npos && old_uri.substr(mark + 1, args.size()) == args;
  ngx_str_t uri = r->unparsed_uri;
  if (!whole) {
    uri.len = std::min(mark, uri.len);
    r->valid_unparsed_uri = 0;
  } else if (rest.len == 0 ? !splice(r->pool, &uri, mark, args.size() + 1, {})
                           : !splice(r->pool, &uri, mark + 1, args.size(), view(rest))) {
    return false;
  }
  const std::size_t at = view(r->request_line).find(old_uri);
  if (at == std::string_view::npos) {
    r->request_line.len = std::min(view(r->request_line).find('?'), r->request_line.len);
  } else if (!splice(r->pool, &r->request_line, at, old_uri.size(), view(uri))) {
    return false;
  }
  r->unparsed_uri = uri;
  r->args = rest;
  return true;
}

}  // namespace

bool cut_query_credential(ngx_http_request_t *r) noexcept {
  // At post-read a request is in its server's own location.
  for (const Source &source : *location_configuration(r).sources) {
    QuerySplit split;
    if (source.kind != SourceKind::query || r->args.len == 0) {
      continue;
    }
    if (!split_query(r->pool, view(r->args), source.name, &split)) {
      return false;
    }
    if (split.count == 0) {
      continue;
    }
    RequestContext *ctx = obtain_context(r);
    ngx_str_t value = copy(r->pool, split.value);
    if (ctx == nullptr || value.data == nullptr) {
      return false;
    }
    u_char *from = value.data, *to = value.data;
    ngx_unescape_uri(&to, &from, value.len, 0);
    value.len = static_cast<std::size_t>(to - value.data);
    ctx->query_credential = value;
    ctx->query_credential_twice = split.count > 1;
    ctx->query_as_sent = {source.name, split.value};
    if (!replace_query(r, split.rest)) {
      return false;
    }
  }
  return true;
}

bool restore_query_credential(ngx_http_request_t *r) noexcept {
  RequestContext *ctx = find_context(r);
  if (ctx == nullptr || ctx->query_as_sent.name.empty()) {
    return true;
  }
  const auto append = [&](ngx_str_t *text, std::string_view separator) {
    return splice(r->pool, text, text->len, 0, separator) &&
           splice(r->pool, text, text->len, 0, ctx->query_as_sent.name) && splice(r->pool, text, text->len, 0, "=") &&
           splice(r->pool, text, text->len, 0, ctx->query_as_sent.value);
  };
  const bool has_args = view(r->unparsed_uri).find('?') != std::string_view::npos;
  const bool good = append(&r->args, r->args.len == 0 ? "" : "&") && append(&r->unparsed_uri, has_args ? "&" : "?");
  ctx->query_as_sent = {};
  return good;
}

bool strip_websocket(ngx_http_request_t *r, ngx_table_elt_t *header) noexcept {
  const std::string_view rest = split_protocols(view(header->value)).rest;
  if (!rest.empty()) {
    header->value = borrow(rest);
    return true;
  }
  return remove_request_headers(r, [header](const ngx_table_elt_t *field) { return field == header; });
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
      const std::string_view text = credential_in(source, header);
      if (text.empty()) {
        continue;  // another scheme, or nothing: no credential
      }
      const unsigned bit = 1U << i;
      if ((seen & bit) != 0 || found->header_count == found->headers.size() || !add_found(found, source, text)) {
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
    if (source.kind == SourceKind::query && ctx->query_credential.len != 0 && reason == Reason::none &&
        (ctx->query_credential_twice || !add_found(found, source, view(ctx->query_credential)))) {
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
