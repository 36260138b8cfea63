// What can hardly be meant of messages.
#pragma once

#include "ngx/configuration/reading.hpp"

namespace keyward {

// Warns of rules that do nothing, and of bodies that nginx itself refuses; notes among reading->problems what makes no
// sense.
void check_mcp(ngx_conf_t *cf, Reading *reading);

}  // namespace keyward
