// nginx's choice of a location (ngx_http_core_find_location), without a request that it is for.
#include "ngx/configuration/location_search.hpp"

#include <algorithm>

#include "ngx/nginx/compat.hpp"

namespace keyward {
namespace {

ngx_http_core_loc_conf_t *core_of(void **loc_conf) noexcept {
  return static_cast<ngx_http_core_loc_conf_t *>(loc_conf[ngx_http_core_module.ctx_index]);
}

// Among a tree of names. NGX_OK: it is this one. NGX_AGAIN: the best prefix, but a regular expression may come before
// it. NGX_DECLINED: none. NGX_DONE: nginx would redirect to a location whose name has one more slash.
ngx_int_t find_static(ngx_http_location_tree_node_t *node, const ngx_str_t &whole, void ***loc_conf) noexcept {
  const u_char *uri = whole.data;
  std::size_t length = whole.len;
  ngx_int_t found = NGX_DECLINED;
  while (node != nullptr) {
    const std::size_t common = std::min<std::size_t>(length, node->len);
    const auto compared = ngx_filename_cmp(const_cast<u_char *>(uri), node->name, common);
    if (compared != 0) {
      node = compared < 0 ? node->left : node->right;
    } else if (length > node->len) {
      if (node->inclusive == nullptr) {
        node = node->right;
        continue;
      }
      *loc_conf = node->inclusive->loc_conf;
      found = NGX_AGAIN;
      uri += common;
      length -= common;
      node = node->tree;
    } else if (length == node->len) {
      *loc_conf = (node->exact != nullptr ? node->exact : node->inclusive)->loc_conf;
      return node->exact != nullptr ? NGX_OK : NGX_AGAIN;
    } else {
      if (length + 1 == node->len && node->auto_redirect != 0) {
        found = NGX_DONE;
      }
      node = node->left;
    }
  }
  return found;
}

// The same with nested locations and regular expressions.
ngx_int_t find(const ngx_str_t &uri, void ***loc_conf) noexcept {
  const ngx_http_core_loc_conf_t *around = core_of(*loc_conf);
  ngx_int_t found = find_static(around->static_locations, uri, loc_conf);
  bool regex = true;
  if (found == NGX_AGAIN) {
    regex = core_of(*loc_conf)->noregex == 0;
    found = find(uri, loc_conf);
  }
  if (found == NGX_OK || found == NGX_DONE || found == NGX_ERROR) {
    return found;
  }
#if (NGX_PCRE)
  for (auto **location = around->regex_locations; regex && location != nullptr && *location != nullptr; ++location) {
    // Not ngx_http_regex_exec(), which would overwrite the request's own captures.
    ngx_str_t subject = uri;
    const ngx_int_t matched = ngx_regex_exec((*location)->regex->regex, &subject, nullptr, 0);
    if (matched >= 0) {
      *loc_conf = (*location)->loc_conf;
      const ngx_int_t nested = find(uri, loc_conf);
      return nested == NGX_ERROR ? nested : NGX_OK;
    }
    if (matched != NGX_REGEX_NO_MATCHED) {
      return NGX_ERROR;
    }
  }
#endif
  return regex && has_predicate_locations(around) ? NGX_ERROR : found;
}

}  // namespace

ngx_str_t normalize_target(ngx_http_request_t *r, std::string_view target) noexcept {
  // nginx's parsers work on a request; this one has nothing but a target.
  ngx_http_request_t other;
  ngx_memzero(&other, sizeof(other));
  const ngx_str_t text = borrow(target);
  other.connection = r->connection;
  other.pool = r->pool;
  other.uri_start = text.data;
  other.uri_end = text.data + text.len;
  if (text.len == 0 || ngx_http_parse_uri(&other) != NGX_OK) {
    return {};
  }
  const u_char *end = other.args_start != nullptr ? other.args_start - 1 : other.uri_end;
  other.uri.len = static_cast<std::size_t>(end - other.uri_start);
  if (other.complex_uri == 0 && other.quoted_uri == 0) {
    other.uri.data = other.uri_start;
    return other.uri;
  }
  const auto *core = static_cast<ngx_http_core_srv_conf_t *>(ngx_http_get_module_srv_conf(r, ngx_http_core_module));
  other.uri.data = static_cast<u_char *>(ngx_pnalloc(r->pool, other.uri.len));
  if (other.uri.data == nullptr ||
      ngx_http_parse_complex_uri(&other, static_cast<ngx_uint_t>(core->merge_slashes)) != NGX_OK) {
    return {};
  }
  return other.uri;
}

const LocationConfiguration *find_location(ngx_http_request_t *r, const ngx_str_t &uri) noexcept {
  const auto *core = static_cast<ngx_http_core_srv_conf_t *>(ngx_http_get_module_srv_conf(r, ngx_http_core_module));
  void **loc_conf = core->ctx->loc_conf;
  const ngx_int_t found = find(uri, &loc_conf);
  if (found == NGX_ERROR || found == NGX_DONE) {
    return nullptr;
  }
  return static_cast<LocationConfiguration *>(loc_conf[ngx_http_keyward_module.ctx_index]);
}

}  // namespace keyward
