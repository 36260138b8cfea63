// base64 in the forms in which other systems write hashes and digests. JOSE's own is base64url.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyward {

enum class Base64 : std::uint8_t {
  padded,    // RFC 4648, section 4
  unpadded,  // the same without '='
  adapted,   // without '=', and with '.' in the place of '+': passlib's
  any,       // padded or not, with + and / or with - and _
};

// Decodes at most `room` bytes into out; *size tells how many. false (out unspecified) for what no encoder of this form
// writes: other characters, white space, unused bits that aren't zero, and what has no room.
bool from_base64(Base64 form, std::string_view text, std::uint8_t *out, std::size_t room, std::size_t *size) noexcept;

}  // namespace keyward
