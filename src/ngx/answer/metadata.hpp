// Serving a protected resource's metadata (RFC 9728).
#pragma once

#include "ngx/configuration/reading.hpp"

namespace keyward {

// Postconfiguration: takes the content of locations with keyward_metadata. false after having logged an error.
bool serve_metadata(ngx_conf_t *cf, const Reading &reading) noexcept;

}  // namespace keyward
