// What nginx's configuration says about keys: plans, implied scopes, formats and where the store is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/principal.hpp"
#include "cli/outcome.hpp"
#include "key/key_formats.hpp"

namespace keyward::cli {

struct ConfiguredPolicy {
  Policy policy;
  KeyFormats formats;              // never empty once read
  bool has_issuer = false;         // there is a keyward_issuer, whichever
  std::size_t max_credential = 0;  // bytes, where it is largest; 0: it is nowhere said
  std::string store;               // of keyward_store, as it is written there; empty: there is none
};

// Out of what `nginx -T` prints, or a file of nginx's configuration by itself (nginx_walk.hpp).
Outcome read_policy(std::string_view text, ConfiguredPolicy *configured, std::vector<std::string> *remarks);

}  // namespace keyward::cli
