// Hexadecimal text, lower case out, either case in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace keyward {

std::string to_hex(std::string_view bytes);

// Decodes exactly 2 * size digits into out; false (out unspecified) for anything else.
bool from_hex(std::string_view text, std::uint8_t *out, std::size_t size) noexcept;

}  // namespace keyward
