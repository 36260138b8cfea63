// The second module of the .so: header and body filters. And the third, whose header filter comes near their end.
#pragma once

#include "ngx/nginx/ngx.hpp"

namespace keyward {

// Postconfiguration: takes places at the top of nginx's filter chains.
ngx_int_t install_filters(ngx_conf_t *cf) noexcept;
ngx_int_t install_last_filter(ngx_conf_t *cf) noexcept;

}  // namespace keyward
