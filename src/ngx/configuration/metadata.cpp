// Which resources a server has, and whether clients find their metadata.
#include "ngx/configuration/metadata.hpp"

#include <algorithm>
#include <set>

namespace keyward {
namespace {

// The outermost block that has a resource: what is written beside it holds for its document.
using Resources = std::vector<const LocationConfiguration *>;

const ngx_http_core_loc_conf_t &core_of(const MergedLocation &merged) noexcept {
  return *static_cast<ngx_http_core_loc_conf_t *>(merged.loc_conf[ngx_http_core_module.ctx_index]);
}

Resources resources_of(const Reading &reading, const ServerConfiguration *server) {
  Resources all;
  std::set<std::string> seen;
  for (const MergedLocation &merged : reading.merged) {
    const LocationConfiguration &location = *merged.location;
    if (merged.server == server && location.resource && seen.insert(location.resource->url).second) {
      all.push_back(&location);
    }
  }
  return all;
}

MetadataDocument document_of(const LocationConfiguration &named, const LocationConfiguration &serving) {
  const auto &servers = named.authorization_servers ? named.authorization_servers : serving.authorization_servers;
  const std::string_view realm = named.realm ? std::string_view(*named.realm) : std::string_view();
  return {named.resource->metadata_path, servers ? metadata_document(*named.resource, *servers, realm) : std::string()};
}

void derive_one(const Resources &resources, const std::string &place, LocationConfiguration *serving,
                Reading *reading) {
  for (const LocationConfiguration *named : resources) {
    serving->metadata.push_back(document_of(*named, *serving));
    if (serving->metadata.back().body.empty()) {
      serving->metadata.pop_back();
      reading->problems.push_back("keyward_metadata " + place + " has no authorization server to name for " +
                                  named->resource->url +
                                  "; write \"keyward_authorization_server https://HOST;\" beside keyward_resource");
    }
  }
  if (resources.empty()) {
    reading->problems.push_back("keyward_metadata " + place +
                                " has nothing to describe: no keyward_resource is in its server; write "
                                "\"keyward_resource https://HOST/PATH;\"");
  }
  // Whatever its own path is: that of the resource that holds here, or the only one.
  for (const MetadataDocument &document : serving->metadata) {
    const bool is_own = serving->resource && document.path == serving->resource->metadata_path;
    if (is_own || serving->metadata.size() == 1) {
      serving->own_metadata = &document;
    }
  }
}

// As far as its name tells.
bool may_serve(const ngx_http_core_loc_conf_t &core, std::string_view path) noexcept {
  const std::string_view name = view(core.name);
#if (NGX_PCRE)
  if (core.regex != nullptr) {
    return true;
  }
#endif
  return core.exact_match ? name == path : path.substr(0, name.size()) == name;
}

// A client comes to the path that follows from the resource, wherever challenges are ignored.
void warn_of_unserved(ngx_conf_t *cf, const Resources &resources, const ServerConfiguration *server,
                      const Reading &reading) {
  for (const LocationConfiguration *named : resources) {
    const std::string &path = named->resource->metadata_path;
    const bool is_served = std::any_of(reading.merged.begin(), reading.merged.end(), [&](const MergedLocation &merged) {
      return merged.server == server && merged.location->serves_metadata && may_serve(core_of(merged), path);
    });
    if (!is_served) {
      ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                    "clients look for the metadata of keyward_resource %s at %s, where no location has "
                    "keyward_metadata; write \"location %s { keyward_metadata; }\"",
                    named->resource->url.c_str(), path.c_str(), std::string(kMetadataPath).c_str());
    }
  }
}

}  // namespace

void derive_metadata(ngx_conf_t *cf, Reading *reading) {
  std::set<const ServerConfiguration *> told;
  for (const MergedLocation &merged : reading->merged) {
    LocationConfiguration &location = *merged.location;
    if (!location.serves_metadata) {
      continue;
    }
    const Resources resources = resources_of(*reading, merged.server);
    derive_one(resources, reading->block(&location).metadata_place, &location, reading);
    if (told.insert(merged.server).second) {
      warn_of_unserved(cf, resources, merged.server, *reading);
    }
  }
}

}  // namespace keyward
