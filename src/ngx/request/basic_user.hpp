// A key that came as the user of Basic: nginx keeps users' names, and its logs print them.
#pragma once

#include "ngx/nginx/ngx.hpp"

namespace keyward {

// Keeps the name of Basic's user from nginx, as if there were none, where it may be a credential: from $remote_user, and
// from auth_basic, which logs the names that it doesn't know. Of other names, and of the field, nothing changes. false
// when memory was refused.
bool hide_key_as_user(ngx_http_request_t *r) noexcept;

}  // namespace keyward
