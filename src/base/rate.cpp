// Rates and allowances: text to numbers and back.
#include "base/rate.hpp"

#include "base/calendar.hpp"
#include "base/digits.hpp"
#include "base/quote.hpp"

namespace keyward {

namespace {

struct Unit {
  char name;
  std::uint32_t seconds;
};
constexpr Unit kUnits[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};  // longest first, for to_text()

constexpr const char kMonth[] = "month";

// 1 to max, without a leading zero.
bool take_count(std::string_view *text, std::uint64_t max, std::uint64_t *count) noexcept {
  return !text->empty() && text->front() != '0' && take_digits(text, max, count);
}

// All of text as a window: "m", "30d".
bool parse_window(std::string_view text, std::uint32_t *window_s) noexcept {
  std::uint64_t number = 1;
  if (text.size() > 1 && !take_count(&text, kMaxWindowSeconds, &number)) {
    return false;
  }
  if (text.size() != 1) {
    return false;
  }
  for (const Unit &unit : kUnits) {
    if (text[0] == unit.name) {
      const std::uint64_t seconds = number * unit.seconds;  // at most 2^25 * 2^17
      *window_s = static_cast<std::uint32_t>(seconds);
      return seconds <= kMaxWindowSeconds;
    }
  }
  return false;
}

bool parse_month(std::string_view text, std::uint32_t *window_s) noexcept {
  *window_s = kCalendarMonth;
  return text == kMonth;
}

bool take_literal(std::string_view *text, std::string_view literal) noexcept {
  if (text->substr(0, literal.size()) != literal) {
    return false;
  }
  text->remove_prefix(literal.size());
  return true;
}

std::string window_text(std::uint32_t window_s) {
  if (window_s == kCalendarMonth) {
    return kMonth;
  }
  window_s = window_s == kCalendarDay ? kDaySeconds : window_s;
  for (const Unit &unit : kUnits) {
    if (window_s % unit.seconds == 0) {
      const std::uint32_t number = window_s / unit.seconds;
      return (number == 1 ? "" : std::to_string(number)) + unit.name;
    }
  }
  return {};  // not reached: every number is whole seconds
}

}  // namespace

bool parse_rate(std::string_view text, Rate *rate, std::string *error) {
  std::string_view rest = text;
  std::uint64_t count = 0;
  std::uint32_t window_s = 0;
  if (!take_count(&rest, kMaxRateCount, &count) || !take_literal(&rest, "r/") ||
      !(parse_window(rest, &window_s) || parse_month(rest, &window_s))) {
    *error = quote(text) + " is not a rate; write a number from 1 to " + std::to_string(kMaxRateCount) +
             ", \"r/\" and a window of up to 366 days, such as 60r/m or 1000r/30d, or 1000r/month";
    return false;
  }
  rate->count = static_cast<std::uint32_t>(count);
  rate->window_s = window_s;
  return true;
}

std::string to_text(const Rate &rate) { return std::to_string(rate.count) + "r/" + window_text(rate.window_s); }

std::string to_text(const std::vector<Rate> &rates) {
  std::string text;
  for (const Rate &rate : rates) {
    text.append(text.empty() ? "" : " ").append(to_text(rate));
  }
  return text;
}

bool parse_allowance(std::string_view text, Allowance *allowance, std::string *error) {
  std::string_view rest = text;
  std::uint64_t amount = 0;
  std::uint32_t window_s = 0;
  if (!take_count(&rest, kMaxCredits, &amount) || !take_literal(&rest, "/") || !parse_window(rest, &window_s)) {
    *error = quote(text) + " is not an amount of credits; write a number from 1 to " + std::to_string(kMaxCredits) +
             ", \"/\" and a window of up to 366 days, such as 1000/30d";
    return false;
  }
  allowance->amount = amount;
  allowance->window_s = window_s;
  return true;
}

std::string to_text(const Allowance &allowance) {
  return allowance.window_s == 0 ? "" : std::to_string(allowance.amount) + "/" + window_text(allowance.window_s);
}

}  // namespace keyward
