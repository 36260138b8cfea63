// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace keyward {

// The length, 1 to 4, of the sequence that text begins with; 0 if it begins with none (or is empty).
std::size_t utf8_length(std::string_view text) noexcept;

bool is_utf8(std::string_view text) noexcept;

// Whether a character (one whole sequence, or a byte that begins none) could move a terminal's cursor, break its line
// or turn its writing direction: control characters, U+0080 to U+009F, U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066
// to U+2069.
bool moves_a_terminal(std::string_view sequence) noexcept;

}  // namespace keyward
