// How a table of windows lies in shared memory, and how its slots are found and change hands; windows.cpp says why it
// is exact.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "limit/shared_mutex.hpp"
#include "limit/window_rule.hpp"
#include "limit/windows.hpp"

namespace keyward::window_table {

using namespace window_rule;  // NOLINT(google-build-using-namespace): ours

inline constexpr std::uint64_t kMagic = 0x6b77'7769'6e64'6f77;  // "kwwindow"
inline constexpr std::uint64_t kVersion = 3;

// The word of a slot that changes hands; as a window's it would need 2^28-1 charges and one certain millisecond.
inline constexpr Word kTaken = ~Word{0};

inline constexpr std::size_t kSlots = 16;
inline constexpr std::size_t kOverflowBuckets = 16;
// How far a process's clock may run ahead of the table's before it pushes that on: keeps the line it lies on mostly
// read.
inline constexpr std::uint64_t kClockStepMs = 10;

// Tags and words apart, so that a search reads two lines and a charge one more.
struct alignas(64) Bucket {
  std::atomic<std::uint64_t> tags[kSlots];  // the name's first 8 bytes, never 0; 0: never used
  std::atomic<Word> words[kSlots];
  struct {
    std::atomic<Word> before;          // sliding: the last word of the window before; by the calendar: its mark
    std::atomic<Kind> kind;            // never changes while the window is open
    std::atomic<std::uint32_t> saved;  // what window_carry.cpp knew it by when it was last stored; 0: never
  } more[kSlots];
};
static_assert(sizeof(Bucket) == 512);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

inline std::uint64_t mix(std::uint64_t number) noexcept {  // splitmix64's finish
  number = (number ^ (number >> 30)) * 0xbf58'476d'1ce4'e5b9;
  number = (number ^ (number >> 27)) * 0x94d0'49bb'1331'11eb;
  return number ^ (number >> 31);
}

struct Region {
  Bucket *buckets;
  std::uint64_t count;
};

struct Table {
  std::atomic<std::uint64_t> magic;  // written last
  std::uint64_t version;
  std::uint64_t bytes;
  std::uint64_t bucket_count;
  alignas(64) SharedMutex mutex;
  alignas(64) std::atomic<std::uint64_t> clock_ms;  // never steps back
  alignas(64) std::atomic<std::uint64_t> overflows;
  std::atomic<std::uint32_t> day;  // the highest that was told; never steps back
  alignas(64) Bucket overflow[kOverflowBuckets];

  Region own() noexcept { return {reinterpret_cast<Bucket *>(this + 1), bucket_count}; }
  Region shared() noexcept { return {overflow, kOverflowBuckets}; }
  Region region(bool is_overflow) noexcept { return is_overflow ? shared() : own(); }
};

struct Slot {
  Bucket *bucket = nullptr;
  std::size_t index = 0;

  explicit operator bool() const noexcept { return bucket != nullptr; }
  std::atomic<std::uint64_t> &tag() const noexcept { return bucket->tags[index]; }
  std::atomic<Word> &word() const noexcept { return bucket->words[index]; }
  std::atomic<Word> &before() const noexcept { return bucket->more[index].before; }
  std::atomic<Kind> &kind() const noexcept { return bucket->more[index].kind; }
  std::atomic<std::uint32_t> &saved() const noexcept { return bucket->more[index].saved; }
};

// ---- Finding slots --------------------------------------------------------------------------------------------------

struct Choices {
  Bucket *buckets[2];
};

// From the tag alone, so that a window can be moved into a table of another size.
inline Choices choices_of(const Region &region, std::uint64_t tag) noexcept {
  const std::uint64_t first = (tag >> 32) * region.count >> 32;
  std::uint64_t second = (tag & 0xffff'ffff) * region.count >> 32;
  if (second == first) {
    second = second + 1 < region.count ? second + 1 : 0;
  }
  return {{region.buckets + first, region.buckets + second}};
}

// The live slot of this tag: at most one has it. What a kill left half-made isn't live.
inline Slot find(const Region &region, std::uint64_t tag) noexcept {
  const Choices choices = choices_of(region, tag);
  __builtin_prefetch(choices.buckets[1]->tags);
  __builtin_prefetch(choices.buckets[1]->tags + kSlots / 2);
  for (Bucket *bucket : choices.buckets) {
    for (std::size_t i = 0; i < kSlots; ++i) {
      if (bucket->tags[i].load(std::memory_order_relaxed) == tag &&
          bucket->words[i].load(std::memory_order_relaxed) != kTaken) {
        return {bucket, i};
      }
    }
  }
  return {};
}

// A table's time: milliseconds, and the highest day.
struct Clock {
  std::uint64_t now_ms;
  std::uint32_t day;
};

// Whether the period of a window by the calendar is over.
inline bool has_turned(const Slot &slot, Word word, Kind kind, std::uint32_t day) noexcept {
  const Word mark = slot.before().load(std::memory_order_acquire);
  return !is_marked(word, mark) || count_in(mark) < period_of(period_in(kind), day);
}

inline bool is_open(const Slot &slot, Word word, const Clock &clock) noexcept {
  const Kind kind = slot.kind().load(std::memory_order_relaxed);
  return (kind & kCalendarFlag) != 0 ? !has_turned(slot, word, kind, clock.day)
                                     : ahead_of(word, kind, clock.now_ms) > 0;
}

// Whether a newcomer may have the slot: never used, left by a kill, or closed and (sliding) out of view. By the
// calendar its end has to have passed, too, so that every word which is written there ends later.
inline bool usable(const Slot &slot, Word word, const Clock &clock) noexcept {
  if (word == kTaken || slot.tag().load(std::memory_order_relaxed) == 0) {
    return true;
  }
  const Kind kind = slot.kind().load(std::memory_order_relaxed);
  const std::int64_t ahead = ahead_of(word, kind, clock.now_ms);
  if ((kind & kCalendarFlag) != 0) {
    return ahead <= 0 && has_turned(slot, word, kind, clock.day);
  }
  return (kind & kSlidingFlag) != 0 ? ahead + length_in(kind) <= 0 : ahead <= 0;
}

inline Slot first_usable(Bucket *bucket, const Clock &clock, std::size_t *count) noexcept {
  Slot first;
  *count = 0;
  for (std::size_t i = 0; i < kSlots; ++i) {
    const Slot slot{bucket, i};
    if (usable(slot, slot.word().load(std::memory_order_acquire), clock)) {
      first = first ? first : slot;
      ++*count;
    }
  }
  return first;
}

// A usable slot in the bucket that has more of them.
inline Slot choose(const Region &region, std::uint64_t tag, const Clock &clock) noexcept {
  const Choices choices = choices_of(region, tag);
  std::size_t count[2];
  const Slot first = first_usable(choices.buckets[0], clock, &count[0]);
  const Slot second = first_usable(choices.buckets[1], clock, &count[1]);
  return count[0] >= count[1] ? first : second;
}

inline bool swap(const Slot &slot, Word *word, Word next) noexcept {
  return slot.word().compare_exchange_weak(*word, next, std::memory_order_acq_rel, std::memory_order_acquire);
}

// Gives the slot to a window, under the mutex; *word is its word, and no longer open. false if somebody reopened it
// first.
inline bool take_over(const WindowCharge &ask, const Slot &slot, Word *word, Word before, Word next) noexcept {
  if (*word != kTaken && !swap(slot, word, kTaken)) {
    return false;
  }
  slot.before().store(before, std::memory_order_release);
  slot.kind().store(ask.kind, std::memory_order_release);
  slot.tag().store(ask.tag, std::memory_order_release);
  slot.word().store(next, std::memory_order_release);
  return true;
}

// The table's clock: the latest that any process has told it, so that one which slept goes by the others'.
inline std::uint64_t read_clock(const Table &table, std::uint64_t now_ms) noexcept {
  return std::max(now_ms, table.clock_ms.load(std::memory_order_relaxed));
}

inline std::uint64_t push_clock(Table *table, std::uint64_t now_ms) noexcept {
  std::uint64_t clock = table->clock_ms.load(std::memory_order_relaxed);
  while (now_ms >= clock + kClockStepMs &&
         !table->clock_ms.compare_exchange_weak(clock, now_ms, std::memory_order_relaxed)) {
  }
  return std::max(now_ms, clock);
}

inline std::uint32_t read_day(const Table &table) noexcept { return table.day.load(std::memory_order_acquire); }

inline std::uint32_t push_day(Table *table, std::uint32_t day) noexcept {
  std::uint32_t highest = table->day.load(std::memory_order_acquire);
  while (day > highest && !table->day.compare_exchange_weak(highest, day, std::memory_order_acq_rel)) {
  }
  return std::max(highest, day);
}

inline Table *table_of(WindowTable *table) noexcept { return reinterpret_cast<Table *>(table); }
inline const Table *table_of(const WindowTable *table) noexcept { return reinterpret_cast<const Table *>(table); }

}  // namespace keyward::window_table
