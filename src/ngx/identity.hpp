// What the backend is told about who asks, and that nobody else tells it.
#pragma once

#include "ngx/request.hpp"

namespace keyward {

// Post-read handler: removes what a client sent under the identity's names, at the very start of every request of a guarded
// server (spec 10), before anything can read or cache it.
ngx_int_t on_post_read(ngx_http_request_t *r) noexcept;

// The same for a request that error_page has taken on from before post-read, as nginx's own 400 about a bad Host.
bool protect_identity(ngx_http_request_t *r) noexcept;

// Sets the identity fields for ctx's principal. With strip, the credential's own fields are removed (and reused). false when memory
// was refused: then nothing may be passed on.
bool set_identity(RequestContext *ctx, bool strip) noexcept;

// Takes the identity fields that an earlier decision set out again.
bool withdraw_identity(RequestContext *ctx) noexcept;

// Removes X-HTTP-Method-Override and its like, where rules look at the method (spec 6).
bool remove_method_overrides(ngx_http_request_t *r) noexcept;

}  // namespace keyward
