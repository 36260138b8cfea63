// Where a key set is fetched from.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace keyward {

// An absolute http or https URL, as configuration has it.
struct Url {
  bool tls = false;         // https
  std::string text;         // as it was written, and as it is requested
  std::string shown;        // without its query, for logs and people
  std::string host;         // in lower case, without brackets
  std::size_t path_at = 0;  // where what follows host and port begins in text
};

// Takes what every reader of URLs reads in the same way, and nothing else: http or https, a host by name or address,
// perhaps a port, a path and a query; visible ASCII. No user or password, which would be in logs, and no fragment.
// false with the end of a sentence that quotes nothing: "has a user or password in it".
bool parse_url(std::string_view text, Url *url, std::string *error);

}  // namespace keyward
