// u8 version; the state's numbers; the table's id. All little-endian.
#include "usage/credit_record.hpp"

#include "base/little_endian.hpp"
#include "base/rate.hpp"

namespace keyward {

namespace {

constexpr std::uint8_t kCreditVersion = 1;

}  // namespace

std::string encode(const CreditRecord &record) {
  const CreditState &state = record.state;
  std::string out;
  put_int(&out, kCreditVersion);
  for (const std::int64_t number : {state.spent, state.own, state.granted, state.seen_added, state.period_end_s}) {
    put_int(&out, number);
  }
  for (const std::uint64_t number : {state.seen_changed, state.seen_set, state.epoch, state.change, record.table}) {
    put_int(&out, number);
  }
  put_int(&out, state.period_s);
  put_int(&out, static_cast<std::uint8_t>(state.is_set));
  return out;
}

bool decode(std::string_view content, CreditRecord *record) noexcept {
  CreditState &state = record->state;
  std::uint8_t version = 0, is_set = 0;
  *record = {};
  if (!take_int(&content, &version) || version != kCreditVersion) {
    return false;
  }
  for (std::int64_t *number : {&state.spent, &state.own, &state.granted, &state.seen_added, &state.period_end_s}) {
    if (!take_int(&content, number)) {
      return false;
    }
  }
  for (std::uint64_t *number : {&state.seen_changed, &state.seen_set, &state.epoch, &state.change, &record->table}) {
    if (!take_int(&content, number)) {
      return false;
    }
  }
  if (!take_int(&content, &state.period_s) || !take_int(&content, &is_set) || !content.empty()) {
    return false;
  }
  state.is_set = is_set;
  return state.spent >= 0 && is_set <= 1 && state.period_end_s >= 0 && state.period_s <= kMaxWindowSeconds &&
         (state.period_end_s == 0) == (state.period_s == 0) && state.seen_set <= state.seen_changed;
}

}  // namespace keyward
