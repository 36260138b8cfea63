// The rule of windows, as arithmetic on their words: no memory, no atomics, no clock.
#pragma once

#include <cstdint>

#include "base/calendar.hpp"
#include "limit/windows.hpp"

namespace keyward::window_rule {

// A window's word: its end in milliseconds modulo 2^36 above its count. Ends are told apart over 397 days either
// way of now, and none is further ahead than 366.
using Word = std::uint64_t;
constexpr int kCountBits = 28;
constexpr Word kCountMask = (Word{1} << kCountBits) - 1;
static_assert(kMaxRateCount <= kCountMask);

// A kind of window: its length in seconds, and whether it slides or goes by the calendar. The length of one by the
// calendar is the longest that it can have, and only says how long it is kept.
using Kind = std::uint32_t;
constexpr Kind kSlidingFlag = Kind{1} << 31, kCalendarFlag = Kind{1} << 30;
constexpr Kind kKindFlags = kSlidingFlag | kCalendarFlag;
static_assert(kMaxWindowSeconds < kCalendarFlag);
constexpr Kind kDayKind = kCalendarFlag | 86400, kMonthKind = kCalendarFlag | 31 * 86400;
inline Period period_in(Kind kind) noexcept { return kind == kDayKind ? Period::day : Period::month; }

// A charge, in the table's terms.
struct WindowCharge {
  std::uint64_t tag;
  std::uint64_t now_ms;
  std::uint64_t length_ms;
  std::uint32_t limit;
  std::uint32_t cost;
  Kind kind;
  std::uint32_t paid;     // what the request paid in this region, and when
  std::uint64_t paid_ms;  // meaningless where nothing was paid
  std::uint32_t again;    // what the same request would take in all if it came again
  // By the calendar only: the number of the period that it is, and the wall clock's second. The length is what is left
  // of the period then.
  std::uint32_t number;
  std::int64_t wall_s;

  bool sliding() const noexcept { return (kind & kSlidingFlag) != 0; }
  bool by_calendar() const noexcept { return (kind & kCalendarFlag) != 0; }
};

// The window that a charge would count in.
struct View {
  std::uint64_t end_ms = 0;
  std::uint32_t used = 0;
  std::uint32_t paid = 0;       // by the request itself: part of used
  std::uint32_t due = 0;        // what the charge takes where it fits
  std::uint32_t before = 0;     // count of the window before
  std::uint64_t weight_ms = 0;  // how much of that is still in view
  bool open = false;            // else it would open or roll on with this charge
  bool rolls = false;           // sliding: what is on record becomes the window before
  bool cut = false;             // its end on record is too far ahead
  std::uint32_t number = 0;     // by the calendar: its period
};

inline Word make_word(std::uint64_t end_ms, std::uint32_t count) noexcept { return end_ms << kCountBits | count; }
inline std::uint32_t count_in(Word word) noexcept { return static_cast<std::uint32_t>(word & kCountMask); }
inline std::int64_t length_in(Kind kind) noexcept { return std::int64_t{kind & ~kKindFlags} * 1000; }

// What a window by the calendar has for a window before: its own end, and the number of its period. So a word that has
// another end than this is a window that is over.
inline Word make_mark(std::uint64_t end_ms, std::uint32_t number) noexcept { return make_word(end_ms, number); }
inline bool is_marked(Word word, Word mark) noexcept { return word >> kCountBits == mark >> kCountBits; }

// Milliseconds from now to the word's end, negative where it has passed.
std::int64_t ahead_of(Word word, std::uint64_t now_ms) noexcept;
// The same for a window of that kind. What ends further ahead than its length allows closed more than a year ago.
std::int64_t ahead_of(Word word, Kind kind, std::uint64_t now_ms) noexcept;

// The Unix second at which a period is over: what windows by the calendar are told apart by outside of the table.
std::uint64_t turn_of(Kind kind, std::uint32_t number) noexcept;

// A window that opens now, and the one that a slot's word and its window before amount to.
View opening(const WindowCharge &ask) noexcept;
View view_of(const WindowCharge &ask, Word word, Word before, Kind kind) noexcept;

// What a charge that opens a window, or begins its next one, has to write beside its word.
Word before_of(const WindowCharge &ask, const View &view, Word word) noexcept;

// Whether the window has room for the charge, and what it then says.
bool fits(const WindowCharge &ask, const View &view) noexcept;
WindowState state_of(const WindowCharge &ask, const View &view, bool admitted) noexcept;

}  // namespace keyward::window_rule
