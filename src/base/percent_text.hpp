// Others' texts for header fields and logs, with their control characters percent-encoded.
#pragma once

#include <string>
#include <string_view>

namespace keyward {

// Whether there are control characters (C0, DEL, C1) in it; with_blanks: or blanks.
bool needs_percent(std::string_view text, bool with_blanks = false) noexcept;

// Appends it with these and '%' encoded.
void append_percent(std::string_view text, bool with_blanks, std::string *out);

// Appends one byte, encoded: %0A.
void append_percent(char c, std::string *out);

}  // namespace keyward
