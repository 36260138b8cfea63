// Reading an issuer's keys from their file: by the master when it loads the configuration, and by workers when the file changed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ngx/issuers.hpp"

namespace keyward {

struct LoadedKeys {
  std::shared_ptr<const jwt::KeySet> keys;  // nullptr: it can't be used
  KeyFileStamp stamp;                       // of what was read
  std::string error;                        // a clause that names the file and nothing in it
  std::vector<std::string> warnings;        // keys that were left out, and who else may read or write the file
  bool forbidden = false;                   // this process may not read it
};

// Not for jwks_uri. Blocks.
LoadedKeys load_keys(const IssuerConfiguration &issuer);

}  // namespace keyward
