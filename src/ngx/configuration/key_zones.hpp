// The shared memory of fetched key sets: a zone of nginx's for each place that keys are fetched from.
#pragma once

#include <memory>
#include <vector>

#include "fetch/fetch_source.hpp"
#include "fetch/shared_key_set.hpp"
#include "ngx/nginx/ngx.hpp"

namespace keyward {

struct MainConfiguration;

// One place, whichever issuers fetch from it. A zone is named after the place, so that it is kept by every reload that
// still has it, and never becomes another's: workers of the old configuration may look at it for as long as they run.
struct KeyZone {
  Sha256 name = {};
  SharedKeySet *set = nullptr;  // once the zone is set up
};

// An issuer whose keys are fetched.
struct FetchedIssuer {
  std::size_t issuer = 0;  // its place among the configuration's issuers
  FetchSource source;
  std::shared_ptr<const KeyZone> zone;
};

// Once all is read: finds the issuers that fetch, and gives each its zone, which nginx sets up later. false after
// having logged an error.
bool add_key_zones(ngx_conf_t *cf, MainConfiguration *main) noexcept;

}  // namespace keyward
