// nginx keeps a zone over a reload where its name, size and tag are the same: so old workers spend the same balances.
#include "ngx/configuration/credit_zone.hpp"

#include "base/digest.hpp"
#include "ngx/nginx/zone_memory.hpp"

namespace keyward {
namespace {

ngx_int_t on_init_zone(ngx_shm_zone_t *shm_zone, void *old_data) noexcept {
  auto *main = static_cast<MainConfiguration *>(shm_zone->data);
  const ZoneMemory memory = memory_of(shm_zone, old_data);
  if (memory.data != nullptr && init_crypto()) {
    main->credits =
        memory.is_new ? CreditTable::create(memory.data, memory.bytes) : CreditTable::adopt(memory.data, memory.bytes);
  }
  if (main->credits == nullptr) {
    ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                  "keyward_cost: no shared memory, or that of another version of keyward: restart nginx");
    return NGX_ERROR;
  }
  if (memory.is_new) {
    const ZoneMemory replaced = replaced_memory(main->cycle, shm_zone);
    main->replaced_credits = replaced.data != nullptr ? CreditTable::adopt(replaced.data, replaced.bytes) : nullptr;
  }
  return NGX_OK;
}

}  // namespace

bool add_credit_zone(ngx_conf_t *cf, MainConfiguration *main) noexcept {
  if (!main->has_costs || main->store.empty()) {
    return true;
  }
  ngx_str_t name = ngx_string("keyward credits");
  // As many balances as there may be windows of principals and more, by one size that an operator has to choose.
  ngx_shm_zone_t *shm_zone = ngx_shared_memory_add(cf, &name, main->zone_bytes, &ngx_http_keyward_module);
  if (shm_zone == nullptr) {
    return false;
  }
  shm_zone->init = on_init_zone;
  shm_zone->data = main;
  return true;
}

void take_replaced_credits(MainConfiguration *main) noexcept {
  if (main->replaced_credits != nullptr) {
    main->credits->take_from(main->replaced_credits);
    main->replaced_credits = nullptr;
  }
}

}  // namespace keyward
