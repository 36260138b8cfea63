// A secret on standard input.
#pragma once

#include <cstddef>

#include "base/secret.hpp"

namespace keyward::cli {

// Reads one line from standard input, without its newline; a terminal is asked, and doesn't show what is typed.
// false: more than limit bytes, or reading failed.
bool read_secret_line(const char *prompt, std::size_t limit, Secret *secret);

}  // namespace keyward::cli
