// Windows by the calendar: they turn when the wall clock comes to another day or month, and never back.
#include <gtest/gtest.h>
#include <atomic>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "base/time_text.hpp"
#include "limit/windows.hpp"
#include "shared_memory.hpp"

namespace keyward {
namespace {

using test::SharedMemory;

constexpr std::size_t kBytes = std::size_t{256} * 1024;
constexpr std::int64_t kHour = 3600, kDay = 24 * kHour;

std::int64_t at(const char *text) {
  std::int64_t time_s = 0;
  EXPECT_TRUE(parse_time(text, &time_s)) << text;
  return time_s;
}

class WindowsCalendar : public testing::TestWithParam<std::uint32_t> {
 protected:
  WindowsCalendar() : memory_(kBytes), table_(WindowTable::create(memory_.data(), memory_.size())) {}

  static Charge charge_of(std::int64_t wall_s, std::uint32_t count = 5, std::uint64_t name = 1,
                          std::uint32_t window = GetParam()) {
    Charge charge;
    charge.name = test::name_of(name);
    charge.limit_name = 7;
    charge.rate = {count, window};
    charge.wall_s = wall_s;
    return charge;
  }

  // How many of these are admitted. The other clock goes on by a millisecond with each: only the wall's steps.
  int admitted(std::int64_t wall_s, int tries = 10, std::uint64_t name = 1) {
    int count = 0;
    for (int i = 0; i < tries; ++i) {
      count += table_->charge(charge_of(wall_s, 5, name), ++now_ms_).admitted ? 1 : 0;
    }
    return count;
  }

  static std::int64_t length_s(std::uint32_t window) { return window == kCalendarDay ? kDay : 28 * kDay; }

  SharedMemory memory_;
  WindowTable *table_;
  std::uint64_t now_ms_ = 1'000'003;
};

INSTANTIATE_TEST_SUITE_P(Kinds, WindowsCalendar, testing::Values(kCalendarDay, kCalendarMonth),
                         [](const auto &kind) { return kind.param == kCalendarDay ? "Day" : "Month"; });

TEST_P(WindowsCalendar, TheTurnOfAMonthIsTwoWindows) {
  EXPECT_EQ(admitted(at("2026-01-31T23:59:59Z")), 5);
  EXPECT_EQ(admitted(at("2026-02-01T00:00:00Z")), 5);
  EXPECT_EQ(admitted(at("2026-02-01T00:00:01Z")), 0);
}

TEST_P(WindowsCalendar, AClockThatStepsBackOpensNothingAgain) {
  const std::int64_t before = at("2026-01-31T23:59:59Z"), after = at("2026-02-01T00:00:00Z");
  EXPECT_EQ(admitted(before, 3), 3);
  EXPECT_EQ(admitted(after, 2), 2);
  EXPECT_EQ(admitted(before, 2), 2);  // of the window that was reached
  EXPECT_EQ(admitted(before), 1);
  EXPECT_EQ(admitted(after), 0);
  EXPECT_EQ(admitted(before - 40 * kDay), 0);
  // Who comes first while the clock is back has the window that the clock had reached, and no other.
  EXPECT_EQ(admitted(before, 10, 2), 5);
  EXPECT_EQ(admitted(after, 10, 2), 0);
  EXPECT_EQ(admitted(after + length_s(GetParam()), 10, 2), 5);
}

TEST_P(WindowsCalendar, LeapYearsHaveOneDayMore) {
  const bool by_day = GetParam() == kCalendarDay;
  EXPECT_EQ(admitted(at("2028-02-28T23:59:59Z")), 5);
  EXPECT_EQ(admitted(at("2028-02-29T00:00:00Z")), by_day ? 5 : 0);
  EXPECT_EQ(admitted(at("2028-02-29T23:59:59Z")), 0);
  EXPECT_EQ(admitted(at("2028-03-01T00:00:00Z")), 5);
  EXPECT_EQ(admitted(at("2029-02-28T23:59:59Z")), 5);
  EXPECT_EQ(admitted(at("2029-03-01T00:00:00Z")), 5);
}

TEST_P(WindowsCalendar, SaysWhenItsPeriodIsOver) {
  const std::int64_t now_s = at("2026-01-31T23:59:50Z");
  WindowState state = table_->charge(charge_of(now_s, 2), now_ms_);
  EXPECT_TRUE(state.admitted);
  EXPECT_EQ(state.limit, 2U);
  EXPECT_EQ(state.remaining, 1U);
  EXPECT_EQ(state.reset_ms, 10'000U);
  EXPECT_EQ(state.charged_ms, static_cast<std::uint64_t>(at("2026-02-01T00:00:00Z")));
  table_->charge(charge_of(now_s, 2), now_ms_);
  state = table_->charge(charge_of(now_s + 9, 2), now_ms_ + 100);
  EXPECT_FALSE(state.admitted);
  EXPECT_EQ(state.retry_ms, 1000U);
  EXPECT_TRUE(table_->charge(charge_of(now_s + 10, 2), now_ms_ + 101).admitted);
  // Of a window that a later clock reached: to its end, by the clock as it is now.
  state = table_->look(charge_of(now_s, 2), now_ms_ + 102);
  const std::int64_t end_s = at(GetParam() == kCalendarDay ? "2026-02-02T00:00:00Z" : "2026-03-01T00:00:00Z");
  EXPECT_EQ(state.reset_ms, static_cast<std::uint64_t>(end_s - now_s) * 1000);
}

TEST_P(WindowsCalendar, OnlyTheWallTurnsIt) {
  const std::int64_t now_s = at("2026-01-31T12:00:00Z");
  EXPECT_EQ(admitted(now_s), 5);
  now_ms_ += static_cast<std::uint64_t>(40 * kDay) * 1000;
  EXPECT_EQ(admitted(now_s), 0);
}

TEST_P(WindowsCalendar, IsGivenBackWhileItIsOpen) {
  const std::int64_t before = at("2026-01-31T23:59:59Z"), after = before + 1;
  const WindowState state = table_->charge(charge_of(before), ++now_ms_);
  EXPECT_EQ(admitted(before), 4);
  table_->give_back(charge_of(before), state.charged_ms, ++now_ms_);
  EXPECT_EQ(admitted(before), 1);
  EXPECT_EQ(admitted(after), 5);
  table_->give_back(charge_of(before), state.charged_ms, ++now_ms_);
  EXPECT_EQ(admitted(after), 0);
}

TEST_P(WindowsCalendar, WhatWasPaidCountsInItsOwnPeriodOnly) {
  const std::int64_t before = at("2026-01-31T23:59:59Z"), after = before + 1;
  Charge charge = charge_of(before);
  WindowState state = table_->charge(charge, ++now_ms_);
  charge.paid = {state.paid, state.overflow, state.charged_ms};
  EXPECT_EQ(table_->charge(charge, now_ms_ += 700).taken, 0U);
  charge.wall_s = after;
  state = table_->charge(charge, ++now_ms_);
  EXPECT_EQ(state.taken, 1U);
  EXPECT_EQ(admitted(after), 4);
}

TEST_P(WindowsCalendar, ASlotIsTakenOnlyOnceItsPeriodIsOver) {
  // A table so small that newcomers need the slots of windows that are over.
  SharedMemory small(12 * 1024);
  table_ = WindowTable::create(small.data(), small.size());
  ASSERT_NE(table_, nullptr);
  const std::int64_t now_s = at("2026-01-31T12:00:00Z");
  const std::uint64_t slots = table_->stats(now_ms_).slots;
  std::vector<std::uint64_t> names;  // of those that found a slot
  for (std::uint64_t name = 1; name <= 10 * slots; ++name) {
    if (!table_->charge(charge_of(now_s, 5, name), ++now_ms_).overflow) {
      names.push_back(name);
      EXPECT_EQ(admitted(now_s, 4, name), 4);
    }
  }
  EXPECT_EQ(names.size(), slots);
  EXPECT_EQ(table_->stats(now_ms_).open, slots);
  now_ms_ += static_cast<std::uint64_t>(40 * kDay) * 1000;  // the wall clock stands still
  const std::uint64_t newcomer = 10 * slots + 1;
  EXPECT_TRUE(table_->charge(charge_of(now_s, 5, newcomer), now_ms_).overflow);
  for (const std::uint64_t name : names) {
    EXPECT_EQ(admitted(now_s, 1, name), 0);
  }
  // Told of another day, by nobody's charge, all of them are over.
  const std::int64_t later_s = now_s + 2 * kDay;
  table_->tell_day(day_at(later_s));
  EXPECT_EQ(table_->stats(now_ms_).open, 0U);
  EXPECT_FALSE(table_->charge(charge_of(0, 5, newcomer + 1, 60), now_ms_).overflow);
  EXPECT_FALSE(table_->charge(charge_of(now_s, 5, newcomer), now_ms_).overflow);
  // The clock is back: who lost its slot has the new window, not the old one anew.
  EXPECT_EQ(admitted(now_s, 10, names[0]), 5);
  EXPECT_EQ(admitted(now_s, 10, names[0]), 0);
  EXPECT_EQ(admitted(later_s, 10, names[0]), 0);
}

TEST_P(WindowsCalendar, ALimitThatIsChangedKeepsItsCount) {
  const std::int64_t now_s = at("2026-01-15T12:00:00Z");
  for (const std::uint32_t window : {3600U, 30U * 86400U}) {
    const std::uint64_t name = window;
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(table_->charge(charge_of(0, 5, name, window), ++now_ms_).admitted);
    }
    EXPECT_EQ(admitted(now_s, 10, name), 2) << window;
    // And back.
    EXPECT_FALSE(table_->charge(charge_of(0, 5, name, window), ++now_ms_).admitted);
  }
  EXPECT_EQ(admitted(now_s, 3, 9), 3);
  Charge sliding = charge_of(0, 5, 9, 3600);
  sliding.sliding = true;
  int count = 0;
  for (int i = 0; i < 10; ++i) {
    count += table_->charge(sliding, ++now_ms_).admitted ? 1 : 0;
  }
  EXPECT_EQ(count, 2);
}

// A clock that wanders over many turns: never more than the rate in a period, counting each admitted request for the
// highest day that was seen until then.
TEST_P(WindowsCalendar, NeverMoreThanTheRateInAPeriodWhateverTheClockDoes) {
  std::mt19937 random(3);
  const Period period = GetParam() == kCalendarDay ? Period::day : Period::month;
  std::int64_t wall_s = at("2027-11-20T00:00:00Z");
  std::uint32_t highest = 0;
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint32_t> counts;
  for (int i = 0; i < 200'000; ++i) {
    if (random() % 50 == 0) {
      wall_s += static_cast<std::int64_t>(random() % static_cast<unsigned>(4 * kDay)) - 2 * kDay + kHour;
    }
    now_ms_ += random() % 3000;
    highest = std::max(highest, day_at(wall_s));
    const std::uint64_t name = 1 + random() % 20;
    std::uint32_t &count = counts[{name, period_of(period, highest)}];
    const WindowState state = table_->charge(charge_of(wall_s, 5, name), now_ms_);
    ASSERT_EQ(state.admitted, count < 5) << i;
    count += state.admitted ? 1U : 0U;
  }
}

TEST_P(WindowsCalendar, ManyThreadsAtTheTurnAdmitExactlyTheRateInEach) {
  const std::int64_t before = at("2026-01-31T23:59:59Z"), after = before + 1;
  for (std::uint64_t round = 0; round < 300; ++round) {
    std::atomic<int> admitted_by_all{0};
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        int count = 0;
        for (int i = 0; i < 40; ++i) {
          // Each goes over the turn at another point, and back once.
          const std::int64_t wall_s = i < 10 + static_cast<int>(t) * 3 || i == 35 ? before : after;
          count += table_->charge(charge_of(wall_s, 5, 100 + round), 2'000'000 + round).admitted ? 1 : 0;
        }
        admitted_by_all += count;
      });
    }
    for (std::thread &thread : threads) {
      thread.join();
    }
    // A round after the first begins with the clock beyond the turn.
    ASSERT_LE(admitted_by_all, 10) << round;
    ASSERT_GE(admitted_by_all, 5) << round;
    if (round != 0) {
      ASSERT_EQ(admitted_by_all, 5) << round;
    }
  }
}

TEST_P(WindowsCalendar, ACopyKeepsNumbersCountsAndTheHighestDay) {
  const std::int64_t before = at("2026-01-31T23:59:59Z"), after = before + 1;
  EXPECT_EQ(admitted(after, 2), 2);
  EXPECT_EQ(admitted(before, 1), 1);
  SharedMemory other(2 * kBytes);
  WindowTable *copy = WindowTable::create(other.data(), other.size());
  EXPECT_EQ(copy->copy_from(table_, now_ms_), 0U);
  table_ = copy;
  EXPECT_EQ(admitted(before, 10), 2);
  EXPECT_EQ(admitted(before, 10, 2), 5);
  EXPECT_EQ(admitted(after, 10, 2), 0);
}

}  // namespace
}  // namespace keyward
