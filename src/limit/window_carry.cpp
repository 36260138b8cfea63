// Carrying windows from a table into another, and to the store and back. Nobody who charges them waits for it, or pays
// for it: what was saved of a slot is kept in the slot, as 32 bits made of all that it says.
#include <algorithm>
#include <array>

#include "limit/window_table.hpp"

namespace keyward {
namespace {

using namespace window_table;  // NOLINT(google-build-using-namespace): ours

constexpr std::uint32_t kLongWindowSeconds = 3600;
constexpr std::int64_t kLeastAheadMs = 1000;

// What a slot says at one moment.
struct Seen {
  std::uint64_t tag = 0;
  Word word = 0;
  Word before = 0;
  Kind kind = 0;
};

// false: it is nobody's, or changes hands. An end never comes back, so while the word has the same, all of it is of one
// window; its count is what it was at some instant.
bool read(const Slot &slot, Seen *seen) noexcept {
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    seen->tag = slot.tag().load(std::memory_order_acquire);
    seen->word = slot.word().load(std::memory_order_acquire);
    if (seen->tag == 0 || seen->word == kTaken) {
      return false;
    }
    seen->kind = slot.kind().load(std::memory_order_acquire);
    seen->before = slot.before().load(std::memory_order_acquire);
    const Word again = slot.word().load(std::memory_order_acquire);
    if (again != kTaken && again >> kCountBits == seen->word >> kCountBits &&
        slot.tag().load(std::memory_order_acquire) == seen->tag) {
      return true;
    }
  }
  return false;
}

// Never 0, which is a slot that was never saved.
std::uint32_t mark_of(const Seen &seen, std::int64_t epoch) noexcept {
  std::uint64_t mixed = mix(seen.tag + static_cast<std::uint64_t>(epoch) * 0x9e37'79b9'7f4a'7c15);
  mixed = mix(mixed ^ seen.word);
  mixed = mix(mixed ^ seen.before ^ std::uint64_t{seen.kind} << 32);
  return std::max(static_cast<std::uint32_t>(mixed >> 32), std::uint32_t{1});
}

// false: closed by the table's clock, and (sliding) out of view.
bool to_carried(const Seen &seen, std::uint64_t now_ms, const Clock &clock, CarriedWindow *window) noexcept {
  window->tag = seen.tag;
  window->sliding = (seen.kind & kSlidingFlag) != 0;
  window->by_calendar = (seen.kind & kCalendarFlag) != 0;
  window->window_s = seen.kind & ~kKindFlags;
  window->count = count_in(seen.word);
  if (window->by_calendar) {
    window->period = period_in(seen.kind);
    window->number = count_in(seen.before);
    window->before = 0;
    window->ahead_ms = std::max<std::int64_t>(ahead_of(seen.word, now_ms), 1);
    return is_marked(seen.word, seen.before) && window->number >= period_of(window->period, clock.day);
  }
  window->ahead_ms = ahead_of(seen.word, seen.kind, now_ms);
  window->before = window->sliding ? count_in(seen.before) : 0;
  window->before_ahead_ms = window->before != 0 ? ahead_of(seen.before, now_ms) : 0;
  const auto later_ms = static_cast<std::int64_t>(clock.now_ms - now_ms);
  return window->ahead_ms - later_ms + (window->sliding ? length_in(seen.kind) : 0) > 0;
}

// Where a window has to go, at the table's clock.
struct Arrival {
  WindowCharge ask{};
  Word word = 0;
  Word before = 0;
  std::uint32_t day = 0;

  Clock clock() const noexcept { return {ask.now_ms, day}; }
};

Word word_at(std::uint64_t clock_ms, std::int64_t ahead_ms, std::uint32_t count) noexcept {
  return make_word(clock_ms + static_cast<std::uint64_t>(ahead_ms), count);
}

// By the calendar: of which only the number counts, and the end has to be later than the clock.
bool to_calendar_arrival(const CarriedWindow &window, std::uint64_t now_ms, const Clock &clock,
                         Arrival *arrival) noexcept {
  const Kind kind = window.period == Period::day ? kDayKind : kMonthKind;
  const std::int64_t ahead_ms = std::clamp<std::int64_t>(
      window.ahead_ms - static_cast<std::int64_t>(clock.now_ms - now_ms), kLeastAheadMs, length_in(kind));
  arrival->ask.tag = window.tag == 0 ? 1 : window.tag;
  arrival->ask.now_ms = clock.now_ms;
  arrival->ask.length_ms = static_cast<std::uint64_t>(ahead_ms);
  arrival->ask.kind = kind;
  arrival->ask.number = window.number;
  arrival->day = clock.day;
  arrival->word = word_at(clock.now_ms, ahead_ms, std::min(window.count, kMaxRateCount));
  arrival->before = word_at(clock.now_ms, ahead_ms, window.number);
  return window.count != 0 && window.ahead_ms > 0 && window.number >= period_of(window.period, clock.day);
}

// false: there is nothing left of it. A sliding one that has ended arrives as the window before of its successor, so
// that every word that is written ends later than the clock; see windows.cpp.
bool to_arrival(const CarriedWindow &window, std::uint64_t now_ms, const Clock &clock, Arrival *arrival) noexcept {
  if (window.by_calendar) {
    return to_calendar_arrival(window, now_ms, clock, arrival);
  }
  const std::uint64_t clock_ms = clock.now_ms;
  const std::uint32_t length_s = std::clamp<std::uint32_t>(window.window_s, 1, kMaxWindowSeconds);
  const std::int64_t length_ms = std::int64_t{length_s} * 1000;
  const std::int64_t cut_ms = std::max<std::int64_t>(window.ahead_ms - length_ms, 0);
  const std::int64_t shift_ms = cut_ms + static_cast<std::int64_t>(clock_ms - now_ms);
  std::int64_t ahead_ms = window.ahead_ms - shift_ms;
  std::int64_t before_ahead_ms = window.before_ahead_ms - shift_ms;
  std::uint32_t count = std::min(window.count, kMaxRateCount);
  std::uint32_t before = window.sliding ? std::min(window.before, kMaxRateCount) : 0;
  if (ahead_ms <= 0) {
    if (!window.sliding || ahead_ms + length_ms <= 0) {
      return false;
    }
    before = count;
    before_ahead_ms = ahead_ms;
    count = 0;
    ahead_ms += length_ms;
  }
  arrival->ask.tag = window.tag == 0 ? 1 : window.tag;
  arrival->ask.now_ms = clock_ms;
  arrival->day = clock.day;
  arrival->ask.length_ms = static_cast<std::uint64_t>(length_ms);
  arrival->ask.kind = length_s | (window.sliding ? kSlidingFlag : 0);
  arrival->word = word_at(clock_ms, ahead_ms, count);
  arrival->before = before == 0 ? 0 : word_at(clock_ms, before_ahead_ms, before);
  return count != 0 || before != 0;
}

// The three under the mutex.

// Into the window's own slot. false: it isn't open here, and somebody may take the slot.
bool raise(const Arrival &arrival, const Slot &slot, Word *word) noexcept {
  while (!usable(slot, *word, arrival.clock())) {
    const bool less =
        slot.kind().load(std::memory_order_relaxed) == arrival.ask.kind && count_in(*word) < count_in(arrival.word);
    if (!less || swap(slot, word, *word + (count_in(arrival.word) - count_in(*word)))) {
      return true;
    }
  }
  return false;
}

// Into its slot, where that is by the same calendar: the later number stands; of one number, the greater count.
void arrive_by_calendar(Arrival arrival, const Slot &slot, Word word) noexcept {
  for (;;) {
    const Word mark = slot.before().load(std::memory_order_acquire);
    const bool is_known = is_marked(word, mark);
    if (is_known && (count_in(mark) > arrival.ask.number ||
                     (count_in(mark) == arrival.ask.number && count_in(word) >= count_in(arrival.word)))) {
      return;
    }
    if (is_known && count_in(mark) == arrival.ask.number) {
      if (swap(slot, &word, word + (count_in(arrival.word) - count_in(word)))) {
        return;
      }
      continue;
    }
    const std::int64_t ahead_ms =
        std::max(static_cast<std::int64_t>(arrival.ask.length_ms), ahead_of(word, arrival.ask.now_ms) + 1);
    const Word next = word_at(arrival.ask.now_ms, ahead_ms, count_in(arrival.word));
    if (take_over(arrival.ask, slot, &word, word_at(arrival.ask.now_ms, ahead_ms, arrival.ask.number), next)) {
      return;
    }
  }
}

void arrive_own(const Arrival &arrival, const Slot &slot) noexcept {
  Word word = slot.word().load(std::memory_order_acquire);
  if (arrival.ask.by_calendar() && slot.kind().load(std::memory_order_relaxed) == arrival.ask.kind) {
    arrive_by_calendar(arrival, slot, word);
    return;
  }
  while (!raise(arrival, slot, &word) && !take_over(arrival.ask, slot, &word, arrival.before, arrival.word)) {
  }
}

bool arrive_new(const Arrival &arrival, const Region &region) noexcept {
  while (const Slot slot = choose(region, arrival.ask.tag, arrival.clock())) {
    Word word = slot.word().load(std::memory_order_acquire);
    while (usable(slot, word, arrival.clock())) {
      if (take_over(arrival.ask, slot, &word, arrival.before, arrival.word)) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

std::uint64_t WindowTable::buckets() const noexcept { return kOverflowBuckets + table_of(this)->bucket_count; }

std::size_t WindowTable::carry(std::uint64_t *bucket, std::uint64_t end, const CarryWanted &wanted,
                               std::uint64_t now_ms, CarriedWindow *out, std::size_t capacity) noexcept {
  static_assert(kCarryRoom == kSlots);
  Table *table = table_of(this);
  const Clock clock{read_clock(*table, now_ms), read_day(*table)};
  std::size_t taken = 0;
  for (end = std::min(end, buckets()); *bucket < end && capacity - taken >= kSlots; ++*bucket) {
    const bool overflow = *bucket < kOverflowBuckets;
    Bucket *here = overflow ? table->overflow + *bucket : table->own().buckets + (*bucket - kOverflowBuckets);
    for (std::size_t i = 0; i < kSlots; ++i) {
      const Slot slot{here, i};
      const std::uint32_t length_s = slot.kind().load(std::memory_order_relaxed) & ~kKindFlags;
      Seen seen;
      CarriedWindow &window = out[taken];
      if (length_s < wanted.min_window_s || length_s > wanted.max_window_s || !read(slot, &seen) ||
          !to_carried(seen, now_ms, clock, &window) || window.window_s < wanted.min_window_s ||
          window.window_s > wanted.max_window_s) {  // it may have changed hands since its length was looked at
        continue;
      }
      const std::uint32_t saved = wanted.unsaved ? slot.saved().load(std::memory_order_relaxed) : 0;
      window.mark = mark_of(seen, wanted.epoch);
      window.place = *bucket * kSlots + i;
      window.overflow = overflow;
      taken += saved != window.mark && (window.count != 0 || window.before != 0 || saved != 0) ? 1U : 0U;
    }
  }
  return taken;
}

void WindowTable::note_saved(const CarriedWindow *windows, std::size_t count) noexcept {
  Table *table = table_of(this);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t bucket = windows[i].place / kSlots;
    Bucket *here =
        bucket < kOverflowBuckets ? table->overflow + bucket : table->own().buckets + (bucket - kOverflowBuckets);
    here->more[windows[i].place % kSlots].saved.store(windows[i].mark, std::memory_order_relaxed);
  }
}

bool WindowTable::find_open(std::uint64_t tag, bool overflow, std::uint64_t now_ms, CarriedWindow *window) noexcept {
  Table *table = table_of(this);
  const Slot slot = find(table->region(overflow), tag);
  Seen seen;
  window->overflow = overflow;
  return slot && read(slot, &seen) && seen.tag == tag &&
         to_carried(seen, now_ms, {read_clock(*table, now_ms), read_day(*table)}, window);
}

bool WindowTable::take_in(const CarriedWindow &window, std::uint64_t now_ms) noexcept {
  Table *table = table_of(this);
  const SharedLock lock(&table->mutex);
  Arrival arrival;
  if (!lock) {
    return false;
  }
  if (!to_arrival(window, now_ms, {push_clock(table, now_ms), read_day(*table)}, &arrival)) {
    return true;
  }
  const Region region = table->region(window.overflow);
  if (const Slot slot = find(region, arrival.ask.tag)) {
    arrive_own(arrival, slot);
    return true;
  }
  return arrive_new(arrival, region);
}

std::uint64_t WindowTable::copy_from(WindowTable *other, std::uint64_t now_ms) noexcept {
  table_of(this)->overflows.store(table_of(other)->overflows.load(std::memory_order_relaxed),
                                  std::memory_order_relaxed);
  tell_day(read_day(*table_of(other)));
  std::array<CarriedWindow, 64 * kSlots> batch;
  std::uint64_t lost = 0;
  for (const bool is_long : {true, false}) {
    CarryWanted wanted;
    wanted.min_window_s = is_long ? kLongWindowSeconds : 1;
    wanted.max_window_s = is_long ? kMaxWindowSeconds : kLongWindowSeconds - 1;
    for (std::uint64_t bucket = 0; bucket < other->buckets();) {
      const std::size_t count = other->carry(&bucket, other->buckets(), wanted, now_ms, batch.data(), batch.size());
      for (std::size_t i = 0; i < count; ++i) {
        lost += take_in(batch[i], now_ms) ? 0U : 1U;
      }
    }
  }
  return lost;
}

}  // namespace keyward
