// base64url (RFC 4648, section 5) as JOSE has it: without padding, each text for exactly one string of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace keyward {

// The most bytes that so many characters decode to, without overflow for any size.
constexpr std::size_t base64url_capacity(std::size_t characters) noexcept {
  return characters / 4 * 3 + characters % 4 * 3 / 4;
}

// Decodes into out, which holds base64url_capacity(text.size()). False (out unspecified) for anything that
// to_base64url() can't have written: padding, white space, '+', '/', a length of 1 modulo 4, unused bits that aren't
// zero.
bool from_base64url(std::string_view text, std::uint8_t *out) noexcept;
// The same into a string, which is empty if false.
bool from_base64url(std::string_view text, std::string *out);

std::string to_base64url(std::string_view bytes);

}  // namespace keyward
