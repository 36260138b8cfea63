// Which texts may be ids, subjects, plans, scopes and the like, wherever they come from: a record, a token, the
// command.
#pragma once

#include <cstddef>
#include <string_view>

namespace keyward {

// Longest texts, in bytes; LMDB's own keys end at 511.
inline constexpr std::size_t kMaxIdBytes = 128;
inline constexpr std::size_t kMaxSubjectBytes = 256;
inline constexpr std::size_t kMaxPlanBytes = 64;
inline constexpr std::size_t kMaxNameBytes = 200;
inline constexpr std::size_t kMaxScopeListBytes = 4096;
inline constexpr std::size_t kMaxLegacyPrefixBytes =
    63;  // a length is a bit of CredentialReader::legacy_prefix_lengths()
inline constexpr std::size_t kMaxChallengeBytes = 128;

// Ids, subjects and plans go into header fields and logs: printable ASCII without space, '"', ',' and '\\' for ids and
// plans; for subjects valid UTF-8 without control characters, at most kMaxSubjectBytes, and no white space at either
// end.
bool is_id(std::string_view text) noexcept;
// What a new key may be given: an id stands in URLs as one segment of a path, in arguments of commands, where it must
// not look like an option, and in logs. Records of before may hold what is_id() allows.
bool is_new_id(std::string_view text) noexcept;
bool is_plan_name(std::string_view text) noexcept;
bool is_subject(std::string_view text) noexcept;
bool is_display_name(
    std::string_view text) noexcept;  // valid UTF-8, no control characters, up to kMaxNameBytes; may be empty

// Valid UTF-8 without control characters (C0, DEL, C1).
bool is_plain_text(std::string_view text) noexcept;
// RFC 6749, section 3.3: one or more of %x21 / %x23-5B / %x5D-7E. Of any length.
bool is_scope_token(std::string_view text) noexcept;
// Scope tokens separated by single spaces, up to kMaxScopeListBytes; may be empty.
bool is_scope_list(std::string_view text) noexcept;
// The plain beginning of a key: visible ASCII.
bool is_legacy_prefix(std::string_view text) noexcept;
// RFC 7636, section 4.2: unreserved characters.
bool is_pkce_challenge(std::string_view text) noexcept;

}  // namespace keyward
