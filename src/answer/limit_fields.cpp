// Items of structured fields (RFC 9651): names are printable, without quotes.
#include "answer/limit_fields.hpp"

#include "base/calendar.hpp"

namespace keyward {
namespace {

std::string quoted_name(const TightestLimit &limit) { return '"' + std::string(limit.name) + '"'; }

}  // namespace

std::string policy_field(const TightestLimit &limit) {
  const std::string quota = quoted_name(limit) + ";q=" + std::to_string(limit.state.limit);
  if (limit.window_s == kCalendarMonth) {
    return quota;  // months have no one length in seconds, and w= is optional
  }
  return quota + ";w=" + std::to_string(limit.window_s == kCalendarDay ? kDaySeconds : limit.window_s);
}

std::string state_field(const TightestLimit &limit, std::uint64_t reset_s) {
  return quoted_name(limit) + ";r=" + std::to_string(limit.state.remaining) + ";t=" + std::to_string(reset_s);
}

}  // namespace keyward
