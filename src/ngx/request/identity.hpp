// What the backend is told about who asks, and that nobody else tells it.
#pragma once

#include "ngx/request/request.hpp"

namespace keyward {

// What an earlier location told of its principal ends where a redirect has led to another one, whoever decides there.
// false when memory was refused.
bool withdraw_earlier_identity(ngx_http_request_t *r) noexcept;

// Sets the identity fields for whom ctx names. With strip, the credential's own fields are removed (and reused), and
// what they gave is remembered for later locations. false when memory was refused: then nothing may be passed on.
bool add_identity(RequestContext *ctx, bool strip, std::string_view assertion) noexcept;

// Takes the identity fields that an earlier decision set out again.
bool withdraw_identity(RequestContext *ctx) noexcept;

// Once the configuration is read: which variables read identity fields, and are forgotten with them.
void find_identity_variables(ngx_conf_t *cf);

}  // namespace keyward
