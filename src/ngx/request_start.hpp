// What happens to a request before anything decides about it: fields that no client may send go, and a credential in
// the query is cut.
#pragma once

#include "ngx/request.hpp"

namespace keyward {

// What a request has, found at its start.
inline constexpr unsigned kHasMethodOverride = 1, kHasUrlOverride = 2, kHasDestination = 4;
unsigned notes_of(ngx_http_request_t *r) noexcept;

// Post-read handler: nothing has been able to read or keep a field by then.
ngx_int_t on_post_read(ngx_http_request_t *r) noexcept;

// Handler of the rewrite phases, the first there: takes out what an earlier location told of its principal, and does the same for a request that error_page has taken on from before
// post-read, as nginx's own 400 about a bad Host. Does nothing for any other.
ngx_int_t on_rewrite(ngx_http_request_t *r) noexcept;

// The same before a variable is read that holds the query. false when memory was refused.
bool ensure_started(ngx_http_request_t *r) noexcept;

// Whether the request came to the post-read phase. What nginx refuses while it reads the header doesn't.
bool has_come_to_post_read(ngx_http_request_t *r) noexcept;

// While the configuration is read; false when memory was refused.
bool prepare_request_start(ngx_conf_t *cf) noexcept;

}  // namespace keyward
