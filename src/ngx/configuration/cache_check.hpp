// Warnings of caches that would give one client's answers to another.
#pragma once

#include "ngx/configuration/reading.hpp"

namespace keyward {

// For each location that is guarded or in shadow and answers through proxy_cache, fastcgi_cache, uwsgi_cache or
// scgi_cache: neither its key tells all accepted principals apart, nor do its rules keep their answers out of the
// cache.
void warn_of_shared_caches(ngx_conf_t *cf, const MainConfiguration &main, const Reading &reading);

}  // namespace keyward
