// nginx keeps a zone over a reload where its name, size and tag are the same.
#include "ngx/configuration/key_zones.hpp"

#include <utility>

#include "base/digest.hpp"
#include "base/hex.hpp"
#include "ngx/configuration/configuration.hpp"

namespace keyward {
namespace {

// nginx's own room: its slab pool's header, and some bytes for each page.
std::size_t zone_bytes() noexcept {
  const std::size_t pages = (SharedKeySet::size() + ngx_pagesize - 1) / ngx_pagesize;
  return (pages + 8) * (ngx_pagesize + sizeof(ngx_slab_page_t)) + sizeof(ngx_slab_pool_t);
}

ngx_int_t on_init_zone(ngx_shm_zone_t *shm_zone, void *old_data) noexcept {
  auto *zone = static_cast<KeyZone *>(shm_zone->data);
  auto *pool = reinterpret_cast<ngx_slab_pool_t *>(shm_zone->shm.addr);
  if (old_data != nullptr && pool->data != nullptr) {
    zone->set = SharedKeySet::adopt(pool->data, zone->name);
  } else if (init_crypto()) {
    pool->data = ngx_slab_alloc(pool, SharedKeySet::size());
    zone->set = pool->data != nullptr ? SharedKeySet::create(pool->data, zone->name) : nullptr;
  }
  if (zone->set != nullptr) {
    return NGX_OK;
  }
  ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0, "keyward: no shared memory for a key set: restart nginx");
  return NGX_ERROR;
}

bool read_source(const IssuerConfiguration &issuer, FetchSource *source) {
  const KeyPlace &keys = issuer.keys;
  std::string error;
  source->issuer = issuer.rules.name;
  source->request.ca = keys.certificates;
  source->discovers = keys.discovers;
  source->jwks_host = keys.jwks_host;
  source->plan.refresh_ms = keys.refresh_s * 1000;
  source->plan.stale_ms = keys.stale_s * 1000;
  source->cache = keys.cache;
  return parse_url(keys.where, &source->request.url, &error);  // as its directive has seen to
}

// Another place's set in the same file.
const FetchedIssuer *find_cache(const std::vector<FetchedIssuer> &others, const FetchSource &source) {
  for (const FetchedIssuer &other : others) {
    if (!source.cache.empty() && other.source.cache == source.cache && other.zone->name != source.name()) {
      return &other;
    }
  }
  return nullptr;
}

// One for each place: who fetches from the same shares it.
std::shared_ptr<const KeyZone> zone_of(ngx_conf_t *cf, const Sha256 &place, const std::vector<FetchedIssuer> &others) {
  for (const FetchedIssuer &other : others) {
    if (other.zone->name == place) {
      return other.zone;
    }
  }
  auto zone = std::make_shared<KeyZone>();
  zone->name = place;
  ngx_str_t name = copy(cf->pool, "keyward keys " + to_hex(view_of(place)));
  ngx_shm_zone_t *shm_zone =
      name.data != nullptr ? ngx_shared_memory_add(cf, &name, zone_bytes(), &ngx_http_keyward_module) : nullptr;
  if (shm_zone == nullptr) {
    return nullptr;
  }
  shm_zone->init = on_init_zone;
  shm_zone->data = zone.get();
  return zone;
}

}  // namespace

bool add_key_zones(ngx_conf_t *cf, MainConfiguration *main) noexcept {
  return guarded(false, [&] {
    for (std::size_t i = 0; i < main->issuers.size(); ++i) {
      const IssuerConfiguration &issuer = *main->issuers[i];
      if (!issuer.keys.is_fetched()) {
        continue;
      }
      FetchedIssuer fetched;
      fetched.issuer = i;
      if (!read_source(issuer, &fetched.source)) {
        return false;
      }
      if (const FetchedIssuer *other = find_cache(main->fetched, fetched.source)) {
        ngx_log_error(
            NGX_LOG_EMERG, cf->log, 0,
            "keyward_issuer \"%s\" %s and keyward_issuer \"%s\" fetch different key sets into one \"cache=\"; "
            "write another file for one of them",
            issuer.rules.name.c_str(), issuer.place.c_str(), other->source.issuer.c_str());
        return false;
      }
      fetched.zone = zone_of(cf, fetched.source.name(), main->fetched);
      if (!fetched.zone) {
        return false;
      }
      main->fetched.push_back(std::move(fetched));
    }
    return true;
  });
}

}  // namespace keyward
