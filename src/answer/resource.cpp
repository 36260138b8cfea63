// What follows from a resource's URL.
#include "answer/resource.hpp"

#include <algorithm>

#include "auth/scope.hpp"
#include "base/ascii.hpp"
#include "json/json.hpp"

namespace keyward {
namespace {

void write_list(std::string_view name, const std::vector<std::string_view> &texts, json::Writer *out) {
  out->key(name).begin_array();
  for (const std::string_view text : texts) {
    out->string(text);
  }
  out->end_array();
}

// As nginx has a Host field: in small letters, an IPv6 address with its brackets.
std::string host_of(std::string_view origin) {
  constexpr std::string_view kSeparator = "://";
  std::string_view authority = origin.substr(origin.find(kSeparator) + kSeparator.size());
  const std::size_t colon = authority.rfind(':');
  const std::size_t bracket = authority.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || bracket < colon)) {
    authority = authority.substr(0, colon);
  }
  std::string host(authority);
  std::transform(host.begin(), host.end(), host.begin(), to_lower);
  return host;
}

}  // namespace

ProtectedResource make_resource(std::string_view url, std::size_t path_at, std::string scopes) {
  const std::string_view path = url.substr(path_at);
  ProtectedResource resource;
  resource.url = url;
  resource.host = host_of(url.substr(0, path_at));
  resource.metadata_path = std::string(kMetadataPath) + std::string(path == "/" ? std::string_view() : path);
  resource.metadata_url = std::string(url.substr(0, path_at)) + resource.metadata_path;
  resource.scopes = std::move(scopes);
  resource.audiences = {resource.url};
  if (path.empty() || path == "/") {
    const std::string origin(url.substr(0, path_at));
    resource.audiences = {origin, origin + '/'};
  }
  return resource;
}

std::string metadata_document(const ProtectedResource &resource, const std::vector<std::string> &authorization_servers,
                              std::string_view realm) {
  json::Writer out;
  out.begin_object();
  out.member("resource", resource.url);
  write_list("authorization_servers", {authorization_servers.begin(), authorization_servers.end()}, &out);
  if (!resource.scopes.empty()) {
    write_list("scopes_supported", split_list(resource.scopes, ' '), &out);
  }
  write_list("bearer_methods_supported", {"header"}, &out);
  if (!realm.empty()) {
    out.member("resource_name", realm);
  }
  return out.end_object().text();
}

}  // namespace keyward
