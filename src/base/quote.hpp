// Shows what somebody else wrote in a sentence of a log or an error. Never for secrets.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace keyward {

// At most this many for each byte.
inline constexpr std::size_t kEscapedBytes = 4;

// Writes text to out; what isn't printable ASCII, '"' and '\\' as \xNN, so that a log line or a terminal shows just
// what was written, and what stands in quotes ends where it should. Returns where it ends. No allocation.
char *escape_printable(char *out, std::string_view text) noexcept;

// word in double quotes, escaped like that; cut after 64 bytes with "...".
std::string quote(std::string_view word);

}  // namespace keyward
