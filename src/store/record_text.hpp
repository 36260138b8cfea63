// Which texts a record may hold, beyond those that record.hpp names.
#pragma once

#include <cstddef>
#include <string_view>

namespace keyward {

inline constexpr std::size_t kMaxLegacyPrefixBytes =
    63;  // a length is a bit of CredentialReader::legacy_prefix_lengths()
inline constexpr std::size_t kMaxChallengeBytes = 128;

// Valid UTF-8 without control characters (C0, DEL, C1).
bool is_plain_text(std::string_view text) noexcept;
// RFC 6749, section 3.3: one or more of %x21 / %x23-5B / %x5D-7E.
bool is_scope_word(std::string_view text) noexcept;
// Scope words separated by single spaces; may be empty.
bool is_scope_list(std::string_view text) noexcept;
// The plain beginning of a key: visible ASCII.
bool is_legacy_prefix(std::string_view text) noexcept;
// RFC 7636, section 4.2: unreserved characters.
bool is_pkce_challenge(std::string_view text) noexcept;

}  // namespace keyward
