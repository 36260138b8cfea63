// What a request holds of limits of so many at once, until nginx frees it.
#pragma once

#include "limit/held_places.hpp"
#include "ngx/nginx/ngx.hpp"

namespace keyward {

// Made when it is asked for first; nullptr: memory was refused. Given back with the request's pool: so a WebSocket
// holds it while it is open, and a request that lingers as long as that.
HeldPlaces *held_places_of(ngx_http_request_t *r) noexcept;

}  // namespace keyward
