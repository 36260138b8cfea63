// The only file that includes nginx's headers.
#pragma once

extern "C" {
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
}

#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

extern "C" {
extern ngx_module_t ngx_http_keyward_module;              // decides, in the access phase
extern ngx_module_t ngx_http_keyward_filter_module;       // gives refusals their body and answers their headers
extern ngx_module_t ngx_http_keyward_last_filter_module;  // gives final refusals the status that clients see
}

namespace keyward {

inline std::string_view view(const ngx_str_t &text) noexcept {
  return {reinterpret_cast<const char *>(text.data), text.len};
}

// A ngx_str_t over text that outlives it. nginx never writes through these.
inline ngx_str_t borrow(std::string_view text) noexcept {
  ngx_str_t out;
  out.len = text.size();
  out.data = reinterpret_cast<u_char *>(const_cast<char *>(text.data()));
  return out;
}

// A copy in a pool; data is nullptr (and the text empty) only when memory was refused.
inline ngx_str_t copy(ngx_pool_t *pool, std::string_view text) noexcept {
  ngx_str_t out = {0, static_cast<u_char *>(ngx_pnalloc(pool, text.size() + 1))};
  if (out.data != nullptr) {
    ngx_memcpy(out.data, text.data(), text.size());
    out.data[text.size()] = '\0';
    out.len = text.size();
  }
  return out;
}

inline bool is_over_tls(const ngx_http_request_t *r) noexcept {
#if (NGX_HTTP_SSL)
  return r->connection->ssl != nullptr;
#else
  static_cast<void>(r);
  return false;
#endif
}

// Constructs an object in a pool that destroys it: nullptr when memory was refused. The destructor is armed only once
// the object is whole.
template <typename T, typename... Args>
T *pool_new(ngx_pool_t *pool, Args &&...args) noexcept {
  static_assert(alignof(T) <= 8, "a cleanup's storage is aligned to 8 bytes");
  ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(pool, sizeof(T));
  if (cleanup == nullptr) {
    return nullptr;
  }
  try {
    T *object = new (cleanup->data) T(std::forward<Args>(args)...);
    cleanup->handler = [](void *data) noexcept { static_cast<T *>(data)->~T(); };
    return object;
  } catch (...) {
    return nullptr;
  }
}

// Runs body and lets no exception out to nginx: memory that was refused becomes `failure`.
template <typename Result, typename Body>
Result guarded(Result failure, Body &&body) noexcept {
  try {
    return body();
  } catch (...) {
    return failure;
  }
}

}  // namespace keyward
