// Found among the cleanups of the request's pool, which internal redirects leave alone.
#include "ngx/request/paid.hpp"

#include <new>

#include "ngx/configuration/configuration.hpp"

namespace keyward {
namespace {

struct RequestCredits {
  explicit RequestCredits(ngx_http_request_t *request) noexcept : r(request) {}

  ngx_http_request_t *r;  // lies in the same pool
  PaidCredits paid;
};

// Of nginx's own words for it: 499, or what it had sent when the connection broke.
bool has_client_left(const ngx_http_request_t *r) noexcept {
  return r->headers_out.status == NGX_HTTP_CLIENT_CLOSED_REQUEST || r->connection->error != 0;
}

// Also what it is recognised by. Without worker processes a request may outlive the zone that its balance lies in.
void settle_credits(void *data) noexcept {
  auto *credits = static_cast<RequestCredits *>(data);
  const MainConfiguration *running = main_configuration(const_cast<ngx_cycle_t *>(ngx_cycle));
  if (running == nullptr || running->credits != credits->paid.table()) {
    credits->paid.forget();
  }
  const ngx_uint_t status = credits->r->headers_out.status;
  if (status >= NGX_HTTP_INTERNAL_SERVER_ERROR && status < 600 && !has_client_left(credits->r)) {
    credits->paid.come_to(kRefundServerError);
  }
  credits->paid.settle();
}

}  // namespace

PaidCredits *find_paid_credits(ngx_http_request_t *r) noexcept {
  for (ngx_pool_cleanup_t *cleanup = r->pool->cleanup; cleanup != nullptr; cleanup = cleanup->next) {
    if (cleanup->handler == settle_credits) {
      return &static_cast<RequestCredits *>(cleanup->data)->paid;
    }
  }
  return nullptr;
}

PaidCredits *paid_credits_of(ngx_http_request_t *r) noexcept {
  if (PaidCredits *paid = find_paid_credits(r)) {
    return paid;
  }
  static_assert(alignof(RequestCredits) <= 8, "a cleanup's storage is aligned to 8 bytes");
  ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, sizeof(RequestCredits));
  if (cleanup == nullptr) {
    return nullptr;
  }
  auto *credits = new (cleanup->data) RequestCredits(r);
  cleanup->handler = settle_credits;
  return &credits->paid;
}

}  // namespace keyward
