// The name is a digest over digests, so that no boundary can be moved.
#include "fetch/fetch_source.hpp"

#include "base/digest.hpp"

namespace keyward {

Sha256 FetchSource::name() const {
  std::string parts = "keyward key set";
  parts += view_of(sha256(request.url.text));
  parts += request.ca ? view_of(sha256(*request.ca)) : std::string_view();
  if (!discovers.empty()) {
    parts += view_of(sha256(discovers));
    parts += view_of(sha256(jwks_host));
  }
  return sha256(parts);
}

}  // namespace keyward
