// Finding what a request presents, and judging its form: no hashing, no store yet.
#pragma once

#include "auth/reason.hpp"
#include "ngx/request.hpp"

namespace keyward {

inline constexpr std::size_t kMaxCredentialBytes = 8192;

// Looks in the location's sources. Reason::none with ctx->credential.source == nullptr: there is none.
Reason find_credential(RequestContext *ctx, const LocationConfiguration &location) noexcept;

// Takes the credential out of every Sec-WebSocket-Protocol, leaving the other protocols. false when memory was refused.
bool strip_websocket(ngx_http_request_t *r, std::string_view credential) noexcept;

// Tells a key from a token by its form; invalid_key for what is neither. Their characters are left to whoever doesn't remember the key or
// the token.
Reason classify_credential(const MainConfiguration &main, FoundCredential *found) noexcept;

}  // namespace keyward
