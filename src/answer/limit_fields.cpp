// Lists of items of structured fields (RFC 9651): names are printable, without quotes.
#include "answer/limit_fields.hpp"

#include <algorithm>

#include "base/calendar.hpp"

namespace keyward {
namespace {

// Windows of months have no one length in seconds, and w= is optional.
std::string policy_of(const SeenLimit &limit) {
  const std::string quota = ";q=" + std::to_string(limit.state.limit);
  if (limit.window_s == kCalendarMonth) {
    return quota;
  }
  return quota + ";w=" + std::to_string(limit.window_s == kCalendarDay ? kDaySeconds : limit.window_s);
}

// Calls parameters(limit) for what stands behind each name.
template <typename Parameters>
std::string list_of(const std::vector<SeenLimit> &limits, Parameters &&parameters) {
  const std::vector<std::string> names = policy_names(limits);
  std::string field;
  for (std::size_t i = 0; i < limits.size(); ++i) {
    field += (field.empty() ? "\"" : ", \"") + names[i] + '"' + parameters(limits[i]);
  }
  return field;
}

}  // namespace

std::vector<std::string> policy_names(const std::vector<SeenLimit> &limits) {
  std::vector<std::string> names;
  for (const SeenLimit &limit : limits) {
    std::string name(limit.name);
    for (int number = 2; std::find(names.begin(), names.end(), name) != names.end(); ++number) {
      name = std::string(limit.name) + '-' + std::to_string(number);
    }
    names.push_back(std::move(name));
  }
  return names;
}

std::string policy_field(const std::vector<SeenLimit> &limits) { return list_of(limits, policy_of); }

std::string state_field(const std::vector<SeenLimit> &limits, std::uint64_t now_ms, std::int64_t wall_s) {
  return list_of(limits, [&](const SeenLimit &limit) {
    return ";r=" + std::to_string(limit.state.remaining) + ";t=" + std::to_string(limit.reset_in_s(now_ms, wall_s));
  });
}

}  // namespace keyward
