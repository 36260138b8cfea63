// Name: u8 share, u64 tag. Content: u8 version, u32 length, u8 sliding, u32 count, u32 count before, i64 end, i64 end
// before. By the calendar: u8 version, u8 period, u32 count, u32 number of the period.
#include "usage/window_record.hpp"

#include <algorithm>

#include "base/little_endian.hpp"
#include "store/records/record.hpp"

namespace keyward {

namespace {

constexpr std::uint8_t kWindowVersion = 1, kCalendarVersion = 2;
constexpr std::uint8_t kOverflowShare = 1, kAddressShare = 2;
// The year 10000: so that no sum of times overflows.
constexpr std::int64_t kMaxTimeMs = std::int64_t{253402300800} * 1000;

bool is_end(std::int64_t end_ms) noexcept { return end_ms >= -kMaxTimeMs && end_ms <= kMaxTimeMs; }

// Nothing of a later year than any time that a record may have.
constexpr std::uint32_t kMaxNumber = 4000000;
constexpr std::uint32_t kDayWindow = 86400, kMonthWindow = 31 * 86400;

std::uint32_t number_at(Period period, std::int64_t wall_ms) noexcept {
  return period_of(period, day_at(wall_ms / 1000));
}

std::int64_t length_of(const WindowRecord &record) noexcept { return std::int64_t{record.window_s} * 1000; }

bool decode_calendar(std::string_view content, WindowRecord *record) noexcept {
  std::uint8_t period = 0;
  if (!take_int(&content, &period) || period > static_cast<std::uint8_t>(Period::month) ||
      !take_int(&content, &record->count) || !take_int(&content, &record->number) || !content.empty()) {
    return false;
  }
  record->by_calendar = true;
  record->period = static_cast<Period>(period);
  record->window_s = record->period == Period::day ? kDayWindow : kMonthWindow;
  return record->tag != 0 && record->count <= kMaxRateCount && record->number <= kMaxNumber;
}

}  // namespace

bool WindowRecord::is_over(std::int64_t wall_ms) const noexcept {
  if (by_calendar) {
    const std::uint32_t present = number_at(period, wall_ms);
    return number < present || number > present + 1;
  }
  const std::int64_t ahead_ms = end_ms - wall_ms;
  constexpr std::int64_t kClocksMs = 1000;  // processes' clocks aren't quite the same
  return ahead_ms + (sliding ? length_of(*this) : 0) <= 0 || ahead_ms > length_of(*this) + kClocksMs;
}

WindowRecord to_record(const CarriedWindow &window, bool of_address, std::int64_t wall_ms) noexcept {
  WindowRecord record;
  record.of_address = of_address;
  record.overflow = window.overflow;
  record.tag = window.tag;
  record.window_s = window.window_s;
  record.sliding = window.sliding;
  record.count = window.count;
  if (window.by_calendar) {
    record.by_calendar = true;
    record.period = window.period;
    record.number = window.number;
    return record;
  }
  record.before = window.before;
  record.end_ms = wall_ms + window.ahead_ms;
  record.before_end_ms = window.before != 0 ? wall_ms + window.before_ahead_ms : 0;
  return record;
}

CarriedWindow to_carried(const WindowRecord &record, std::int64_t wall_ms) noexcept {
  CarriedWindow window;
  window.overflow = record.overflow;
  window.tag = record.tag;
  window.window_s = record.window_s;
  window.sliding = record.sliding;
  window.count = record.count;
  if (record.by_calendar) {
    window.by_calendar = true;
    window.period = record.period;
    window.number = std::min(record.number, number_at(record.period, wall_ms) + 1);
    window.ahead_ms = end_of(window.period, window.number) * 1000 - wall_ms;
    return window;
  }
  window.before = record.before;
  window.ahead_ms = record.end_ms - wall_ms;
  window.before_ahead_ms = record.before_end_ms - wall_ms;
  return window;
}

std::string record_key(const WindowRecord &record) {
  std::string name;
  put_int(&name,
          static_cast<std::uint8_t>((record.overflow ? kOverflowShare : 0) | (record.of_address ? kAddressShare : 0)));
  put_int(&name, record.tag);
  return name;
}

std::string encode(const WindowRecord &record) {
  std::string out;
  if (record.by_calendar) {
    put_int(&out, kCalendarVersion);
    put_int(&out, static_cast<std::uint8_t>(record.period));
    put_int(&out, record.count);
    put_int(&out, record.number);
    return out;
  }
  put_int(&out, kWindowVersion);
  put_int(&out, record.window_s);
  put_int(&out, static_cast<std::uint8_t>(record.sliding ? 1 : 0));
  put_int(&out, record.count);
  put_int(&out, record.before);
  put_int(&out, record.end_ms);
  put_int(&out, record.before_end_ms);
  return out;
}

bool decode(std::string_view name, std::string_view content, WindowRecord *record) noexcept {
  std::uint8_t share = 0, version = 0, sliding = 0;
  *record = {};
  if (!take_int(&name, &share) || share > (kOverflowShare | kAddressShare) || !take_int(&name, &record->tag) ||
      !name.empty() || !take_int(&content, &version)) {
    return false;
  }
  record->overflow = (share & kOverflowShare) != 0;
  record->of_address = (share & kAddressShare) != 0;
  if (version == kCalendarVersion) {
    return decode_calendar(content, record);
  }
  if (version != kWindowVersion || !take_int(&content, &record->window_s) || !take_int(&content, &sliding) ||
      sliding > 1 || !take_int(&content, &record->count) || !take_int(&content, &record->before) ||
      !take_int(&content, &record->end_ms) || !take_int(&content, &record->before_end_ms) || !content.empty()) {
    return false;
  }
  record->sliding = sliding != 0;
  // The window before ended where this one began, or ends with it (it is about to be followed); never more than two
  // lengths before.
  return record->tag != 0 && record->window_s >= kMinKeptWindowSeconds && record->window_s <= kMaxWindowSeconds &&
         record->count <= kMaxRateCount && record->before <= kMaxRateCount && is_end(record->end_ms) &&
         (record->before == 0
              ? record->before_end_ms == 0
              : record->sliding && is_end(record->before_end_ms) && record->before_end_ms <= record->end_ms &&
                    record->end_ms - record->before_end_ms <= 2 * length_of(*record));
}

}  // namespace keyward
