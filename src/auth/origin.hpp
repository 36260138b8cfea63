// Whether a request comes from a page of its own server: by what its Origin says (RFC 6454). Text only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace keyward {

// Whether origin ("https://example.com:8443") names the host and the port of a request that was sent to host (its Host
// field, with or without a port). over_tls: it came to us so. Where it did not, something in front of us may have ended
// TLS, and a Host without a port may mean either scheme's; where it did, it means 443. Anything but one well-formed
// http or https origin is foreign: "null", a list, a path behind it, another scheme.
bool is_own_origin(std::string_view origin, std::string_view host, bool over_tls) noexcept;

// Whether it is an origin as browsers write it: SCHEME://HOST[:PORT], in small letters, without a path and without the
// scheme's usual port.
bool is_origin(std::string_view text) noexcept;

// One field's value, and how often it came, in every spelling that some backend takes for it. Pages can't send fields
// that begin with "Sec-", but they can send "Sec_Fetch_Site": only the right spelling says anything.
struct FieldSeen {
  std::size_t count = 0;
  bool well_spelled = true;
  std::string_view value;
};

// What a request says of the page that sent it.
struct Provenance {
  bool reads = false;  // its method is GET, HEAD or OPTIONS
  bool has_upgrade = false;
  FieldSeen fetch_site, origin;  // Sec-Fetch-Site (Fetch Metadata) and Origin
  std::string_view host;         // its Host field; empty: none
  bool over_tls = false;
  bool may_say_nothing = false;  // without either field it is a program's: of Basic, which these send, too
  const std::vector<std::string> *origins = nullptr;  // whose pages may send it; nullptr: none but its own server's
};

// Whose pages may call a place.
struct OriginRules {
  bool any = false;                  // all of them
  std::vector<std::string> origins;  // or these, as is_origin() has them
};

// Whether a request may come from where its Origin says: without one it is a program's; a page's own server is fine where
// its name is ours (host_is_known): else a name that was bound anew would pass. "null" is nobody, and so are two.
bool may_call(const OriginRules &rules, const FieldSeen &origin, std::string_view host, bool host_is_known,
              bool over_tls) noexcept;

// Whether a request with a credential that browsers send unasked may be another site's: it changes something or opens a
// channel, and nothing in it proves that a page of its own server, or the user, has sent it.
bool may_be_cross_site(const Provenance &request) noexcept;

}  // namespace keyward
