// The challenge of a refusal (RFC 6750, section 3), kept short enough for whatever stands in front of nginx.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace keyward {

// A proxy in front reads an answer's fields into a buffer of 4 KiB or so, and answers 502 where they don't fit.
inline constexpr std::size_t kMaxChallengeFieldBytes = 1024;
// Of what was granted, together with what is needed.
inline constexpr std::size_t kMaxGrantedScopeBytes = 512;
// A refresh token (OpenID Connect Core, section 11): between a client and its authorization server, and so no scope of
// a resource.
inline constexpr std::string_view kOfflineAccess = "offline_access";

struct Challenge {
  std::string_view realm, resource_metadata, error, scope, description;  // empty: left out
};

// `Bearer realm="...", resource_metadata="...", error="...", scope="...", error_description="..."`, or "Bearer". Values
// are quoted-strings: what may not stand in one is left out. At most kMaxChallengeFieldBytes: where all is longer, the
// description goes, then the realm, then the scope, each as a whole: half a list of scopes would lead a client to ask
// for these alone, and fail again. resource_metadata (RFC 9728, section 5.1) has to fit beside the longest error.
std::string to_text(const Challenge &challenge);

// `Basic realm="...", charset="UTF-8"` (RFC 7617, section 2): a realm has to be there, so that one that is empty or long
// is "keyward".
std::string basic_challenge(std::string_view realm);

// Whether these fit into a challenge together with the longest error.
bool fits_challenge(const Challenge &challenge);

// The scopes that a client should ask for: what it was granted and what it needs, as clients replace the one by the
// other. needed alone where granted is empty, "*", or both are longer than kMaxGrantedScopeBytes. Both are lists
// separated by single spaces. What was granted beyond the resource, "offline_access", is nothing to ask for here.
std::string scopes_to_ask_for(std::string_view granted, std::string_view needed);

}  // namespace keyward
