// Times and durations as texts: no time zone of the host, no locale.
#include "base/time_text.hpp"

#include <algorithm>
#include <cstdio>

#include "base/calendar.hpp"
#include "base/digits.hpp"
#include "base/quote.hpp"

namespace keyward {

namespace {

constexpr std::int64_t kDay = kDaySeconds;
constexpr std::int64_t kLastSecond = 253402300799;  // 9999-12-31T23:59:59Z
constexpr std::int64_t kMaxDuration = std::int64_t{100} * 365 * kDay;

// Takes exactly width digits, a number from low to high.
bool take_field(std::string_view *text, std::size_t width, std::int64_t low, std::int64_t high,
                std::int64_t *value) noexcept {
  std::string_view field = text->substr(0, width);
  std::uint64_t number = 0;
  if (field.size() != width || !take_digits(&field, 9999, &number) || !field.empty()) {
    return false;
  }
  text->remove_prefix(width);
  *value = static_cast<std::int64_t>(number);
  return *value >= low && *value <= high;
}

bool take_one_of(std::string_view *text, std::string_view characters) noexcept {
  if (text->empty() || characters.find(text->front()) == std::string_view::npos) {
    return false;
  }
  text->remove_prefix(1);
  return true;
}

bool take_date(std::string_view *text, Date *date) noexcept {
  return take_field(text, 4, 0, 9999, &date->year) && take_one_of(text, "-") &&
         take_field(text, 2, 1, 12, &date->month) && take_one_of(text, "-") &&
         take_field(text, 2, 1, days_in_month(date->year, date->month), &date->day);
}

bool take_fraction(std::string_view *text) noexcept {
  const std::size_t digits = std::min(text->find_first_not_of("0123456789"), text->size());
  text->remove_prefix(digits);
  return digits > 0;
}

// "Z" or "+01:00", in seconds east of Greenwich.
bool take_offset(std::string_view *text, std::int64_t *offset_s) noexcept {
  *offset_s = 0;
  if (take_one_of(text, "Zz")) {
    return true;
  }
  const bool west = !text->empty() && text->front() == '-';
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  if (!take_one_of(text, "+-") || !take_field(text, 2, 0, 23, &hours) || !take_one_of(text, ":") ||
      !take_field(text, 2, 0, 59, &minutes)) {
    return false;
  }
  *offset_s = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
  return true;
}

// The time of day with its offset, in seconds of UTC from the date's midnight: -86399 to 2 * 86400.
bool take_time(std::string_view *text, std::int64_t *seconds, bool *leap) noexcept {
  std::int64_t hour = 0;
  std::int64_t minute = 0;
  std::int64_t second = 0;
  std::int64_t offset_s = 0;
  if (!take_field(text, 2, 0, 23, &hour) || !take_one_of(text, ":") || !take_field(text, 2, 0, 59, &minute) ||
      !take_one_of(text, ":") || !take_field(text, 2, 0, 60, &second)) {
    return false;
  }
  if (take_one_of(text, ".") && !take_fraction(text)) {
    return false;
  }
  *leap = second == 60;
  if (!take_offset(text, &offset_s)) {
    return false;
  }
  *seconds = hour * 3600 + minute * 60 + (*leap ? 59 : second) - offset_s;
  return true;
}

std::int64_t unit_seconds(char unit) noexcept {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return kDay;
    case 'w':
      return 7 * kDay;
    case 'y':
      return 365 * kDay;
    default:
      return 0;
  }
}

}  // namespace

std::string to_rfc3339(std::int64_t time_s) {
  const std::int64_t time = std::clamp(time_s, std::int64_t{0}, kLastSecond);
  const Date date = date_from(time / kDay);
  const std::int64_t second = time % kDay;
  char text[32];
  const int length =
      std::snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", static_cast<int>(date.year),
                    static_cast<int>(date.month), static_cast<int>(date.day), static_cast<int>(second / 3600),
                    static_cast<int>(second / 60 % 60), static_cast<int>(second % 60));
  return {text, static_cast<std::size_t>(length)};
}

bool parse_time(std::string_view text, std::int64_t *time_s) noexcept {
  Date date{};
  std::int64_t seconds = 0;
  bool leap = false;
  if (!take_date(&text, &date)) {
    return false;
  }
  if (!text.empty() && (!take_one_of(&text, "Tt ") || !take_time(&text, &seconds, &leap) || !text.empty())) {
    return false;
  }
  const std::int64_t time = days_from(date) * kDay + seconds;
  // A leap second is the last of a UTC day (RFC 3339, section 5.7).
  if (time < 0 || time > kLastSecond || (leap && time % kDay != kDay - 1)) {
    return false;
  }
  *time_s = time;
  return true;
}

bool parse_duration(std::string_view text, std::int64_t *seconds) noexcept {
  std::uint64_t number = 0;
  if (!take_digits(&text, static_cast<std::uint64_t>(kMaxDuration), &number) || text.size() > 1) {
    return false;
  }
  const std::int64_t unit = text.empty() ? 1 : unit_seconds(text[0]);
  const std::int64_t total = static_cast<std::int64_t>(number) * unit;  // at most 2^32 * 2^25
  if (unit == 0 || total > kMaxDuration) {
    return false;
  }
  *seconds = total;
  return true;
}

bool parse_deadline(std::string_view text, std::int64_t now_s, std::int64_t *time_s, std::string *error) {
  if (parse_time(text, time_s)) {
    return true;
  }
  // A bare number is refused here: 1767225600 is meant as a date, and would be 56 years from now.
  const bool bare = text.find_first_not_of("0123456789") == std::string_view::npos;
  std::int64_t seconds = 0;
  if (bare || !parse_duration(text, &seconds)) {
    *error =
        quote(text) +
        " is neither a duration nor a date; write a number and one of s m h d w y, such as 90d, or a date, such as "
        "2026-01-02 or 2026-01-02T03:04:05Z";
    return false;
  }
  if (now_s < 0 || now_s > kLastSecond - seconds) {
    *error = quote(text) + " ends after the year 9999; write a shorter duration";
    return false;
  }
  *time_s = now_s + seconds;
  return true;
}

std::string to_words(std::int64_t seconds) {
  const auto two = [](std::int64_t large, char large_unit, std::int64_t small, char small_unit) {
    std::string out = std::to_string(large) + large_unit;
    if (small != 0) {
      out += ' ' + std::to_string(small) + small_unit;
    }
    return out;
  };
  if (seconds < 60) {
    return "just now";
  }
  const std::int64_t minutes = seconds / 60;
  if (minutes < 60) {
    return std::to_string(minutes) + 'm';
  }
  const std::int64_t hours = minutes / 60;
  return hours < 24 ? two(hours, 'h', minutes % 60, 'm') : two(hours / 24, 'd', hours % 24, 'h');
}

}  // namespace keyward
