// Finding what a request presents, and taking it out of what others read.
#pragma once

#include "auth/reason.hpp"
#include "ngx/request/request.hpp"

namespace keyward {

// Looks in the location's sources, and fills ctx->credential, which is new; its source is nullptr where there is none.
Reason find_credential(RequestContext *ctx, const LocationConfiguration &location) noexcept;

// Takes the credential, and the word before it, out of every Sec-WebSocket-Protocol, leaving the other protocols. false when memory was refused.
bool strip_websocket(ngx_http_request_t *r, std::string_view word, std::string_view credential) noexcept;

}  // namespace keyward
