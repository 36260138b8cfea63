// What is protected, and who says so to clients: keyward_resource, keyward_authorization_server, keyward_metadata.
#include <memory>

#include "answer/challenge.hpp"
#include "auth/scope.hpp"
#include "fetch/url.hpp"
#include "ngx/configuration/directive.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {
namespace {

bool is_loopback(std::string_view host) noexcept {
  return host == "localhost" || host == "::1" || host.substr(0, 4) == "127.";
}

// Clients follow what these name: https, but on one's own machine.
Wrong check_public_url(std::string_view text, Url *url) {
  std::string error;
  if (!parse_url(text, url, &error)) {
    return "the URL " + error + "; write https://HOST/PATH";
  }
  if (url->text.find('?') != std::string::npos) {
    return quoted(url->shown) + " has a query behind it; write the URL without";
  }
  if (!url->tls && !is_loopback(url->host)) {
    return quoted(url->shown) + " is not https, which clients ask for everywhere but on localhost; write https://...";
  }
  return kGood;
}

struct ScopeList {
  std::string text;
};

Wrong set_scopes(const Given &given, ScopeList *scopes) {
  if (!scopes->text.empty()) {
    return "has \"scopes=\" twice";
  }
  std::vector<std::string_view> written;
  if (Wrong wrong = split_elements(given.value, &written)) {
    return wrong;
  }
  for (const std::string_view scope : written) {
    if (!is_scope(scope)) {
      return "bad scope in " + quoted(given.word) + "; write scopes=files:read,files:write, without wildcards";
    }
    if (scope == kOfflineAccess) {
      return quoted(kOfflineAccess) + " is between a client and its authorization server; leave it out of \"scopes=\"";
    }
    scopes->text += (scopes->text.empty() ? "" : " ") + std::string(scope);
  }
  return scopes->text.empty() ? Wrong("\"scopes=\" names no scope; write scopes=files:read,files:write") : kGood;
}

constexpr Parameter<ScopeList> kResourceParameters[] = {{"scopes", set_scopes}};

}  // namespace

Wrong set_resource(ngx_conf_t *, const Words &words, LocationConfiguration *conf) {
  if (conf->resource) {
    return "is duplicate";
  }
  Url url;
  if (Wrong wrong = check_public_url(words[1], &url)) {
    return wrong;
  }
  if (words[1].size() > kMaxResourceBytes) {
    return "the URL is longer than " + std::to_string(kMaxResourceBytes) + " bytes, so that challenges can't name it";
  }
  ScopeList scopes;
  if (words.size() == 3) {
    Wrong wrong;
    if (!read_parameter(kResourceParameters, nullptr, words[2], &scopes, &wrong)) {
      return "invalid parameter " + quoted(words[2]) + "; only scopes=SCOPE,... may follow";
    }
    if (wrong) {
      return wrong;
    }
  }
  const ProtectedResource resource = make_resource(words[1], url.path_at, std::move(scopes.text));
  Challenge challenge;
  challenge.resource_metadata = resource.metadata_url;
  challenge.scope = resource.scopes;
  if (!fits_challenge(challenge)) {
    return "has more in \"scopes=\" than fits into WWW-Authenticate, which has at most " +
           std::to_string(kMaxChallengeFieldBytes) + " bytes; name those that nearly everybody needs";
  }
  conf->resource = std::make_shared<const ProtectedResource>(resource);
  return kGood;
}

Wrong set_authorization_server(ngx_conf_t *, const Words &words, LocationConfiguration *conf) {
  if (conf->authorization_servers) {
    return "is duplicate; write all URLs into one";
  }
  std::vector<std::string> servers;
  for (auto word = words.begin() + 1; word != words.end(); ++word) {
    Url url;
    if (Wrong wrong = check_public_url(*word, &url)) {
      return wrong;
    }
    if (std::find(servers.begin(), servers.end(), *word) != servers.end()) {
      return quoted(*word) + " is there twice";
    }
    servers.emplace_back(*word);
  }
  conf->authorization_servers = std::move(servers);
  return kGood;
}

Wrong set_metadata(ngx_conf_t *cf, const Words &, LocationConfiguration *conf) {
  if (conf->serves_metadata) {
    return "is duplicate";
  }
  conf->serves_metadata = true;
  reading_of(cf).block(conf).metadata_place = place_of(cf);
  return kGood;
}

}  // namespace keyward
