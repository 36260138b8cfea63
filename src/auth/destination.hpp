// What a Destination field says (RFC 4918, section 10.3): where MOVE and COPY lead. Text only.
#pragma once

#include <string_view>

namespace keyward {

struct DestinationText {
  std::string_view origin;  // "https://example.com"; empty: the request's own
  std::string_view target;  // path and arguments, from its '/' on
};

// false if it is neither a path nor an absolute URL with one. What some reader could take for more than that is
// neither: "//host/path", a fragment, blanks.
bool split_destination(std::string_view value, DestinationText *out) noexcept;

// Whether some backend would come to another place with this decoded path than nginx does: by path parameters
// ("..;x=1"), backslashes, or by decoding it once more.
bool is_read_in_two_ways(std::string_view decoded_path) noexcept;

}  // namespace keyward
