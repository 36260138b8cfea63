// The one place that knows where nginx's versions differ. Held against the sources of 1.22.1 and 1.26.3, the headers of
// 1.30.6 and the changes up to 1.31.6, for everything of nginx's that src/ngx touches:
//
// 1.23.0 linked header fields of one name (ngx_table_elt_t::next) and made headers_out.cache_control, headers_in.cookie
// and headers_in.x_forwarded_for such lists, which were arrays before. Fields without a pointer of nginx's own are
// linked where somebody asks: by $http_NAME each time anew, by FastCGI, uwsgi and SCGI once in a request's life
// (headers_in.multi_linked), which a redirect to another location doesn't undo. Of a name that we remove we remove
// every field, and ours are the only ones of theirs, so that no link is left to what is gone.
//
// What else is new needs nothing here:
// - 1.25.0 HTTP/3, 1.29.4 HTTP/2 to backends: header fields come and go in the same lists, with lowcase_key, which ours
//   have.
// - 1.29.0 early hints have a chain of filters of their own: they pass before there is an answer to add fields to.
// - 1.29.8 headers_in.count bounds what a client sends (max_headers); it isn't for what is added or removed.
// - 1.31.0 (and 1.30.6) 407 and Proxy-Authenticate, for CONNECT: `satisfy any` takes 407 as it takes 401, and we answer
//   401.
// - 1.31.5 predicate locations are chosen where locations are chosen: after the post-read phase, before the access
//   phase. Which one another URI would lead to can't be asked (has_predicate_locations()).
// - 1.31.5 client_body_early_read looks at variables before the post-read phase: cut_query_credential() makes nginx
//   forget the two that hold a query and are remembered.
#pragma once

#include <algorithm>
#include <cstddef>

#include "ngx/nginx/ngx.hpp"

namespace keyward {

#if (nginx_version >= 1023000)
inline void unlink_same_name(ngx_table_elt_t *header) noexcept { header->next = nullptr; }
inline ngx_table_elt_t *next_of_same_name(ngx_table_elt_t *header) noexcept { return header->next; }
#else
inline void unlink_same_name(ngx_table_elt_t * /*header*/) noexcept {}
inline ngx_table_elt_t *next_of_same_name(ngx_table_elt_t * /*header*/) noexcept { return nullptr; }
#endif

// Whether the answer has a Cache-Control field yet.
inline bool has_cache_control(ngx_http_request_t *r) noexcept {
#if (nginx_version >= 1023000)
  for (ngx_table_elt_t *h = r->headers_out.cache_control; h != nullptr; h = h->next) {
    if (h->hash != 0) {
      return true;
    }
  }
#else
  auto **fields = static_cast<ngx_table_elt_t **>(r->headers_out.cache_control.elts);
  for (ngx_uint_t i = 0; fields != nullptr && i < r->headers_out.cache_control.nelts; ++i) {
    if (fields[i]->hash != 0) {
      return true;
    }
  }
#endif
  return false;
}

// Hides every Cache-Control field of the answer.
inline void clear_cache_control(ngx_http_request_t *r) noexcept {
#if (nginx_version >= 1023000)
  for (ngx_table_elt_t *h = r->headers_out.cache_control; h != nullptr; h = h->next) {
    h->hash = 0;
  }
  r->headers_out.cache_control = nullptr;
#else
  auto **fields = static_cast<ngx_table_elt_t **>(r->headers_out.cache_control.elts);
  for (ngx_uint_t i = 0; fields != nullptr && i < r->headers_out.cache_control.nelts; ++i) {
    fields[i]->hash = 0;
  }
  r->headers_out.cache_control.nelts = 0;
#endif
}

// Makes a field that was pushed to headers_out the answer's Cache-Control, so that `expires` finds it.
inline bool register_cache_control(ngx_http_request_t *r, ngx_table_elt_t *header) noexcept {
#if (nginx_version >= 1023000)
  header->next = nullptr;
  r->headers_out.cache_control = header;
#else
  ngx_array_t *fields = &r->headers_out.cache_control;
  if (fields->elts == nullptr && ngx_array_init(fields, r->pool, 1, sizeof(ngx_table_elt_t *)) != NGX_OK) {
    return false;
  }
  auto **slot = static_cast<ngx_table_elt_t **>(ngx_array_push(fields));
  if (slot == nullptr) {
    return false;
  }
  *slot = header;
#endif
  return true;
}

// Whether locations are chosen here by variables of the request, too.
inline bool has_predicate_locations(const ngx_http_core_loc_conf_t *core) noexcept {
#if (nginx_version >= 1031005)
  return core->predicate_locations != nullptr;
#else
  static_cast<void>(core);
  return false;
#endif
}

// Lets nothing of headers_in point at a field that is about to go: nginx's own pointer, and from 1.23 on the list it
// begins. nginx finds what has such a pointer by its name in a hash, and so does this, but for the one that most
// credentials are in.
inline void forget_request_header(ngx_http_request_t *r, ngx_table_elt_t *header) noexcept {
  if (header == r->headers_in.authorization) {
    r->headers_in.authorization = next_of_same_name(header);
    return;
  }
  auto *main = static_cast<ngx_http_core_main_conf_t *>(ngx_http_get_module_main_conf(r, ngx_http_core_module));
  if (header->lowcase_key == nullptr) {
    return;  // added by a module, which leaves nginx's pointers alone
  }
  const auto *known = static_cast<ngx_http_header_t *>(
      ngx_hash_find(&main->headers_in_hash, header->hash, header->lowcase_key, header->key.len));
  if (known == nullptr) {
    return;
  }
  auto **slot = reinterpret_cast<ngx_table_elt_t **>(reinterpret_cast<char *>(&r->headers_in) + known->offset);
#if (nginx_version >= 1023000)
  while (*slot != nullptr && *slot != header) {
    slot = &(*slot)->next;
  }
  if (*slot == header) {
    *slot = header->next;
  }
#else
  // Fields that may repeat are arrays here: their first word is never the address of a field.
  if (*slot == header) {
    *slot = nullptr;
  }
  if (known->offset == offsetof(ngx_http_headers_in_t, cookies)) {
    auto **fields = static_cast<ngx_table_elt_t **>(r->headers_in.cookies.elts);
    ngx_table_elt_t **end = fields + r->headers_in.cookies.nelts;
    r->headers_in.cookies.nelts = static_cast<ngx_uint_t>(std::remove(fields, end, header) - fields);
  }
#endif
}

}  // namespace keyward
