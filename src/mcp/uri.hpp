// URIs in the spelling by which they are judged.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace keyward::mcp {

enum class UriForm : std::uint8_t {
  normal,  // as it was written
  other,   // it was written otherwise
  bad,  // readers may understand it differently: backslashes, control characters, encoded ones or slashes, a '%' that
        // encodes nothing
};

// RFC 3986, section 6.2.2: scheme and host in small letters, hexadecimal digits in capital ones, unreserved characters
// as they are, no dot segments. out: the normal spelling, where it is another one; else untouched. Throws
// std::bad_alloc, never for what is `normal` and has no '%' or "/.".
UriForm normalise_uri(std::string_view uri, std::string *out);

}  // namespace keyward::mcp
