// What follows from what is written, so that a request has nothing to work out.
#pragma once

#include "ngx/configuration/configuration.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {

// Of http, which inherits nothing. Doing it again changes nothing.
void derive_http(Reading *reading, LocationConfiguration *http);
// Of any other block, before it inherits: limits are known by where they are written.
void name_limits(Reading *reading, LocationConfiguration *block, const ngx_http_core_loc_conf_t &core,
                 const ngx_http_core_srv_conf_t &core_server);

// Once it has inherited.
void derive_server(const ngx_http_core_srv_conf_t &core, ServerConfiguration *server);
void derive_location(Reading *reading, MainConfiguration *main, ServerConfiguration *server,
                     LocationConfiguration *location, const ngx_http_core_loc_conf_t &core);

// Once all is read.
// What keyward_api comes to where it stands, now that formats and limits are known.
void derive_apis(const MainConfiguration &main, const Reading &reading);
void derive_main(ngx_conf_t *cf, const DirectiveWatch &watch, MainConfiguration *main);
// After that, and after all was judged: what a request asks of its location is one list.
void join_limits(const Reading &reading);

}  // namespace keyward
