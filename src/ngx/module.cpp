// The nginx modules: what they are called, and where they hook into nginx.
#include "base/digest.hpp"
#include "base/version.hpp"
#include "ngx/access/access.hpp"
#include "ngx/answer/filters.hpp"
#include "ngx/answer/metadata.hpp"
#include "ngx/answer/variables.hpp"
#include "ngx/configuration/concurrency_zone.hpp"
#include "ngx/configuration/configuration.hpp"
#include "ngx/configuration/credit_zone.hpp"
#include "ngx/configuration/reading.hpp"
#include "ngx/configuration/store_check.hpp"
#include "ngx/nginx/ngx.hpp"
#include "ngx/nginx/zone_memory.hpp"
#include "ngx/request/identity.hpp"
#include "ngx/request/query_credential.hpp"
#include "ngx/request/request_start.hpp"
#include "ngx/worker/worker.hpp"

namespace keyward {
namespace {

// Which version a module's file is of: nginx's own numbers in it only say for which nginx it was built.
[[gnu::used]] constexpr const char *kModuleVersion = kProductVersion;

bool add_handler(ngx_conf_t *cf, ngx_http_phases phase, ngx_http_handler_pt handler) noexcept {
  auto *core = static_cast<ngx_http_core_main_conf_t *>(ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
  auto *slot = static_cast<ngx_http_handler_pt *>(ngx_array_push(&core->phases[phase].handlers));
  if (slot == nullptr) {
    return false;
  }
  *slot = handler;
  return true;
}

// A store that workers couldn't use is found here, for `nginx -t`, a start and a reload alike: a failure in init_module
// would make a running master exit.
bool check_store(ngx_cycle_t *cycle, const MainConfiguration &main) {
  if (main.store.empty()) {
    return true;
  }
  std::vector<std::string> warnings;
  const StoreStatus status = check_store_as_worker(cycle, main.store, main.has_api, &warnings);
  for (const std::string &warning : warnings) {
    ngx_log_error(NGX_LOG_WARN, cycle->log, 0, "keyward_store %s: %s", main.store_place.c_str(), warning.c_str());
  }
  if (status.ok()) {
    return true;
  }
  const ngx_uint_t level = main.any_on ? NGX_LOG_EMERG : NGX_LOG_WARN;
  ngx_log_error(level, cycle->log, 0, "keyward_store %s: %s", main.store_place.c_str(), status.text.c_str());
  return !main.any_on;
}

ngx_int_t on_init_zone(ngx_shm_zone_t *shm_zone, void *old_data) noexcept {
  return guarded(static_cast<ngx_int_t>(NGX_ERROR), [&]() -> ngx_int_t {
    auto *main = static_cast<MainConfiguration *>(shm_zone->data);
    if (!init_crypto()) {
      ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0, "keyward: libsodium can't be used");
      return NGX_ERROR;
    }
    // What init_zone sees as the cycle is the one that is being made.
    if (!check_store(const_cast<ngx_cycle_t *>(main->cycle), *main)) {
      return NGX_ERROR;
    }
    const ZoneMemory memory = memory_of(shm_zone, old_data);
    if (memory.data == nullptr) {
      return NGX_ERROR;
    }
    if (!memory.is_new) {
      if (Zone::adopt(memory.data, memory.bytes, &main->zone)) {
        return NGX_OK;
      }
      ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                    "keyward_zone: the running zone was made by another version of keyward; restart nginx, or change "
                    "the zone's size");
      return NGX_ERROR;
    }
    if (!Zone::create(memory.data, memory.bytes, &main->zone)) {
      return NGX_ERROR;
    }
    const ZoneMemory old = replaced_memory(main->cycle, shm_zone);
    Zone replaced;
    if (old.data != nullptr && Zone::adopt(old.data, old.bytes, &replaced)) {
      const std::uint64_t lost = main->zone.copy_from(&replaced, ngx_current_msec);
      main->replaced = replaced;
      if (lost != 0) {
        ngx_log_error(NGX_LOG_WARN, shm_zone->shm.log, 0,
                      "keyward_zone: %uL open windows of limits don't fit into the new size and start from zero",
                      static_cast<std::uint64_t>(lost));
      }
    }
    return NGX_OK;
  });
}

ngx_int_t preconfigure(ngx_conf_t *cf) noexcept {
  return guarded(static_cast<ngx_int_t>(NGX_ERROR), [&] {
    // Until everything is read, or the configuration is given up and its pool destroyed.
    main_configuration(cf)->reading = std::make_unique<Reading>();
    main_configuration(cf)->reading->watch.emplace(cf);
    return add_variables(cf);
  });
}

ngx_int_t postconfigure(ngx_conf_t *cf) noexcept {
  return guarded(static_cast<ngx_int_t>(NGX_ERROR), [&]() -> ngx_int_t {
    MainConfiguration *main = main_configuration(cf);
    const std::unique_ptr<Reading> reading = std::move(main->reading);
    if (!main->configured) {
      return NGX_OK;
    }
    if (reading->watch->failed || !finish_configuration(cf, reading.get())) {
      return NGX_ERROR;
    }
    main->cycle = cf->cycle;
    ngx_str_t name = ngx_string("keyward");
    main->shm_zone = ngx_shared_memory_add(cf, &name, main->zone_bytes, &ngx_http_keyward_module);
    if (main->shm_zone == nullptr) {
      return NGX_ERROR;
    }
    main->shm_zone->init = on_init_zone;
    main->shm_zone->data = main;
    if (!add_key_zones(cf, main) || !add_concurrency_zone(cf, main) || !add_credit_zone(cf, main)) {
      return NGX_ERROR;
    }
    if (!serve_metadata(cf, *reading)) {
      return NGX_ERROR;
    }
    serve_claim_variables(cf);
    take_remote_user(cf);
    find_identity_variables(cf);
    const bool added = add_handler(cf, NGX_HTTP_POST_READ_PHASE, on_post_read) &&
                       add_handler(cf, NGX_HTTP_PREACCESS_PHASE, on_preaccess) &&
                       add_handler(cf, NGX_HTTP_ACCESS_PHASE, on_access) &&
                       add_handler(cf, NGX_HTTP_PRECONTENT_PHASE, on_precontent) &&
                       add_handler(cf, NGX_HTTP_CONTENT_PHASE, on_content);
    return added && prepare_request_start(cf) && (main->query_names.empty() || keep_query_from_logs(cf)) ? NGX_OK
                                                                                                         : NGX_ERROR;
  });
}

ngx_int_t postconfigure_filters(ngx_conf_t *cf) noexcept {
  if (!main_configuration(cf)->configured) {
    return NGX_OK;
  }
  // Handlers of a phase run from the last to the first: in here rewrite's own are there already, and come after these.
  return add_handler(cf, NGX_HTTP_SERVER_REWRITE_PHASE, on_rewrite) &&
                 add_handler(cf, NGX_HTTP_REWRITE_PHASE, on_rewrite)
             ? install_filters(cf)
             : NGX_ERROR;
}

ngx_int_t postconfigure_last_filter(ngx_conf_t *cf) noexcept {
  return main_configuration(cf)->configured ? install_last_filter(cf) : NGX_OK;
}

ngx_http_module_t access_context = {
    preconfigure, postconfigure, create_main, init_main, create_server, merge_server, create_location, merge_location,
};

ngx_http_module_t filter_context = {
    nullptr, postconfigure_filters, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
};

ngx_http_module_t last_filter_context = {
    nullptr, postconfigure_last_filter, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
};

}  // namespace
}  // namespace keyward

ngx_module_t ngx_http_keyward_module = {
    NGX_MODULE_V1,
    &keyward::access_context,
    keyward::directives,
    NGX_HTTP_MODULE,
    nullptr,                   // init master
    keyward::on_init_module,   // init module
    keyward::on_init_process,  // init process
    nullptr,                   // init thread
    nullptr,                   // exit thread
    keyward::on_exit_process,  // exit process
    nullptr,                   // exit master
    NGX_MODULE_V1_PADDING,
};

ngx_module_t ngx_http_keyward_filter_module = {
    NGX_MODULE_V1, &keyward::filter_context,
    nullptr,       NGX_HTTP_MODULE,
    nullptr,       nullptr,
    nullptr,       nullptr,
    nullptr,       nullptr,
    nullptr,       NGX_MODULE_V1_PADDING,
};

ngx_module_t ngx_http_keyward_last_filter_module = {
    NGX_MODULE_V1, &keyward::last_filter_context,
    nullptr,       NGX_HTTP_MODULE,
    nullptr,       nullptr,
    nullptr,       nullptr,
    nullptr,       nullptr,
    nullptr,       NGX_MODULE_V1_PADDING,
};
