// nginx keeps a zone over a reload where its name, size and tag are the same: so old workers' requests count, too.
#include "ngx/configuration/concurrency_zone.hpp"

#include "ngx/nginx/zone_memory.hpp"

namespace keyward {
namespace {

// For 65,000 names at the same time, each with requests of several workers.
constexpr std::size_t kZoneBytes = std::size_t{4} << 20;

ngx_int_t on_init_zone(ngx_shm_zone_t *shm_zone, void *old_data) noexcept {
  auto *main = static_cast<MainConfiguration *>(shm_zone->data);
  const ZoneMemory memory = memory_of(shm_zone, old_data);
  if (memory.data != nullptr) {
    main->concurrency = memory.is_new ? ConcurrencyTable::create(memory.data, memory.bytes)
                                      : ConcurrencyTable::adopt(memory.data, memory.bytes);
  }
  if (main->concurrency != nullptr) {
    return NGX_OK;
  }
  ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                "keyward_concurrency: no shared memory, or that of another version of keyward: restart nginx");
  return NGX_ERROR;
}

}  // namespace

bool add_concurrency_zone(ngx_conf_t *cf, MainConfiguration *main) noexcept {
  if (!main->has_concurrency) {
    return true;
  }
  ngx_str_t name = ngx_string("keyward concurrency");
  ngx_shm_zone_t *shm_zone = ngx_shared_memory_add(cf, &name, kZoneBytes, &ngx_http_keyward_module);
  if (shm_zone == nullptr) {
    return false;
  }
  shm_zone->init = on_init_zone;
  shm_zone->data = main;
  return true;
}

}  // namespace keyward
