// Patterns of rules: '*' stands for any characters, also none; all others are themselves.
#pragma once

#include <string_view>

namespace keyward::mcp {

bool matches(std::string_view pattern, std::string_view text) noexcept;

// Whether pattern matches whatever other does.
bool is_wider(std::string_view pattern, std::string_view other) noexcept;

// Whether pattern matches anything that begins with prefix.
bool may_go_on(std::string_view pattern, std::string_view prefix);

}  // namespace keyward::mcp
