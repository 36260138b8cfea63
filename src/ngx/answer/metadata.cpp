// The documents were made while the configuration was read: a request chooses one by its path. Whatever page asks may
// read it, as it says nothing that isn't public.
#include "ngx/answer/metadata.hpp"

#include <algorithm>

#include "ngx/nginx/header_list.hpp"

namespace keyward {
namespace {

constexpr std::string_view kMethods = "GET, HEAD, OPTIONS";

const MetadataDocument *find_document(ngx_http_request_t *r) noexcept {
  const LocationConfiguration &location = location_configuration(r);
  const auto found =
      std::find_if(location.metadata.begin(), location.metadata.end(),
                   [path = view(r->uri)](const MetadataDocument &document) { return document.path == path; });
  if (found != location.metadata.end()) {
    return &*found;
  }
  // Below the well-known path stand other resources, which aren't known here.
  const std::string_view uri = view(r->uri);
  const bool is_anothers = uri.size() > kMetadataPath.size() && uri.substr(0, kMetadataPath.size()) == kMetadataPath;
  return is_anothers ? nullptr : location.own_metadata;
}

bool add(ngx_http_request_t *r, std::string_view name, std::string_view value) noexcept {
  return add_answer_header(r, name, borrow(value)) != nullptr;
}

// What a browser asks before it lets a page ask: whatever fields it wants to send, it may.
ngx_int_t answer_preflight(ngx_http_request_t *r) noexcept {
  std::string_view wanted;
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    if (is_same_name(header, "access-control-request-headers")) {
      wanted = view(header->value);
    }
    return wanted.empty();
  });
  const bool added = add(r, "Access-Control-Allow-Methods", kMethods) && add(r, "Access-Control-Max-Age", "86400") &&
                     add(r, "Vary", "Access-Control-Request-Headers") && add(r, "Allow", kMethods) &&
                     (wanted.empty() || add(r, "Access-Control-Allow-Headers", wanted));
  if (!added) {
    return NGX_ERROR;
  }
  r->headers_out.status = NGX_HTTP_NO_CONTENT;
  r->header_only = 1;
  return ngx_http_send_header(r);
}

ngx_int_t send_document(ngx_http_request_t *r, const std::string &body) noexcept {
  if (!add(r, "Cache-Control", "max-age=300")) {
    return NGX_ERROR;
  }
  ngx_str_t type = ngx_string("application/json");
  ngx_http_complex_value_t text = {};
  text.value = borrow(body);
  return ngx_http_send_response(r, NGX_HTTP_OK, &type, &text);
}

ngx_int_t on_metadata(ngx_http_request_t *r) noexcept {
  if (!add(r, "Access-Control-Allow-Origin", "*")) {
    return NGX_ERROR;
  }
  if ((r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD | NGX_HTTP_OPTIONS)) == 0) {
    return add(r, "Allow", kMethods) ? NGX_HTTP_NOT_ALLOWED : NGX_ERROR;
  }
  const MetadataDocument *document = find_document(r);
  if (document == nullptr) {
    return NGX_HTTP_NOT_FOUND;
  }
  if (const ngx_int_t rc = ngx_http_discard_request_body(r); rc != NGX_OK) {
    return rc;
  }
  return r->method == NGX_HTTP_OPTIONS ? answer_preflight(r) : send_document(r, document->body);
}

}  // namespace

bool serve_metadata(ngx_conf_t *cf, const Reading &reading) noexcept {
  bool good = true;
  for (const MergedLocation &merged : reading.merged) {
    if (!merged.location->serves_metadata) {
      continue;
    }
    auto *core = static_cast<ngx_http_core_loc_conf_t *>(merged.loc_conf[ngx_http_core_module.ctx_index]);
    if (core->handler != nullptr) {
      ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                    "location \"%V\" has keyward_metadata and another handler, such as proxy_pass; remove one of them",
                    &core->name);
      good = false;
    }
    core->handler = on_metadata;
  }
  return good;
}

}  // namespace keyward
