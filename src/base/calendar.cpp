// Dates to numbers and back.
#include "base/calendar.hpp"

#include <algorithm>

namespace keyward {
namespace {

// Days are counted from 0000-03-01, so that the leap day ends a year, and in eras of 400 years.
constexpr std::int64_t kEraDays = 146097;
constexpr std::int64_t kEpochDays = 719468;  // 1970-01-01
constexpr std::int64_t kYear = 12;
constexpr std::int64_t kLastDay = 4000000;  // of the year 12921

}  // namespace

std::int64_t days_from(const Date &date) noexcept {
  const std::int64_t year = date.year - (date.month <= 2 ? 1 : 0);
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * ((date.month + 9) % 12) + 2) / 5 + date.day - 1;
  return era * kEraDays + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - kEpochDays;
}

// days is not before 1970.
Date date_from(std::int64_t days) noexcept {
  const std::int64_t since_march = days + kEpochDays;
  const std::int64_t era = since_march / kEraDays;
  const std::int64_t day_of_era = since_march % kEraDays;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;  // 0: March
  const std::int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {era * 400 + year_of_era + (month <= 2 ? 1 : 0), month, day_of_year - (153 * shifted_month + 2) / 5 + 1};
}

std::int64_t days_in_month(std::int64_t year, std::int64_t month) noexcept {
  if (month == 2) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
  }
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

std::uint32_t period_of(Period period, std::uint32_t day) noexcept {
  if (period == Period::day) {
    return day;
  }
  const Date date = date_from(day);
  return static_cast<std::uint32_t>((date.year - 1970) * kYear + date.month - 1);
}

std::int64_t end_of(Period period, std::uint32_t number) noexcept {
  const std::int64_t next = std::int64_t{number} + 1;
  return kDaySeconds * (period == Period::day ? next : days_from({1970 + next / kYear, next % kYear + 1, 1}));
}

std::uint32_t day_at(std::int64_t time_s) noexcept {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(time_s / kDaySeconds, 0, kLastDay));
}

}  // namespace keyward
