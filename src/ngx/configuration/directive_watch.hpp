// What other modules' directives say, noted as nginx reads them: their own configuration is private to them.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ngx/nginx/ngx.hpp"

namespace keyward {

struct LocationConfiguration;

// A `return` that answers every request of its block.
struct ReturnNote {
  unsigned status = 0;
  bool has_text = false;
  std::string place;
};

// What one block says about the cache of one module: nothing where another block's holds. A list replaces the outer
// one as a whole.
struct CacheNote {
  std::optional<bool> on;
  std::optional<std::string> key;
  std::optional<std::vector<std::string>> no_cache, bypass;
};

// nginx's modules that cache, by their place in BlockNote::caches.
struct CachingModule {
  const char *prefix, *module, *default_key;
};
inline constexpr std::array<CachingModule, 4> kCachingModules = {{
    {"proxy", "ngx_http_proxy_module", "$scheme$proxy_host$request_uri"},
    {"fastcgi", "ngx_http_fastcgi_module", ""},
    {"uwsgi", "ngx_http_uwsgi_module", ""},
    {"scgi", "ngx_http_scgi_module", ""},
}};

// nginx's modules that count by a variable, before the access phase, by their place in BlockNote::zone_uses.
inline constexpr std::array<const char *, 2> kCountingModules = {"limit_req", "limit_conn"};

struct ZoneUse {
  std::string zone, place;
};

// What one block (http, server, location, `if`, limit_except) says itself.
struct BlockNote {
  std::vector<ReturnNote> returns;
  std::array<CacheNote, kCachingModules.size()> caches;
  std::optional<std::size_t> passes_to;  // the last of proxy_pass and its like, as a place in kCachingModules
  std::array<std::vector<ZoneUse>, kCountingModules.size()> zone_uses;
};

struct ZoneNote {
  std::string key, place;
};

// A variable that map, geo or split_clients computes from others, and from nothing else.
struct ComputedVariable {
  std::string name;
  std::vector<std::string> reads;
  bool reads_more = false;  // what else it reads isn't known: `include`, or a file that can't be read again
};

// Stands between nginx and the setters of other modules' directives while a configuration is read, from its making to
// its end, and calls each. It changes nothing of what they do.
class DirectiveWatch {
 public:
  explicit DirectiveWatch(ngx_conf_t *cf);
  ~DirectiveWatch();
  DirectiveWatch(const DirectiveWatch &) = delete;
  DirectiveWatch &operator=(const DirectiveWatch &) = delete;

  const BlockNote *find(const LocationConfiguration *block) const;
  const ZoneNote *find_zone(std::size_t counting_module, const std::string &zone) const;
  const ComputedVariable *find_computed(const std::string &name) const;

  std::map<const LocationConfiguration *, BlockNote> blocks;
  std::array<std::map<std::string, ZoneNote>, kCountingModules.size()> zones;
  std::vector<ComputedVariable> computed;  // by name in lower case; a later one of a name holds
  std::set<std::string> assigned;          // variables that `set` and its like write to
  bool failed = false;                     // memory was refused: something isn't noted
};

}  // namespace keyward
