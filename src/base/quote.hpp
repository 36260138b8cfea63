// Quotes a word of a configuration or a command line in an error sentence. Never for secrets.
#pragma once

#include <string>
#include <string_view>

namespace keyward {

// word in double quotes; what isn't printable ASCII, '"' and '\\' as \xNN, so that a log line or a
// terminal shows just what was written; cut after 64 bytes with "...".
std::string quote(std::string_view word);

}  // namespace keyward
