// Cookies, and Fetch Metadata and Origin as what tells a browser's own request from one that another site made it send.
#include "ngx/request/cookie.hpp"

#include "auth/cookie_text.hpp"
#include "auth/origin.hpp"
#include "base/ascii.hpp"
#include "ngx/nginx/header_list.hpp"

namespace keyward {
namespace {

constexpr std::string_view kCookie = "cookie";
constexpr std::string_view kFetchSite = "sec-fetch-site";
constexpr std::string_view kOrigin = "origin";

void see(const ngx_table_elt_t *header, std::string_view name, FieldSeen *seen) noexcept {
  ++seen->count;
  seen->value = view(header->value);
  seen->well_spelled = seen->well_spelled && equal_caseless(view(header->key), name);
}

}  // namespace

std::string_view find_cookie(ngx_http_request_t *r, std::string_view name, std::size_t *count) noexcept {
  std::string_view found;
  *count = 0;
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    if (is_same_name(header, kCookie)) {
      const std::string_view value = cookie_value(view(header->value), name, count);
      found = found.empty() ? value : found;
    }
    return true;
  });
  return found;
}

bool strip_cookie(ngx_http_request_t *r, std::string_view name) noexcept {
  bool failed = false;
  const bool removed = remove_request_headers(r, [&](ngx_table_elt_t *header) {
    if (!is_same_name(header, kCookie)) {
      return false;
    }
    bool there = false;
    for_each_cookie(view(header->value),
                    [&](std::string_view, std::string_view of, std::string_view) { there = there || of == name; });
    if (!there) {
      return false;
    }
    // Twice as long at most, as a blank may come behind each semicolon. The old value stays: the credential is a view
    // into it.
    auto *data = static_cast<u_char *>(ngx_pnalloc(r->pool, 2 * header->value.len + 1));
    if (data == nullptr) {
      failed = true;
      return false;
    }
    const std::size_t length = without_cookie(view(header->value), name, reinterpret_cast<char *>(data));
    data[length] = '\0';
    header->value = {length, data};
    return length == 0;
  });
  return removed && !failed;
}

bool may_be_cross_site(ngx_http_request_t *r, const Source &ambient) noexcept {
  Provenance request;
  request.may_say_nothing = ambient.kind == SourceKind::basic;
  request.origins = &ambient.origins;
  request.reads = (r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD | NGX_HTTP_OPTIONS)) != 0;
  request.has_upgrade = r->headers_in.upgrade != nullptr;
  request.over_tls = is_over_tls(r);
  if (r->headers_in.host != nullptr) {
    request.host = view(r->headers_in.host->value);
  }
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    if (is_same_name(header, kFetchSite)) {
      see(header, kFetchSite, &request.fetch_site);
    } else if (is_same_name(header, kOrigin)) {
      see(header, kOrigin, &request.origin);
    }
    return true;
  });
  return may_be_cross_site(request);
}

}  // namespace keyward
