// Two URLs from one, and one from a document.
#include "fetch/discovery.hpp"

#include "base/quote.hpp"
#include "json/json.hpp"

namespace keyward {

namespace {

constexpr std::size_t kMaxValues = 32768;  // a value takes far more memory than text

bool fail(std::string *error, std::string problem) {
  *error = std::move(problem);
  return false;
}

const std::string *find_text(const json::Value &document, std::string_view name) noexcept {
  const json::Value *value = document.find(name);
  return value != nullptr && value->type == json::Value::Type::string ? &value->text : nullptr;
}

}  // namespace

bool find_metadata(std::string_view issuer, MetadataPlaces *places, std::string *error) {
  Url url;
  if (!parse_url(issuer, &url, error)) {
    return false;
  }
  if (!url.tls) {
    return fail(error, "is not https, as an issuer's has to be");
  }
  if (issuer.find('?') != std::string_view::npos) {
    return fail(error, "has a query, and an issuer's has none");
  }
  // Both specifications: a slash at the end is left out before anything is put there.
  std::string_view path = issuer.substr(url.path_at);
  path.remove_suffix(!path.empty() && path.back() == '/' ? 1 : 0);
  const std::string origin(issuer.substr(0, url.path_at));
  const std::string own(path);
  return parse_url(origin + own + "/.well-known/openid-configuration", &places->openid, error) &&
         parse_url(origin + "/.well-known/oauth-authorization-server" + own, &places->oauth, error);
}

bool read_metadata(std::string_view text, std::string_view issuer, std::string_view jwks_host, DiscoveredKeys *keys,
                   std::string *error) {
  json::Value document;
  json::Limits limits;
  limits.values = kMaxValues;
  if (!json::parse(text, limits, &document, error)) {
    return false;
  }
  const std::string *said = find_text(document, "issuer");
  if (said == nullptr) {
    return fail(error, "it has no \"issuer\"");
  }
  if (*said != issuer) {
    return fail(error, "its \"issuer\" is " + quote(*said) + ", and has to be the URL of discovery, exactly");
  }
  const std::string *place = find_text(document, "jwks_uri");
  if (place == nullptr) {
    return fail(error, "it has no \"jwks_uri\"");
  }
  std::string problem;
  Url own;
  if (!parse_url(*place, &keys->url, &problem) || !parse_url(issuer, &own, &problem)) {
    return fail(error, "its \"jwks_uri\" " + problem);
  }
  if (!keys->url.tls) {
    return fail(error, "its \"jwks_uri\" is not https");
  }
  keys->public_only = keys->url.host != own.host && (jwks_host.empty() || keys->url.host != jwks_host);
  return true;
}

}  // namespace keyward
