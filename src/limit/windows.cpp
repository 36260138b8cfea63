// The table of windows: two-choice buckets of slots, a lock-free path for windows that exist, one robust mutex for
// the rest.
//
// Why it is exact. All that a charge decides on is one word: a window's end and its count. A charge reads the word,
// then makes sure that the slot is still its own, decides, and replaces the word by compare-and-swap: so it counts on
// top of just what it decided on, or tries again.
//
// Why a slot that changes hands is never charged for its old owner. Only a slot whose window has closed changes
// hands, under the mutex: its word is swapped for kTaken, then the tag becomes the newcomer's, and last the word is
// the newcomer's window, never an empty one. A charge for the old owner that is still under way holds a word with an
// end E in the past of the clock that the mutex's holder read. It succeeds only where the word is that again, but
// every end that the newcomer's word can have is later than E: a window opens at now + length, its successors end
// later than what they follow, and the one step that moves an end back, the cut, is done under the mutex with a clock
// re-read there, which puts it a second at least after that.
//
// Why a window by the calendar is that of its number. The number stands beside the word, bound to it by the word's end,
// and is written ahead of the swap that begins the next window, under the mutex; see window_rule.cpp. The table goes by
// the highest day that it was told: no window is begun, and no slot changes hands, by a lower one, as that day is read
// again under the mutex. The end in the word is only what the rules above need: later than all that went before.
//
// Why a kill does no harm. Each step is one store. What a killed holder of the mutex leaves is a slot with its old
// word, or with kTaken, which is free for the next newcomer, or done. The sliding window's roll-over writes the count
// of the window before ahead of the swap that starts the new one; see window_rule.cpp.
#include "limit/windows.hpp"

#include <algorithm>
#include <cstring>

#include "limit/window_table.hpp"

namespace keyward {
namespace {

using namespace window_table;  // NOLINT(google-build-using-namespace): ours

constexpr std::uint32_t kOverflowFactor = 10;
// What a charge is told that could neither be admitted nor counted.
constexpr std::uint64_t kRetryMs = 1000;

// ---- Charging -------------------------------------------------------------------------------------------------------

enum class Outcome { done, locked, full };

// What is left of the period that a day is in, which isn't before the wall clock's own.
void set_period(WindowCharge *ask, std::uint32_t day) noexcept {
  ask->number = period_of(period_in(ask->kind), day);
  const auto turn_s = static_cast<std::int64_t>(turn_of(ask->kind, ask->number));
  ask->length_ms = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(turn_s - ask->wall_s) * 1000, 1000,
                                             static_cast<std::uint64_t>(length_in(ask->kind)));
}

View view_in(const WindowCharge &ask, const Slot &slot, Word word, Kind kind) noexcept {
  return view_of(ask, word, slot.before().load(std::memory_order_acquire), kind);
}

// The path without a lock: adds to an open window, reopens a closed fixed one of the same kind. All else is for the
// mutex.
Outcome charge_free(const WindowCharge &ask, const Slot &slot, WindowState *state) noexcept {
  Word word = slot.word().load(std::memory_order_acquire);
  for (;;) {
    // After the word: where the tag is still ours, so was the slot when the word was read.
    if (word == kTaken || slot.tag().load(std::memory_order_relaxed) != ask.tag) {
      return Outcome::locked;
    }
    const Kind kind = slot.kind().load(std::memory_order_relaxed);
    const View view = view_in(ask, slot, word, kind);
    if (view.cut || (!view.open && ((ask.kind & kKindFlags) != 0 || kind != ask.kind))) {
      return Outcome::locked;
    }
    const bool admitted = fits(ask, view);
    if (!admitted || view.due == 0 || swap(slot, &word, make_word(view.end_ms, view.used + view.due))) {
      *state = state_of(ask, view, admitted);
      return Outcome::done;
    }
  }
}

// The same under the mutex, where the slot can't change hands: whatever charge_free() may not do.
WindowState charge_own(const WindowCharge &ask, const Slot &slot) noexcept {
  Word word = slot.word().load(std::memory_order_acquire);
  for (;;) {
    const Kind kind = slot.kind().load(std::memory_order_relaxed);
    const View view = view_in(ask, slot, word, kind);
    const bool admitted = fits(ask, view);
    const Word next = make_word(view.end_ms, view.used + (admitted ? view.due : 0));
    if (!admitted && !view.cut) {
      return state_of(ask, view, false);
    }
    bool done = false;
    if (!view.open && kind != ask.kind) {
      done = take_over(ask, slot, &word, before_of(ask, view, word), next);
    } else {
      if (!view.open) {
        slot.before().store(before_of(ask, view, word), std::memory_order_release);
      }
      done = swap(slot, &word, next);
    }
    if (done) {
      return state_of(ask, view, admitted);
    }
  }
}

// A window's first charge, under the mutex.
Outcome charge_new(const WindowCharge &ask, const Region &region, std::uint32_t day, WindowState *state) noexcept {
  const View view = opening(ask);
  const Clock clock{ask.now_ms, day};
  while (const Slot slot = choose(region, ask.tag, clock)) {
    Word word = slot.word().load(std::memory_order_acquire);
    while (usable(slot, word, clock)) {
      if (take_over(ask, slot, &word, before_of(ask, view, 0), make_word(view.end_ms, ask.cost))) {
        *state = state_of(ask, view, true);
        return Outcome::done;
      }
    }
  }
  return Outcome::full;
}

// A refusal by no window at all: fails closed.
WindowState refuse(const WindowCharge &ask) noexcept {
  WindowState state = state_of(ask, opening(ask), false);
  state.remaining = 0;
  state.retry_ms = kRetryMs;
  return state;
}

Outcome charge_locked(Table *table, const Region &region, WindowCharge ask, WindowState *state) noexcept {
  const SharedLock lock(&table->mutex);
  if (!lock) {
    *state = refuse(ask);  // somebody was stopped while holding it
    return Outcome::done;
  }
  ask.now_ms = push_clock(table, ask.now_ms);
  const std::uint32_t day = read_day(*table);
  if (ask.by_calendar()) {
    set_period(&ask, day);
  }
  if (const Slot slot = find(region, ask.tag)) {
    *state = charge_own(ask, slot);
    return Outcome::done;
  }
  return charge_new(ask, region, day, state);
}

Outcome charge_in(Table *table, const Region &region, const WindowCharge &ask, WindowState *state) noexcept {
  const Slot slot = find(region, ask.tag);
  if (slot && charge_free(ask, slot, state) == Outcome::done) {
    return Outcome::done;
  }
  return charge_locked(table, region, ask, state);
}

WindowCharge ask_of(const Charge &charge, std::uint64_t now_ms) noexcept {
  const std::uint32_t length_s = std::clamp<std::uint32_t>(charge.rate.window_s, 1, kMaxWindowSeconds);
  WindowCharge ask{};
  std::memcpy(&ask.tag, charge.name.data(), sizeof(ask.tag));
  ask.tag = ask.tag == 0 ? 1 : ask.tag;
  ask.now_ms = now_ms;
  ask.length_ms = std::uint64_t{length_s} * 1000;
  ask.limit = std::min(charge.rate.count, kMaxRateCount);
  ask.cost = charge.cost;
  ask.kind = length_s | (charge.sliding ? kSlidingFlag : 0);
  ask.again = charge.cost;
  if (charge.paid.amount != 0) {
    ask.paid = charge.paid.overflow ? 0 : charge.paid.amount;
    ask.paid_ms = charge.paid.paid_ms;
    ask.again = std::max(charge.cost, charge.paid.amount);
  }
  return ask;
}

// By the calendar, in which the table has come as far as this day.
void go_by_calendar(WindowCharge *ask, const Charge &charge, std::uint32_t day) noexcept {
  ask->kind = charge.rate.window_s == kCalendarDay ? kDayKind : kMonthKind;
  ask->wall_s = charge.wall_s;
  set_period(ask, day);
}

// The same for the limit's overflow window.
WindowCharge overflow_of(WindowCharge ask, const Charge &charge) noexcept {
  const std::uint64_t mixed = mix(charge.limit_name + 0x9e37'79b9'7f4a'7c15);  // names may be small numbers
  ask.tag = mixed == 0 ? 1 : mixed;
  ask.limit = ask.limit > kMaxRateCount / kOverflowFactor ? kMaxRateCount : ask.limit * kOverflowFactor;
  ask.paid = charge.paid.overflow ? charge.paid.amount : 0;
  return ask;
}

WindowState charge_overflow(Table *table, const WindowCharge &ask, const Charge &charge) noexcept {
  const WindowCharge shared = overflow_of(ask, charge);
  WindowState state;
  if (charge_in(table, table->shared(), shared, &state) == Outcome::full) {
    state = refuse(shared);
  }
  state.overflow = true;
  table->overflows.fetch_add(1, std::memory_order_relaxed);
  return state;
}

WindowState look_at(const WindowCharge &ask, const Slot &slot) noexcept {
  const Word word = slot ? slot.word().load(std::memory_order_acquire) : kTaken;
  const bool ours = word != kTaken && slot.tag().load(std::memory_order_relaxed) == ask.tag;
  const View view = ours ? view_in(ask, slot, word, slot.kind().load(std::memory_order_relaxed)) : opening(ask);
  WindowState state = state_of(ask, view, false);
  state.admitted = fits(ask, view);
  state.retry_ms = state.admitted ? 0 : state.retry_ms;
  return state;
}

// The window is that of the charge if it began no later, and hasn't ended by then. Of a changed length nobody can
// tell: then nothing is given back, which admits less rather than more.
bool was_open(const WindowCharge &ask, const Slot &slot, Word word, std::uint64_t charged_ms) noexcept {
  if (ask.by_calendar()) {
    const Word mark = slot.before().load(std::memory_order_acquire);
    return is_marked(word, mark) && turn_of(ask.kind, count_in(mark)) == charged_ms;
  }
  const std::int64_t left_then = ahead_of(word, charged_ms);
  return left_then > 0 && left_then <= static_cast<std::int64_t>(ask.length_ms);
}

}  // namespace

WindowTable *WindowTable::create(void *memory, std::size_t bytes) noexcept {
  auto *table = static_cast<Table *>(memory);
  if (bytes < sizeof(Table) + 2 * sizeof(Bucket) || !table->mutex.init()) {
    return nullptr;
  }
  table->version = kVersion;
  table->bytes = bytes;
  table->bucket_count = std::min<std::uint64_t>((bytes - sizeof(Table)) / sizeof(Bucket), 0xffff'ffff);
  table->magic.store(kMagic, std::memory_order_release);
  return reinterpret_cast<WindowTable *>(table);
}

WindowTable *WindowTable::adopt(void *memory, std::size_t bytes) noexcept {
  auto *table = static_cast<Table *>(memory);
  const bool known = bytes >= sizeof(Table) && table->magic.load(std::memory_order_acquire) == kMagic &&
                     table->version == kVersion && table->bytes == bytes;
  return known ? reinterpret_cast<WindowTable *>(table) : nullptr;
}

WindowState WindowTable::charge(const Charge &charge, std::uint64_t now_ms) noexcept {
  Table *table = table_of(this);
  WindowCharge ask = ask_of(charge, push_clock(table, now_ms));
  if (charge.rate.window_s > kMaxWindowSeconds) {
    go_by_calendar(&ask, charge, push_day(table, day_at(charge.wall_s)));
  }
  if (ask.cost == 0 || ask.cost > ask.limit) {  // counts nothing, whatever comes
    return look(charge, now_ms);
  }
  WindowState state;
  if (charge_in(table, table->own(), ask, &state) == Outcome::full) {
    state = charge_overflow(table, ask, charge);
  }
  return state;
}

WindowState WindowTable::look(const Charge &charge, std::uint64_t now_ms) noexcept {
  Table *table = table_of(this);
  WindowCharge ask = ask_of(charge, read_clock(*table, now_ms));
  const std::uint32_t day = std::max(read_day(*table), day_at(charge.wall_s));
  if (charge.rate.window_s > kMaxWindowSeconds) {
    go_by_calendar(&ask, charge, day);
  }
  if (const Slot slot = find(table->own(), ask.tag)) {
    return look_at(ask, slot);
  }
  if (choose(table->own(), ask.tag, {ask.now_ms, day})) {
    return look_at(ask, {});
  }
  const WindowCharge shared = overflow_of(ask, charge);
  WindowState state = look_at(shared, find(table->shared(), shared.tag));
  state.overflow = true;
  state.admitted = state.admitted && ask.cost <= ask.limit;
  return state;
}

void WindowTable::give_back(const Charge &charge, std::uint64_t charged_ms, std::uint64_t now_ms) noexcept {
  Table *table = table_of(this);
  WindowCharge ask = ask_of(charge, now_ms);
  if (charge.rate.window_s > kMaxWindowSeconds) {
    go_by_calendar(&ask, charge, read_day(*table));
  }
  Slot slot = find(table->own(), ask.tag);
  if (!slot) {
    ask = overflow_of(ask, charge);
    slot = find(table->shared(), ask.tag);
  }
  if (!slot) {
    return;
  }
  Word word = slot.word().load(std::memory_order_acquire);
  do {
    if (word == kTaken || slot.tag().load(std::memory_order_relaxed) != ask.tag ||
        slot.kind().load(std::memory_order_relaxed) != ask.kind || !was_open(ask, slot, word, charged_ms) ||
        count_in(word) < ask.cost) {
      return;
    }
  } while (!swap(slot, &word, word - ask.cost));
}

WindowStats WindowTable::stats(std::uint64_t now_ms) const noexcept {
  const Table *table = table_of(this);
  const auto *buckets = reinterpret_cast<const Bucket *>(table + 1);
  const Clock clock{read_clock(*table, now_ms), read_day(*table)};
  WindowStats stats;
  stats.slots = table->bucket_count * kSlots;
  stats.overflows = table->overflows.load(std::memory_order_relaxed);
  for (std::uint64_t i = 0; i < table->bucket_count; ++i) {
    for (std::size_t j = 0; j < kSlots; ++j) {
      const Slot slot{const_cast<Bucket *>(&buckets[i]), j};
      const Word word = slot.word().load(std::memory_order_relaxed);
      stats.open += word != 0 && word != kTaken && count_in(word) != 0 && is_open(slot, word, clock) ? 1U : 0U;
    }
  }
  return stats;
}

std::uint32_t WindowTable::tell_day(std::uint32_t day) noexcept { return push_day(table_of(this), day); }

}  // namespace keyward
