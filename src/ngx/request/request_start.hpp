// What happens to a request before anything decides about it: fields that no client may send go, and a credential in
// the query is cut.
#pragma once

#include "ngx/request/request.hpp"

namespace keyward {

// What a request has, found at its start.
inline constexpr unsigned kHasMethodOverride = 1, kHasUrlOverride = 2, kHasDestination = 4;
unsigned notes_of(ngx_http_request_t *r) noexcept;

// Whether that has happened.
bool is_started(ngx_http_request_t *r) noexcept;
// Does it, where it hasn't happened yet: at the latest before a variable is read that holds the query. false when
// memory was refused.
bool ensure_started(ngx_http_request_t *r) noexcept;
// The same in the post-read phase, and notes that the request has come there.
bool start_at_post_read(ngx_http_request_t *r) noexcept;

// Whether the request came to the post-read phase. What nginx refuses while it reads the header doesn't.
bool has_come_to_post_read(ngx_http_request_t *r) noexcept;

// While the configuration is read; false when memory was refused.
bool prepare_request_start(ngx_conf_t *cf) noexcept;

}  // namespace keyward
