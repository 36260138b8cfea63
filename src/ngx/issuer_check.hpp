// What can only be judged of issuers once the whole configuration was read.
#pragma once

#include "ngx/configuration.hpp"

namespace keyward {

// Works out whose subjects are whose, and adds to main's problems; warns of what has no effect.
void check_issuers(ngx_conf_t *cf, MainConfiguration *main);

}  // namespace keyward
