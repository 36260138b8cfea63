// Warns where nginx's own cache would give one client what was answered to another (spec 12).
#pragma once

#include "ngx/configuration.hpp"

namespace keyward {

// Looks at proxy_cache and its like in every guarded location, once all locations are merged. Changes nothing.
void warn_of_shared_caches(ngx_conf_t *cf);

}  // namespace keyward
