// The proleptic Gregorian calendar in integers, in UTC: dates, days and months as numbers.
#pragma once

#include <cstdint>

namespace keyward {

inline constexpr std::int64_t kDaySeconds = 86400;

struct Date {
  std::int64_t year;
  std::int64_t month;
  std::int64_t day;
};

// Days since 1970-01-01, and back (from there on only).
std::int64_t days_from(const Date &date) noexcept;
Date date_from(std::int64_t days) noexcept;
std::int64_t days_in_month(std::int64_t year, std::int64_t month) noexcept;

// What a limit by the calendar counts in. Periods have numbers, from that of 1970-01-01 on, which is 0.
enum class Period : std::uint8_t { day, month };
// The number of the period that a day (a number of days) is in.
std::uint32_t period_of(Period period, std::uint32_t day) noexcept;
// The Unix second at which it is over: the first of the next one.
std::int64_t end_of(Period period, std::uint32_t number) noexcept;

// The day of a Unix second; of one before 1970, or far beyond the year 9999, the nearest that has a number.
std::uint32_t day_at(std::int64_t time_s) noexcept;

}  // namespace keyward
