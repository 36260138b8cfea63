// A provider's metadata: where it is (OpenID Connect Discovery 1.0, section 4; RFC 8414, section 3), and what of it is
// believed.
#pragma once

#include <string>
#include <string_view>

#include "fetch/url.hpp"

namespace keyward {

// The two places where the metadata of an issuer may be, in the order in which they are asked.
struct MetadataPlaces {
  Url openid, oauth;
};

// false with the end of a sentence about the issuer's URL, which has to be https and may have no query.
bool find_metadata(std::string_view issuer, MetadataPlaces *places, std::string *error);

// Where the metadata says that the keys are.
struct DiscoveredKeys {
  Url url;
  bool public_only = false;  // its host is one that nobody here has named: it may be on the internet only
};

// text: as it was fetched. issuer: as it is configured, which the metadata has to say exactly. hosts whose names nobody
// needs to check: that of `issuer`, and jwks_host, in lower case (empty: none). false with a clause that says why.
bool read_metadata(std::string_view text, std::string_view issuer, std::string_view jwks_host, DiscoveredKeys *keys,
                   std::string *error);

}  // namespace keyward
