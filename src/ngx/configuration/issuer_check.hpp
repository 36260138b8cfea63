// What can only be judged of issuers once the whole configuration was read.
#pragma once

#include "ngx/configuration/reading.hpp"

namespace keyward {

// Adds to what was read with mistakes; warns of what has no effect.
void check_issuers(ngx_conf_t *cf, const MainConfiguration &main, Reading *reading);

}  // namespace keyward
