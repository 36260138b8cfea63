// Finding what a request presents, and judging its form: no hashing, no store yet.
#pragma once

#include "auth/reason.hpp"
#include "ngx/request.hpp"

namespace keyward {

inline constexpr std::size_t kMaxCredentialBytes = 8192;

// Looks in the location's sources, in the request's fields. Reason::none with found->source == nullptr: there is none.
Reason find_credential(ngx_http_request_t *r, const LocationConfiguration &location, FoundCredential *found) noexcept;

// Tells a key from a token by its form; invalid_key for what is neither, or is a misspelt key.
Reason classify_credential(const MainConfiguration &main, FoundCredential *found) noexcept;

}  // namespace keyward
