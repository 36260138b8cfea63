// URIs in the spelling by which they are judged.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

// As what else servers may read it: normalised; with empty segments of its path merged, as file systems do, before dot
// segments are removed or after; and, where dot segments stand behind '?' or '#', as a file system would read all of it.
// others: those that are other ones than uri, each once. false: it is bad. Throws std::bad_alloc, never where there are
// none and it has no '%' or "/.".
bool read_uri_otherwise(std::string_view uri, std::vector<std::string> *others);

// A URI, or the pattern of one, without empty segments in its path.
std::string merge_slashes(std::string_view uri);

// Without its query and its fragment.
inline std::string_view without_query(std::string_view uri) noexcept { return uri.substr(0, uri.find_first_of("?#")); }

}  // namespace keyward::mcp
