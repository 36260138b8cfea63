// Times and durations as people and JSON write them. All times are Unix seconds, UTC.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace keyward {

// "2026-01-02T03:04:05Z" (RFC 3339, always UTC, no fraction). Years 1970 to 9999; a
// time beyond either end becomes that end.
std::string to_rfc3339(std::int64_t time_s);

// Reads RFC 3339 date-times (any offset, a fraction is cut, 'T' or a space, leap seconds as :59)
// and plain dates "2026-01-02" (midnight UTC). Every field is checked, also the day against the
// month, and the result is of the years 1970 to 9999. false for anything else; no exceptions.
bool parse_time(std::string_view text, std::int64_t *time_s) noexcept;

// "90d", "24h", "30m", "45s", "2w", "1y" (365 days); a bare number is seconds. Up to 100 years.
bool parse_duration(std::string_view text, std::int64_t *seconds) noexcept;

// "90d" (from now) or a date: what --expires and the like take. A bare number is
// refused: it might be meant as seconds or as a Unix time. false with a sentence in error.
bool parse_deadline(std::string_view text, std::int64_t now_s, std::int64_t *time_s, std::string *error);

// "3d 4h", "12m", "just now": how long, for people's tables: at most two units, cut. Less
// than a minute, or negative, is "just now".
std::string to_words(std::int64_t seconds);

}  // namespace keyward
