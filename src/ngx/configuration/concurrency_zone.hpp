// The shared memory in which requests that are being served are counted; there is none where nobody limits them.
#pragma once

#include "ngx/configuration/configuration.hpp"

namespace keyward {

// false after having logged an error.
bool add_concurrency_zone(ngx_conf_t *cf, MainConfiguration *main) noexcept;

}  // namespace keyward
