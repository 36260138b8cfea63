// $keyward_*: what logs, headers and other directives can say about a decision.
#pragma once

#include "ngx/nginx/ngx.hpp"

namespace keyward {

// Preconfiguration: makes the variables known.
ngx_int_t add_variables(ngx_conf_t *cf) noexcept;
// Postconfiguration: those of keyward_claim, which exist by then, get their values from here.
void serve_claim_variables(ngx_conf_t *cf) noexcept;
// Postconfiguration: $remote_user is the subject where keyward admitted one.
void take_remote_user(ngx_conf_t *cf) noexcept;

}  // namespace keyward
