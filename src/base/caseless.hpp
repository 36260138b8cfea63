// ASCII letters without regard to their case: names of fields, schemes, types and hosts. Other bytes are themselves, in any locale.
#pragma once

#include <algorithm>
#include <string_view>

namespace keyward {

constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline bool equal_caseless(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return to_lower(x) == to_lower(y); });
}

}  // namespace keyward
