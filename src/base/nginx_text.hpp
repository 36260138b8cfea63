// nginx's configuration as text: times, and its blocks and directives. For the command, which has no nginx in it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/words.hpp"

namespace keyward {

// A time in seconds as nginx's directives take it: "90", "15m", "1h30m", "1d 12h", the larger unit first (y M w d h m
// s). false for anything else.
bool parse_nginx_time(std::string_view text, std::int64_t *seconds) noexcept;

// Reads directives in order, as nginx does: quotes, escapes, comments, "${name}". visit(words, line, opens) is called
// for each; `opens` if a block follows. close(line) at each block's end. Either may answer what is wrong, which ends
// the reading. false with a sentence in error that names the line. Blocks that aren't in nginx's syntax (those of Lua)
// are passed over, if their braces are even.
struct NginxVisitor {
  std::function<Wrong(const Words &words, std::size_t line, bool opens)> visit;
  std::function<Wrong(std::size_t line)> close;
};
bool read_nginx(std::string_view text, const NginxVisitor &visitor, std::string *error);

}  // namespace keyward
