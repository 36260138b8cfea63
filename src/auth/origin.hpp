// Whether a request comes from a page of its own server: by what its Origin says (RFC 6454). Text only.
#pragma once

#include <string_view>

namespace keyward {

// Whether origin ("https://example.com:8443") names the host and the port of a request that was sent to host (its Host field, with or
// without a port). over_tls: it came to us so. Where it did not, something in front of us may have ended TLS, and a Host without a port
// may mean either scheme's; where it did, it means 443. Anything but one well-formed http or https origin is foreign: "null", a list, a
// path behind it, another scheme.
bool is_own_origin(std::string_view origin, std::string_view host, bool over_tls) noexcept;

}  // namespace keyward
