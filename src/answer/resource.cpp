// What follows from a resource's URL.
#include "answer/resource.hpp"

#include "auth/scope.hpp"
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

}  // namespace

ProtectedResource make_resource(std::string_view url, std::size_t path_at, std::string scopes) {
  const std::string_view path = url.substr(path_at);
  ProtectedResource resource;
  resource.url = url;
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
