// The size stands in the first line.
#include "ngx/nginx/zone_memory.hpp"

namespace keyward {
namespace {

constexpr std::size_t kLineWords = 64 / sizeof(std::size_t);

ZoneMemory found_in(const ngx_shm_zone_t &shm_zone) noexcept {
  auto *memory = static_cast<std::size_t *>(reinterpret_cast<ngx_slab_pool_t *>(shm_zone.shm.addr)->data);
  return memory != nullptr ? ZoneMemory{memory + kLineWords, memory[0]} : ZoneMemory();
}

}  // namespace

ZoneMemory memory_of(ngx_shm_zone_t *shm_zone, const void *old_data) noexcept {
  if (old_data != nullptr) {
    return found_in(*shm_zone);
  }
  auto *pool = reinterpret_cast<ngx_slab_pool_t *>(shm_zone->shm.addr);
  const std::size_t bytes = pool->pfree * ngx_pagesize;
  auto *memory = static_cast<std::size_t *>(ngx_slab_alloc(pool, bytes));
  if (memory == nullptr) {
    return {};
  }
  ngx_memzero(memory, bytes);
  memory[0] = bytes - kLineWords * sizeof(std::size_t);
  pool->data = memory;
  ZoneMemory made = found_in(*shm_zone);
  made.is_new = true;
  return made;
}

ZoneMemory replaced_memory(const ngx_cycle_t *cycle, const ngx_shm_zone_t *shm_zone) noexcept {
  for (ngx_list_part_t *part = &cycle->old_cycle->shared_memory.part; part != nullptr; part = part->next) {
    auto *zones = static_cast<ngx_shm_zone_t *>(part->elts);
    for (ngx_uint_t i = 0; i < part->nelts; ++i) {
      const ngx_shm_zone_t &old = zones[i];
      if (old.tag == shm_zone->tag && old.shm.addr != nullptr && view(old.shm.name) == view(shm_zone->shm.name)) {
        return found_in(old);
      }
    }
  }
  return {};
}

}  // namespace keyward
