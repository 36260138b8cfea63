// What a block has from the one around it, and where nothing is written, from us.
#pragma once

#include "ngx/configuration/configuration.hpp"

namespace keyward {

void inherit_server(const ServerConfiguration &parent, ServerConfiguration *child);
// In the parent all is worked out already.
void inherit_location(const LocationConfiguration &parent, LocationConfiguration *child);

}  // namespace keyward
