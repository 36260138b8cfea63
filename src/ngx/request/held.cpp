// Found among the cleanups of the request's pool, which internal redirects leave alone.
#include "ngx/request/held.hpp"

#include <new>

#include "ngx/configuration/configuration.hpp"

namespace keyward {
namespace {

// Also what it is recognised by. Without worker processes a request may outlive the zone that its places lie in.
void give_back_places(void *data) noexcept {
  auto *held = static_cast<HeldPlaces *>(data);
  const MainConfiguration *running = main_configuration(const_cast<ngx_cycle_t *>(ngx_cycle));
  if (running == nullptr || running->concurrency != held->table()) {
    held->forget();
  }
  held->~HeldPlaces();
}

}  // namespace

HeldPlaces *held_places_of(ngx_http_request_t *r) noexcept {
  for (ngx_pool_cleanup_t *cleanup = r->pool->cleanup; cleanup != nullptr; cleanup = cleanup->next) {
    if (cleanup->handler == give_back_places) {
      return static_cast<HeldPlaces *>(cleanup->data);
    }
  }
  static_assert(alignof(HeldPlaces) <= 8, "a cleanup's storage is aligned to 8 bytes");
  ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, sizeof(HeldPlaces));
  if (cleanup == nullptr) {
    return nullptr;
  }
  auto *held = new (cleanup->data) HeldPlaces;
  cleanup->handler = give_back_places;
  return held;
}

}  // namespace keyward
