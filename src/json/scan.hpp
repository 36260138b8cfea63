// The look at a JSON text before yajl sees it: what yajl is lax about, and what could cost it memory.
#pragma once

#include <cstddef>
#include <string_view>

namespace keyward::json {

struct ScanResult {
  const char *problem = nullptr;  // nullptr: none; else words that "at byte N" may follow
  std::size_t offset = 0;
};

// Refuses bytes that can't stand between tokens (form feeds, comments, a byte order mark), control characters and
// invalid UTF-8 in strings, unknown escapes, lone surrogates, more than depth open brackets, and more than values
// values. What is left to a parser is the grammar. One pass, no memory.
ScanResult scan(std::string_view text, std::size_t depth, std::size_t values) noexcept;

}  // namespace keyward::json
