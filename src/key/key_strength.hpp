// What can be said of another system's plain key, from its characters alone.
#pragma once

#include <string_view>

namespace keyward {

// The part that names its kind: sk_live_ of sk_live_4eC39HqLyjWDarjt...
std::string_view kind_of(std::string_view key) noexcept;

// Whether what follows may hold 128 random bits: 39 digits, 32 hexadecimal digits or 22 of [A-Za-z0-9_-], 8 of them
// different.
bool looks_strong(std::string_view key) noexcept;

// Whether a part of it does, between characters of another kind: a quoted key, one behind a scheme.
bool has_strong_part(std::string_view text) noexcept;

}  // namespace keyward
