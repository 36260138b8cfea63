// Which location nginx would choose for another URI than the request's own.
#pragma once

#include "ngx/configuration/configuration.hpp"
#include "ngx/nginx/ngx.hpp"

namespace keyward {

// A URI as nginx reads one: decoded, with dots and slashes resolved, without its arguments. It is in the request's
// pool. Data is nullptr if it is none, or memory was refused.
ngx_str_t normalize_target(ngx_http_request_t *r, std::string_view target) noexcept;

// The location of the request's server for this normalized URI, as nginx chooses it before any rewrite; nullptr if it
// would answer with a redirect, or can't say. Nothing of the request changes.
const LocationConfiguration *find_location(ngx_http_request_t *r, const ngx_str_t &uri) noexcept;

}  // namespace keyward
