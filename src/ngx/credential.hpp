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

// What is told of a credential that has the form of neither: whoever sends it where only tokens are accepted has an
// opaque or encrypted token, and must not be told of a key.
inline Reason formless_reason(const MainConfiguration &main, const Acceptance &acceptance) noexcept {
  return acceptance.key && !main.store.empty() ? Reason::invalid_key : Reason::invalid_token;
}

// Tells a key from a token by its form. Their characters are left to whoever doesn't remember the key or the token.
Reason classify_credential(const MainConfiguration &main, const Acceptance &acceptance,
                           FoundCredential *found) noexcept;

}  // namespace keyward
