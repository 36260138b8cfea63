// Rates as the configuration and the command write them: 60r/m is 60 in a window of a minute.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keyward {

// What a window's counter holds at most (limit/windows.hpp packs it into 28 bits).
inline constexpr std::uint32_t kMaxRateCount = (1U << 28) - 1;
// The longest window: 366 days.
inline constexpr std::uint32_t kMaxWindowSeconds = 366U * 86400U;

// The most requests at once that a limit may say.
inline constexpr std::uint32_t kMaxConcurrency = 1000000;
// Windows by the calendar, in place of a length and above any: a UTC day, a UTC month. In records, too, where what
// doesn't know them refuses them as lengths.
inline constexpr std::uint32_t kCalendarDay = 0x8000'0001, kCalendarMonth = 0x8000'0002;

struct Rate {
  std::uint32_t count = 0;     // 1 to kMaxRateCount
  std::uint32_t window_s = 0;  // 1 to kMaxWindowSeconds, or by the calendar

  bool is_by_calendar() const noexcept { return window_s == kCalendarDay || window_s == kCalendarMonth; }

  friend bool operator==(const Rate &a, const Rate &b) noexcept {
    return a.count == b.count && a.window_s == b.window_s;
  }
};

// Parses "60r/m", "5r/s", "1000r/h", "1r/d", "100r/30d", "3r/10s" (a number before the unit is
// allowed for s m h d), and "1000r/month", which is by the calendar. "1r/d" is a length here: window=calendar makes it
// a day. On failure false, and error says what to write instead (one sentence, no
// final stop). No sign, no white space, no leading zero, nothing after the unit.
bool parse_rate(std::string_view text, Rate *rate, std::string *error);

// "60r/m": the shortest spelling that parse_rate() reads back.
std::string to_text(const Rate &rate);
// The same of each, with blanks between.
std::string to_text(const std::vector<Rate> &rates);

// The most credits that are granted at once: balances can be added and multiplied without fear, and are exact in JSON.
inline constexpr std::uint64_t kMaxCredits = 1000000000000000;
// The most that one request costs.
inline constexpr std::uint32_t kMaxCost = 1000000000;

// Credits: "1000/30d": an amount granted anew every window. "" in text: none.
struct Allowance {
  std::uint64_t amount = 0;    // 1 to kMaxCredits
  std::uint32_t window_s = 0;  // 0: none
};
// Errors as parse_rate(). The result always has a window.
bool parse_allowance(std::string_view text, Allowance *allowance, std::string *error);
std::string to_text(const Allowance &allowance);

}  // namespace keyward
