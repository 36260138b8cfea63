// A limit's window as the store keeps it over a restart: by its name's digest, with its ends in wall-clock time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "limit/windows.hpp"

namespace keyward {

// Shorter ones aren't kept: they would have closed by the time that anybody comes back.
inline constexpr std::uint32_t kMinKeptWindowSeconds = 3600;

struct WindowRecord {
  // Together its name in the table.
  bool of_address = false;  // in the zone's share for addresses
  bool overflow = false;
  std::uint64_t tag = 0;

  std::uint32_t window_s = 0;
  bool sliding = false;
  bool by_calendar = false;
  Period period = Period::day;  // by the calendar: which, and its number, which is all that says when it ends
  std::uint32_t number = 0;
  std::uint32_t count = 0, before = 0;
  std::int64_t end_ms = 0, before_end_ms = 0;  // Unix milliseconds

  // Closed by then, and out of view; or further ahead than a window of its length can be, as the clock has stepped
  // back. By the calendar: its period is over, or more than one period ahead.
  bool is_over(std::int64_t wall_ms) const noexcept;
};

WindowRecord to_record(const CarriedWindow &window, bool of_address, std::int64_t wall_ms) noexcept;
// Its ends may lie anywhere: WindowTable::take_in() takes them for at most one length ahead. A period more than one
// ahead becomes the next one: so far back a clock steps that was wrong before.
CarriedWindow to_carried(const WindowRecord &record, std::int64_t wall_ms) noexcept;

std::string record_key(const WindowRecord &record);
std::string encode(const WindowRecord &record);
// false for anything that wasn't written by the two above.
bool decode(std::string_view name, std::string_view content, WindowRecord *record) noexcept;

}  // namespace keyward
