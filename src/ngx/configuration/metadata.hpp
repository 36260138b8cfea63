// What locations with keyward_metadata serve: the documents of their server's resources.
#pragma once

#include "ngx/configuration/reading.hpp"

namespace keyward {

// Once all is merged. What can't be served is among the reading's problems.
void derive_metadata(ngx_conf_t *cf, Reading *reading);

}  // namespace keyward
