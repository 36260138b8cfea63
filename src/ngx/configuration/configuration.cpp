// Creating the configuration, and finishing it in three steps: what is inherited, what follows, what is wrong.
#include "ngx/configuration/configuration.hpp"

#include <algorithm>

#include "ngx/configuration/derive.hpp"
#include "ngx/configuration/inherit.hpp"
#include "ngx/configuration/lint.hpp"
#include "ngx/configuration/metadata.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {
namespace {

constexpr std::size_t kZoneBytes = 16U << 20;
// So that a whole body of the keys API lies in one buffer, and none of what is too long for it is read from a file.
constexpr std::size_t kApiBodyBuffer = 32U << 10;

// As proxy_pass does: an `if` or a limit_except is answered by what answers around it.
void take_handler(const LocationConfiguration &parent, LocationConfiguration *child, ngx_http_core_loc_conf_t *core) {
  if (core->noname && parent.api && !child->api && core->handler == nullptr) {
    child->api = parent.api;
    core->handler = on_keys_api;
  }
  if (core->noname && parent.verify && !child->verify && core->handler == nullptr) {
    child->verify = parent.verify;
    core->handler = on_verify;
  }
  if (child->api) {
    core->client_body_buffer_size = std::max(core->client_body_buffer_size, kApiBodyBuffer);
  }
}

}  // namespace

MainConfiguration::MainConfiguration() = default;
MainConfiguration::~MainConfiguration() = default;

MainConfiguration *main_configuration(ngx_conf_t *cf) noexcept {
  return static_cast<MainConfiguration *>(ngx_http_conf_get_module_main_conf(cf, ngx_http_keyward_module));
}

ServerConfiguration *server_configuration(ngx_conf_t *cf) noexcept {
  return static_cast<ServerConfiguration *>(ngx_http_conf_get_module_srv_conf(cf, ngx_http_keyward_module));
}

LocationConfiguration *location_configuration(ngx_conf_t *cf) noexcept {
  return static_cast<LocationConfiguration *>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_keyward_module));
}

const MainConfiguration &main_configuration(ngx_http_request_t *r) noexcept {
  return *static_cast<MainConfiguration *>(ngx_http_get_module_main_conf(r, ngx_http_keyward_module));
}

const ServerConfiguration &server_configuration(ngx_http_request_t *r) noexcept {
  return *static_cast<ServerConfiguration *>(ngx_http_get_module_srv_conf(r, ngx_http_keyward_module));
}

const LocationConfiguration &location_configuration(ngx_http_request_t *r) noexcept {
  return *static_cast<LocationConfiguration *>(ngx_http_get_module_loc_conf(r, ngx_http_keyward_module));
}

const LocationConfiguration &server_location(ngx_http_request_t *r) noexcept {
  const auto *core = static_cast<ngx_http_core_srv_conf_t *>(ngx_http_get_module_srv_conf(r, ngx_http_core_module));
  return *static_cast<LocationConfiguration *>(core->ctx->loc_conf[ngx_http_keyward_module.ctx_index]);
}

MainConfiguration *main_configuration(ngx_cycle_t *cycle) noexcept {
  if (ngx_get_conf(cycle->conf_ctx, ngx_http_module) == nullptr) {
    return nullptr;
  }
  return static_cast<MainConfiguration *>(ngx_http_cycle_get_module_main_conf(cycle, ngx_http_keyward_module));
}

void *create_main(ngx_conf_t *cf) noexcept { return pool_new<MainConfiguration>(cf->pool); }

void *create_server(ngx_conf_t *cf) noexcept { return pool_new<ServerConfiguration>(cf->pool); }

void *create_location(ngx_conf_t *cf) noexcept {
  return guarded(static_cast<void *>(nullptr), [&]() -> void * {
    auto *location = pool_new<LocationConfiguration>(cf->pool);
    // While http itself is made, cf isn't one of http's yet. Later on, other modules make locations for what is no
    // request of a client.
    const bool in_http = (cf->cmd_type & NGX_MAIN_CONF) == 0;
    if (location != nullptr && in_http && main_configuration(cf)->reading) {
      reading_of(cf).block(location).place = place_of(cf);
    }
    return location;
  });
}

char *init_main(ngx_conf_t * /*cf*/, void *conf) noexcept {
  return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
    auto *main = static_cast<MainConfiguration *>(conf);
    if (main->formats.empty()) {
      main->formats = KeyFormats(default_key_format());
    }
    if (main->zone_bytes == 0) {
      main->zone_bytes = kZoneBytes;
    }
    if (main->bcrypt_concurrency == 0) {
      main->bcrypt_concurrency = static_cast<std::size_t>(std::max<ngx_int_t>(1, ngx_ncpu / 2));
    }
    main->bcrypt_concurrency = std::min(main->bcrypt_concurrency, VerifierGate::kMaxPlaces);
    return NGX_CONF_OK;
  });
}

char *merge_server(ngx_conf_t *cf, void *parent, void *child) noexcept {
  return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
    auto *server = static_cast<ServerConfiguration *>(child);
    inherit_server(*static_cast<ServerConfiguration *>(parent), server);
    derive_server(*static_cast<ngx_http_core_srv_conf_t *>(ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module)),
                  server);
    return NGX_CONF_OK;
  });
}

char *merge_location(ngx_conf_t *cf, void *parent_conf, void *child_conf) noexcept {
  return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
    auto *parent = static_cast<LocationConfiguration *>(parent_conf);
    auto *child = static_cast<LocationConfiguration *>(child_conf);
    auto *core = static_cast<ngx_http_core_loc_conf_t *>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    auto *core_server =
        static_cast<ngx_http_core_srv_conf_t *>(ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module));
    MainConfiguration *main = main_configuration(cf);
    ServerConfiguration *server = server_configuration(cf);
    Reading later;  // see create_location()
    Reading &reading = main->reading ? *main->reading : later;

    reading.block(child).parent = parent;
    reading.merged.push_back({child, server, static_cast<ngx_http_conf_ctx_t *>(cf->ctx)->loc_conf, core_server});
    if (reading.block(parent).parent == nullptr) {
      derive_http(&reading, parent);
    }
    name_limits(&reading, child, *core, *core_server);
    inherit_location(*parent, child);
    take_handler(*parent, child, core);
    derive_location(&reading, main, server, child, *core);
    return NGX_CONF_OK;
  });
}

bool finish_configuration(ngx_conf_t *cf, Reading *reading) noexcept {
  return guarded(false, [&] {
    MainConfiguration *main = main_configuration(cf);
    derive_main(cf, *reading->watch, main);
    derive_metadata(cf, reading);
    derive_apis(*main, *reading);
    const bool good = lint(cf, *main, reading);
    join_limits(*reading);
    return good;
  });
}

}  // namespace keyward
