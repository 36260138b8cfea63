// The second module of the .so: header and body filters.
#pragma once

#include "ngx/nginx/ngx.hpp"

namespace keyward {

// Postconfiguration: takes places at the top of nginx's filter chains.
ngx_int_t install_filters(ngx_conf_t *cf) noexcept;

}  // namespace keyward
