// The life of a request's context: made at the first decision, found again after redirects, destroyed with the pool.
#include "ngx/request/request.hpp"

#include <algorithm>

#include "ngx/request/waiting.hpp"

namespace keyward {
namespace {

// Also what a context is recognised by among the pool's cleanups.
void destroy_context(void *data) noexcept {
  auto *ctx = static_cast<RequestContext *>(data);
  stop_waiting(ctx);
  ctx->~RequestContext();
}

}  // namespace

std::uint64_t KeyWait::first(std::size_t issuer, std::uint64_t now_begun) {
  for (const auto &[known, attempt] : begun) {
    if (known == issuer) {
      return attempt;
    }
  }
  begun.emplace_back(issuer, now_begun);
  return now_begun;
}

bool RequestContext::remember_taken(const Source &source, std::string_view text, bool twice) noexcept {
  if (find_taken(source) != nullptr) {
    return true;
  }
  TakenCredential *one = first_taken.push();
  one = one != nullptr ? one : pool_new<TakenCredential>(r->pool);
  if (one == nullptr) {
    return false;
  }
  *one = {&source, text, twice, taken};
  taken = one;
  return true;
}

RequestContext *current_context(ngx_http_request_t *r) noexcept {
  return static_cast<RequestContext *>(ngx_http_get_module_ctx(r, ngx_http_keyward_module));
}

void set_current_context(ngx_http_request_t *r, RequestContext *ctx) noexcept {
  ngx_http_set_ctx(r, ctx, ngx_http_keyward_module);
}

RequestContext *find_context(ngx_http_request_t *r) noexcept {
  if (RequestContext *ctx = current_context(r)) {
    return ctx;
  }
  for (ngx_pool_cleanup_t *cleanup = r->pool->cleanup; cleanup != nullptr; cleanup = cleanup->next) {
    if (cleanup->handler == destroy_context) {
      return static_cast<RequestContext *>(cleanup->data);
    }
  }
  return nullptr;
}

RequestContext *obtain_context(ngx_http_request_t *r) noexcept {
  if (RequestContext *ctx = find_context(r)) {
    return ctx;
  }
  static_assert(alignof(RequestContext) <= 8, "a cleanup's storage is aligned to 8 bytes");
  ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, sizeof(RequestContext));
  if (cleanup == nullptr) {
    return nullptr;
  }
  auto *ctx = new (cleanup->data) RequestContext(r);
  cleanup->handler = destroy_context;
  return ctx;
}

}  // namespace keyward
