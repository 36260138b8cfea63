// Windows on their way from one table to another: nothing is lost that fits, nothing is counted twice, nothing ends too
// late.
#include <gtest/gtest.h>
#include <array>
#include <atomic>
#include <map>
#include <random>
#include <vector>

#include "limit/windows.hpp"
#include "shared_memory.hpp"

namespace keyward {
namespace {

using test::SharedMemory;

constexpr std::uint64_t kStart = 1'000'003;
constexpr std::uint64_t kHour = 3'600'000;
constexpr std::size_t kBytes = std::size_t{256} * 1024;

Charge charge_of(std::uint64_t name, std::uint32_t count, std::uint32_t window_s, bool sliding = false) {
  Charge charge;
  charge.name = test::name_of(name);
  charge.limit_name = 7;
  charge.rate = {count, window_s};
  charge.sliding = sliding;
  return charge;
}

class WindowCarry : public testing::Test {
 protected:
  WindowCarry() : memory_(kBytes), table_(WindowTable::create(memory_.data(), memory_.size())) {}

  static int admitted(WindowTable *table, const Charge &charge, std::uint64_t now_ms, int tries) {
    int count = 0;
    for (int i = 0; i < tries; ++i) {
      count += table->charge(charge, now_ms).admitted ? 1 : 0;
    }
    return count;
  }

  static std::vector<CarriedWindow> all(WindowTable *table, std::uint64_t now_ms, const CarryWanted &wanted = {}) {
    std::vector<CarriedWindow> windows;
    std::array<CarriedWindow, 3 * WindowTable::kCarryRoom> some;
    for (std::uint64_t bucket = 0; bucket < table->buckets();) {
      const std::size_t count = table->carry(&bucket, table->buckets(), wanted, now_ms, some.data(), some.size());
      windows.insert(windows.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(count));
    }
    return windows;
  }

  static std::vector<CarriedWindow> unsaved(WindowTable *table, std::uint64_t now_ms, std::int64_t epoch = 1) {
    CarryWanted wanted;
    wanted.min_window_s = 3600;
    wanted.unsaved = true;
    wanted.epoch = epoch;
    return all(table, now_ms, wanted);
  }

  static void expect_equal(const WindowState &a, const WindowState &b) {
    EXPECT_EQ(a.admitted, b.admitted);
    EXPECT_EQ(a.remaining, b.remaining);
    EXPECT_EQ(a.retry_ms, b.retry_ms);
    EXPECT_EQ(a.overflow, b.overflow);
  }

  SharedMemory memory_;
  WindowTable *table_;
};

// Whatever a table says of a window, now or later, a table of another size says after a copy.
TEST_F(WindowCarry, ACopySaysTheSame) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    SharedMemory from(kBytes);
    SharedMemory to(kBytes * static_cast<std::size_t>(1 + round % 3));
    WindowTable *old_table = WindowTable::create(from.data(), from.size());
    WindowTable *new_table = WindowTable::create(to.data(), to.size());
    std::vector<Charge> charges;
    for (std::uint64_t name = 0; name < 40; ++name) {
      charges.push_back(charge_of(name, static_cast<std::uint32_t>(1 + random() % 9),
                                  static_cast<std::uint32_t>(1 + random() % 5), name % 2 == 1));
    }
    std::uint64_t now_ms = kStart;
    for (int step = 0; step < 300; ++step) {
      old_table->charge(charges[random() % charges.size()], now_ms);
      now_ms += random() % 100;
    }
    EXPECT_EQ(new_table->copy_from(old_table, now_ms), 0U);
    for (std::uint64_t later_ms = 0; later_ms < 12'000; later_ms += 97) {
      for (const Charge &charge : charges) {
        expect_equal(old_table->look(charge, now_ms + later_ms), new_table->look(charge, now_ms + later_ms));
      }
    }
  }
}

TEST_F(WindowCarry, CopiesTheOverflowWindow) {
  SharedMemory small(16 * 1024);
  WindowTable *full = WindowTable::create(small.data(), small.size());
  ASSERT_NE(full, nullptr);
  std::uint64_t name = 0;
  while (!full->charge(charge_of(name, 1, 3600), kStart).overflow) {
    ++name;
  }
  EXPECT_EQ(admitted(full, charge_of(name, 1, 3600), kStart, 20), 9);
  EXPECT_EQ(table_->copy_from(full, kStart + 1), 0U);
  EXPECT_EQ(table_->stats(kStart + 1).overflows, full->stats(kStart + 1).overflows);
  std::size_t overflows = 0;
  for (const CarriedWindow &window : all(table_, kStart + 1)) {
    overflows += window.overflow ? 1U : 0U;
    EXPECT_EQ(window.count, window.overflow ? 10U : 1U);
  }
  EXPECT_EQ(overflows, 1U);
}

// "A changed zone size copies what fits": those that last go first.
TEST_F(WindowCarry, CopiesWhatFitsIntoASmallerTable) {
  for (std::uint64_t name = 0; name < 5000; ++name) {
    table_->charge(charge_of(name, 2, name % 100 == 0 ? 3600 : 60), kStart);
  }
  SharedMemory small(64 * 1024);
  WindowTable *smaller = WindowTable::create(small.data(), small.size());
  const std::uint64_t lost = smaller->copy_from(table_, kStart + 1);
  const std::uint64_t kept = smaller->stats(kStart + 1).open;
  EXPECT_EQ(lost + kept, 5000U);
  EXPECT_GT(kept, smaller->stats(kStart + 1).slots * 9 / 10);
  for (std::uint64_t name = 0; name < 5000; name += 100) {
    EXPECT_EQ(smaller->look(charge_of(name, 2, 3600), kStart + 1).remaining, 1U) << name;
  }
}

TEST_F(WindowCarry, TakingInTwiceIsAsGoodAsOnce) {
  EXPECT_EQ(admitted(table_, charge_of(1, 5, 3600), kStart, 3), 3);
  EXPECT_EQ(admitted(table_, charge_of(2, 5, 3600, true), kStart, 3), 3);
  const std::vector<CarriedWindow> windows = all(table_, kStart + kHour / 2);
  ASSERT_EQ(windows.size(), 2U);
  SharedMemory memory(kBytes);
  WindowTable *other = WindowTable::create(memory.data(), memory.size());
  for (int times = 0; times < 3; ++times) {
    for (const CarriedWindow &window : windows) {
      EXPECT_TRUE(other->take_in(window, kStart + kHour / 2 + static_cast<std::uint64_t>(times)));
    }
    EXPECT_EQ(other->look(charge_of(1, 5, 3600), kStart + kHour / 2).remaining, 2U);
    EXPECT_EQ(other->look(charge_of(2, 5, 3600, true), kStart + kHour / 2).remaining, 2U);
  }
  EXPECT_EQ(other->stats(kStart + kHour / 2).open, 2U);
  // What was charged since stands, where it is more.
  EXPECT_EQ(admitted(other, charge_of(1, 5, 3600), kStart + kHour / 2, 9), 2);
  EXPECT_TRUE(other->take_in(windows[0], kStart + kHour / 2));
  EXPECT_TRUE(other->take_in(windows[1], kStart + kHour / 2));
  EXPECT_EQ(other->look(charge_of(1, 5, 3600), kStart + kHour / 2).remaining, 0U);
  // And where it is less, what is taken in.
  EXPECT_EQ(admitted(table_, charge_of(2, 5, 3600, true), kStart + 1, 9), 2);
  EXPECT_EQ(other->copy_from(table_, kStart + kHour / 2), 0U);
  EXPECT_FALSE(other->charge(charge_of(2, 5, 3600, true), kStart + kHour / 2).admitted);
}

// Wherever an end is said to lie, a window is at most one length ahead, and what has ended is gone.
TEST_F(WindowCarry, AreTakenInAtMostOneLengthAhead) {
  CarriedWindow window;
  window.window_s = 3600;
  window.count = 5;
  const std::int64_t length = static_cast<std::int64_t>(kHour);
  for (const bool sliding : {false, true}) {
    for (const std::int64_t ahead :
         {length - 1, length, length + 1, 2 * length, 1000 * length, std::int64_t{1} << 50}) {
      SharedMemory memory(kBytes);
      WindowTable *table = WindowTable::create(memory.data(), memory.size());
      const Charge charge = charge_of(1, 5, 3600, sliding);
      std::memcpy(&window.tag, charge.name.data(), sizeof(window.tag));
      window.sliding = sliding;
      window.before = sliding ? 5 : 0;
      window.ahead_ms = ahead;
      window.before_ahead_ms = ahead - length;
      ASSERT_TRUE(table->take_in(window, kStart));
      const WindowState state = table->look(charge, kStart);
      EXPECT_FALSE(state.admitted);
      EXPECT_EQ(state.reset_ms, static_cast<std::uint64_t>(std::min(ahead, length)));
      EXPECT_TRUE(table->look(charge, kStart + 2 * kHour).admitted);
      EXPECT_EQ(table->look(charge, kStart + kHour).admitted, !sliding);
    }
    for (const std::int64_t ahead : {-2 * length, -length, -(std::int64_t{1} << 50)}) {
      window.ahead_ms = ahead;
      window.before_ahead_ms = ahead - length;
      ASSERT_TRUE(table_->take_in(window, kStart));
      EXPECT_EQ(table_->stats(kStart).open, 0U);
    }
  }
  window.sliding = false;
  window.ahead_ms = 0;
  ASSERT_TRUE(table_->take_in(window, kStart));
  EXPECT_EQ(table_->stats(kStart).open, 0U);
}

// The machine may have started a minute ago: the window before ended, by this clock, before it was 0.
TEST_F(WindowCarry, AreTakenInSoonAfterTheClocksZero) {
  CarriedWindow window;
  const Charge charge = charge_of(1, 10, 3600, true);
  std::memcpy(&window.tag, charge.name.data(), sizeof(window.tag));
  window.window_s = 3600;
  window.sliding = true;
  window.count = 2;
  window.before = 10;
  window.ahead_ms = static_cast<std::int64_t>(kHour / 2);
  window.before_ahead_ms = -static_cast<std::int64_t>(kHour / 2);
  ASSERT_TRUE(table_->take_in(window, 5));
  EXPECT_EQ(table_->look(charge, 5).remaining, 3U);  // 10 - 2 - half of 10
}

TEST_F(WindowCarry, TellsWhatHasChanged) {
  table_->charge(charge_of(1, 5, 3600), kStart);
  table_->charge(charge_of(2, 5, 7200, true), kStart);
  table_->charge(charge_of(3, 5, 3599), kStart);
  std::vector<CarriedWindow> windows = unsaved(table_, kStart);
  ASSERT_EQ(windows.size(), 2U);
  EXPECT_EQ(unsaved(table_, kStart).size(), 2U);
  table_->note_saved(windows.data(), windows.size());
  EXPECT_TRUE(unsaved(table_, kStart + 1000).empty());
  EXPECT_EQ(unsaved(table_, kStart, 2).size(), 2U);  // another epoch

  const WindowState charged = table_->charge(charge_of(1, 5, 3600), kStart + 1);
  windows = unsaved(table_, kStart + 2);
  ASSERT_EQ(windows.size(), 1U);
  EXPECT_EQ(windows[0].count, 2U);
  EXPECT_EQ(windows[0].ahead_ms, static_cast<std::int64_t>(kHour) - 2);
  // Between looking and noting it is charged again: that isn't saved.
  table_->charge(charge_of(1, 5, 3600), kStart + 3);
  table_->note_saved(windows.data(), windows.size());
  ASSERT_EQ(unsaved(table_, kStart + 4).size(), 1U);

  table_->give_back(charge_of(1, 5, 3600), charged.charged_ms, kStart + 5);
  windows = unsaved(table_, kStart + 5);
  ASSERT_EQ(windows.size(), 0U) << "two again, as it was saved";
  table_->give_back(charge_of(1, 5, 3600), charged.charged_ms, kStart + 5);
  table_->give_back(charge_of(1, 5, 3600), charged.charged_ms, kStart + 5);
  windows = unsaved(table_, kStart + 5);
  ASSERT_EQ(windows.size(), 1U) << "what was saved must not stay";
  EXPECT_EQ(windows[0].count, 0U);

  CarriedWindow window;
  EXPECT_TRUE(table_->find_open(windows[0].tag, false, kStart + 5, &window));
  EXPECT_FALSE(table_->find_open(windows[0].tag, true, kStart + 5, &window));
  EXPECT_FALSE(table_->find_open(windows[0].tag, false, kStart + kHour, &window));
}

// Three processes charge while the table is walked and copied: no count is above what was charged, none goes down, and
// in the end all are exact.
TEST_F(WindowCarry, WalksWhileOthersCharge) {
  constexpr std::uint32_t kLimit = 100'000;
  constexpr int kProcesses = 3, kNames = 50, kRounds = 4000;
  test::Shared<std::atomic<int>> running;
  *running = kProcesses;
  std::array<pid_t, kProcesses> children{};
  for (pid_t &child : children) {
    child = test::spawn([&] {
      for (int i = 0; i < kRounds; ++i) {
        // Windows of a second come and go around those of an hour.
        table_->charge(charge_of(static_cast<std::uint64_t>(1000 + i), 5, 1),
                       kStart + static_cast<std::uint64_t>(i) * 10);
        for (std::uint64_t name = 0; name < kNames; ++name) {
          table_->charge(charge_of(name, kLimit, 7200, name % 2 == 1), kStart + static_cast<std::uint64_t>(i) * 10);
        }
      }
      --*running;
    });
  }
  std::map<std::uint64_t, std::uint32_t> seen;
  CarryWanted wanted;
  wanted.min_window_s = 3600;
  bool last = false;
  do {
    last = *running == 0;
    const std::vector<CarriedWindow> windows = all(table_, kStart, wanted);
    for (const CarriedWindow &window : windows) {
      EXPECT_LE(window.count, static_cast<std::uint32_t>(kProcesses * kRounds));
      EXPECT_GE(window.count, seen[window.tag]);
      EXPECT_EQ(window.window_s, 7200U);
      seen[window.tag] = window.count;
    }
    SharedMemory memory(kBytes / 2);
    WindowTable *copy = WindowTable::create(memory.data(), memory.size());
    copy->copy_from(table_, kStart);
    for (const CarriedWindow &window : all(copy, kStart, wanted)) {
      EXPECT_GE(window.count, seen[window.tag]);
    }
  } while (!last);
  for (const pid_t child : children) {
    EXPECT_TRUE(test::ended_well(child));
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kNames));
  for (const auto &[tag, count] : seen) {
    EXPECT_EQ(count, static_cast<std::uint32_t>(kProcesses * kRounds)) << tag;
  }
}

// Late, as the store couldn't be read before: with requests under way, nothing is admitted beyond the limit.
TEST_F(WindowCarry, AreTakenInWhileOthersCharge) {
  constexpr int kProcesses = 3;
  for (int round = 0; round < 50; ++round) {
    SharedMemory memory(kBytes);
    WindowTable *table = WindowTable::create(memory.data(), memory.size());
    const Charge charge = charge_of(1, 1000, 3600);
    CarriedWindow window;
    std::memcpy(&window.tag, charge.name.data(), sizeof(window.tag));
    window.window_s = 3600;
    window.count = 900;
    window.ahead_ms = static_cast<std::int64_t>(kHour / 2);
    test::Shared<std::atomic<int>> taken;
    std::array<pid_t, kProcesses> children{};
    for (pid_t &child : children) {
      child = test::spawn([&] {
        for (int i = 0; i < 1000; ++i) {
          *taken += table->charge(charge, kStart).admitted ? 1 : 0;
        }
      });
    }
    EXPECT_TRUE(table->take_in(window, kStart));
    for (const pid_t child : children) {
      EXPECT_TRUE(test::ended_well(child));
    }
    EXPECT_LE(*taken, 1000);
    EXPECT_EQ(table->look(charge, kStart).remaining, 0U);
    EXPECT_EQ(table->stats(kStart).open, 1U);
  }
}

// Killed anywhere while it takes a window in. The window is there, or it isn't; the next one goes on.
TEST_F(WindowCarry, AKillWhileTakingInDoesNoHarm) {
  if (!test::kCanStep) {
    GTEST_SKIP();
  }
  SharedMemory memory(std::size_t{16} * 1024);
  WindowTable *table = WindowTable::create(memory.data(), memory.size());
  // Closed windows all around, one of them the newcomer's own; an open one of somebody else's.
  for (std::uint64_t name = 0; name < 100; ++name) {
    table->charge(charge_of(name, 5, 1), kStart);
  }
  const std::uint64_t now_ms = kStart + 5000;
  EXPECT_EQ(admitted(table, charge_of(200, 5, 60), now_ms, 9), 5);
  for (const std::uint64_t name : {std::uint64_t{1}, std::uint64_t{300}}) {
    for (const bool sliding : {false, true}) {
      CarriedWindow window;
      const Charge charge = charge_of(name, 5, 3600, sliding);
      std::memcpy(&window.tag, charge.name.data(), sizeof(window.tag));
      window.window_s = 3600;
      window.sliding = sliding;
      window.count = 4;
      window.before = sliding ? 5 : 0;
      window.ahead_ms = static_cast<std::int64_t>(kHour) - 1000;
      window.before_ahead_ms = -1000;
      const std::size_t moments = test::kill_at_every_store(
          &memory, [&] { table->take_in(window, now_ms); },
          [&] {
            EXPECT_FALSE(table->charge(charge_of(200, 5, 60), now_ms).admitted);
            EXPECT_TRUE(table->take_in(window, now_ms));
            EXPECT_EQ(admitted(table, charge, now_ms, 5), sliding ? 0 : 1);
            EXPECT_EQ(table->stats(now_ms).open, 2U);
          });
      EXPECT_GT(moments, 3U);
    }
  }
}

}  // namespace
}  // namespace keyward
