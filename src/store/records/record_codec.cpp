// Lists inside of records; see record_codec.hpp.
#include "store/records/record_codec.hpp"

#include "base/text_rules.hpp"

namespace keyward {

namespace {

bool is_rate(const Rate &rate) noexcept {
  return rate.count >= 1 && rate.count <= kMaxRateCount && rate.window_s >= 1 &&
         (rate.window_s <= kMaxWindowSeconds || rate.window_s == kCalendarMonth);
}

}  // namespace

std::size_t limit_count(std::string_view packed) noexcept { return packed.size() / codec::kRateBytes; }

bool has_calendar_rate(std::string_view packed) noexcept {
  for (std::size_t i = 0; i < limit_count(packed); ++i) {
    if (limit_at(packed, i).is_by_calendar()) {
      return true;
    }
  }
  return false;
}

Rate limit_at(std::string_view packed, std::size_t i) noexcept {
  std::string_view at = packed.substr(i * codec::kRateBytes, codec::kRateBytes);
  Rate rate;
  take_int(&at, &rate.count);
  take_int(&at, &rate.window_s);
  return rate;
}

namespace codec {

bool put_scopes(std::string *out, const OptionalList<std::string> &scopes) {
  std::string list;
  for (const std::string &scope : scopes.items) {
    if (!is_scope_token(scope)) {
      return false;
    }
    list += list.empty() ? "" : " ";
    list += scope;
  }
  return (scopes.present || list.empty()) && put_text<std::uint16_t>(out, list, kMaxScopeListBytes);
}

bool put_limits(std::string *out, const OptionalList<Rate> &limits) {
  if (limits.items.size() > kMaxLimits || (!limits.present && !limits.items.empty())) {
    return false;
  }
  put_int(out, static_cast<std::uint8_t>(limits.items.size()));
  for (const Rate &rate : limits.items) {
    put_int(out, rate.count);
    put_int(out, rate.window_s);
  }
  return true;
}

bool take_scopes(std::string_view *in, bool present, std::string_view *scopes) noexcept {
  return take_text<std::uint16_t>(in, scopes) && is_scope_list(*scopes) && (present || scopes->empty());
}

bool take_limits(std::string_view *in, bool present, std::string_view *limits) noexcept {
  std::uint8_t count = 0;
  if (!take_int(in, &count) || count > kMaxLimits || (!present && count != 0) ||
      !take_bytes(in, count * kRateBytes, limits)) {
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_rate(limit_at(*limits, i))) {
      return false;
    }
  }
  return true;
}

OptionalList<std::string> to_scopes(bool present, std::string_view packed) {
  OptionalList<std::string> list;
  list.present = present;
  while (!packed.empty()) {
    const std::string_view word = packed.substr(0, packed.find(' '));
    list.items.emplace_back(word);
    packed.remove_prefix(word.size() + (word.size() < packed.size() ? 1 : 0));
  }
  return list;
}

OptionalList<Rate> to_limits(bool present, std::string_view packed) {
  OptionalList<Rate> list;
  list.present = present;
  for (std::size_t i = 0; i < limit_count(packed); ++i) {
    list.items.push_back(limit_at(packed, i));
  }
  return list;
}

}  // namespace codec

}  // namespace keyward
