// What the backend is told about who asks, and that nobody else tells it.
#pragma once

#include "ngx/request.hpp"

namespace keyward {

// Post-read handler: removes what a client sent under the identity's names, at the very start of every request of a guarded
// server (spec 10), before anything can read or cache it.
ngx_int_t on_post_read(ngx_http_request_t *r) noexcept;

// The same for a request that error_page has taken on from before post-read, as nginx's own 400 about a bad Host. And
// what an earlier location told of its principal ends where a redirect has led to another one, whoever decides there.
bool protect_identity(ngx_http_request_t *r) noexcept;

// Sets the identity fields for whom ctx names. With strip, the credential's own fields are removed (and reused), and
// what they gave is remembered for later locations. false when memory was refused: then nothing may be passed on.
bool set_identity(RequestContext *ctx, bool strip) noexcept;

// Takes the identity fields that an earlier decision set out again.
bool withdraw_identity(RequestContext *ctx) noexcept;

// Once the configuration is read: which variables read identity fields, and are forgotten with them.
void find_identity_variables(ngx_conf_t *cf);

// Removes X-HTTP-Method-Override and its like, where rules look at the method (spec 6).
bool remove_method_overrides(ngx_http_request_t *r) noexcept;

}  // namespace keyward
