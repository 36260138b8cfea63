#include "limit/windows.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "shared_memory.hpp"

namespace keyward {
namespace {

using test::SharedMemory;

constexpr std::uint64_t kStart = 1'000'003;  // of no round number
constexpr std::uint64_t kMinute = 60'000;

Charge charge_of(std::uint64_t name, std::uint32_t count = 5, std::uint32_t window_s = 60) {
  Charge charge;
  charge.name = test::name_of(name);
  charge.limit_name = 7;
  charge.rate = {count, window_s};
  return charge;
}

Charge sliding_of(std::uint64_t name, std::uint32_t count, std::uint32_t window_s) {
  Charge charge = charge_of(name, count, window_s);
  charge.sliding = true;
  return charge;
}

class Windows : public testing::Test {
 protected:
  explicit Windows(std::size_t bytes = std::size_t{256} * 1024) : memory_(bytes) {
    table_ = WindowTable::create(memory_.data(), memory_.size());
  }

  // How many of `tries` charges are admitted.
  int admitted(const Charge &charge, std::uint64_t now_ms, int tries) {
    int count = 0;
    for (int i = 0; i < tries; ++i) {
      count += table_->charge(charge, now_ms).admitted ? 1 : 0;
    }
    return count;
  }

  SharedMemory memory_;
  WindowTable *table_ = nullptr;
};

TEST_F(Windows, AreAdoptedOnlyAsWhatTheyAre) {
  ASSERT_NE(table_, nullptr);
  EXPECT_EQ(admitted(charge_of(1), kStart, 3), 3);
  WindowTable *adopted = WindowTable::adopt(memory_.data(), memory_.size());
  ASSERT_NE(adopted, nullptr);
  EXPECT_EQ(adopted->look(charge_of(1), kStart).remaining, 2U);

  EXPECT_EQ(WindowTable::adopt(memory_.data(), memory_.size() - 64), nullptr);
  SharedMemory zeroes(memory_.size());
  EXPECT_EQ(WindowTable::adopt(zeroes.data(), zeroes.size()), nullptr);
  EXPECT_EQ(WindowTable::create(zeroes.data(), 4096), nullptr);
}

TEST_F(Windows, AdmitTheLimitAndTellTheRest) {
  const Charge charge = charge_of(1);
  WindowState state = table_->look(charge, kStart);
  EXPECT_TRUE(state.admitted);
  EXPECT_EQ(state.remaining, 5U);
  EXPECT_EQ(state.reset_ms, kMinute);

  for (std::uint32_t i = 0; i < 5; ++i) {
    state = table_->charge(charge, kStart + i);
    EXPECT_TRUE(state.admitted);
    EXPECT_EQ(state.limit, 5U);
    EXPECT_EQ(state.remaining, 4 - i);
    EXPECT_EQ(state.reset_ms, kMinute - i);
    EXPECT_EQ(state.retry_ms, 0U);
    EXPECT_EQ(state.charged_ms, kStart + i);
  }
  state = table_->charge(charge, kStart + 10'000);
  EXPECT_FALSE(state.admitted);
  EXPECT_FALSE(state.overflow);
  EXPECT_EQ(state.remaining, 0U);
  EXPECT_EQ(state.reset_ms, 50'000U);
  EXPECT_EQ(state.retry_ms, 50'000U);
  EXPECT_FALSE(table_->look(charge, kStart + 10'000).admitted);
}

TEST_F(Windows, ReopenAtTheVeryMillisecondAfterTheirEnd) {
  const Charge charge = charge_of(1);
  std::uint64_t now_ms = kStart;
  for (int window = 0; window < 20; ++window) {
    EXPECT_EQ(admitted(charge, now_ms, 9), 5);
    EXPECT_EQ(admitted(charge, now_ms + kMinute - 1, 9), 0);
    now_ms += kMinute;
  }
  now_ms += 400 * kMinute;
  EXPECT_EQ(table_->look(charge, now_ms).remaining, 5U);
  EXPECT_EQ(admitted(charge, now_ms, 9), 5);
}

TEST_F(Windows, CostsCountWholeOrNotAtAll) {
  Charge charge = charge_of(1, 10);
  charge.cost = 4;
  EXPECT_TRUE(table_->charge(charge, kStart).admitted);
  EXPECT_TRUE(table_->charge(charge, kStart).admitted);
  const WindowState state = table_->charge(charge, kStart);
  EXPECT_FALSE(state.admitted);
  EXPECT_EQ(state.remaining, 2U);

  charge.cost = 11;
  EXPECT_FALSE(table_->charge(charge, kStart).admitted);
  EXPECT_EQ(table_->charge(charge, kStart + 1000).retry_ms, kMinute - 1000);
  charge.cost = ~0U;
  EXPECT_FALSE(table_->charge(charge, kStart + 1000).admitted);
  charge.cost = 0;
  EXPECT_TRUE(table_->charge(charge, kStart + 1000).admitted);
  EXPECT_EQ(table_->look(charge, kStart + 1000).remaining, 2U);
  EXPECT_EQ(table_->stats(kStart + 1000).open, 1U);
}

TEST_F(Windows, HoldTheGreatestRate) {
  Charge charge = charge_of(1, kMaxRateCount, kMaxWindowSeconds);
  charge.cost = kMaxRateCount;
  EXPECT_TRUE(table_->charge(charge, kStart).admitted);
  charge.cost = 1;
  const std::uint64_t length_ms = std::uint64_t{kMaxWindowSeconds} * 1000;
  EXPECT_EQ(table_->charge(charge, kStart + 1).reset_ms, length_ms - 1);
  EXPECT_FALSE(table_->charge(charge, kStart + length_ms - 1).admitted);
  EXPECT_TRUE(table_->charge(charge, kStart + length_ms).admitted);

  Charge sliding = sliding_of(2, kMaxRateCount, kMaxWindowSeconds);
  sliding.cost = kMaxRateCount;
  EXPECT_TRUE(table_->charge(sliding, kStart + length_ms).admitted);
  sliding.cost = 1;
  EXPECT_FALSE(table_->charge(sliding, kStart + 2 * length_ms).admitted);
  EXPECT_TRUE(table_->charge(sliding, kStart + 2 * length_ms + 1000).admitted);
}

// Ends are told apart over 397 days; what closed longer ago is still closed.
TEST_F(Windows, StayClosed) {
  const std::uint64_t day = 24 * 60 * kMinute;
  for (std::uint64_t days = 1; days < 1000; days += 7) {
    const std::uint64_t now_ms = kStart + days * days / 2 * day;
    EXPECT_EQ(admitted(charge_of(days % 2), now_ms, 9), 5) << days;
    EXPECT_EQ(admitted(sliding_of(2 + days % 2, 5, 60), now_ms, 9), 5) << days;
    EXPECT_EQ(table_->stats(now_ms + 1000).open, 2U) << days;
  }
}

// Ends are kept modulo 2^36 ms, 2.2 years.
TEST_F(Windows, SurviveYears) {
  const std::uint64_t year = 365 * 24 * 60 * kMinute;
  for (std::uint64_t years = 0; years < 60; years += 3) {
    const std::uint64_t now_ms = kStart + years * year / 5;
    EXPECT_EQ(admitted(charge_of(1), now_ms, 9), 5) << years;
    EXPECT_EQ(admitted(charge_of(1), now_ms + kMinute - 1, 9), 0) << years;
    EXPECT_EQ(admitted(sliding_of(2, 5, 60), now_ms, 9), 5) << years;
    EXPECT_EQ(table_->stats(now_ms).open, 2U);
  }
}

TEST_F(Windows, AShorterRateCutsALongerWindow) {
  EXPECT_EQ(admitted(charge_of(1, 5, 86'400), kStart, 9), 5);
  const std::uint64_t now_ms = kStart + 1000;
  EXPECT_EQ(table_->look(charge_of(1), now_ms).reset_ms, kMinute);
  const WindowState state = table_->charge(charge_of(1), now_ms);  // refused, and cut all the same
  EXPECT_FALSE(state.admitted);
  EXPECT_EQ(state.reset_ms, kMinute);
  EXPECT_EQ(table_->charge(charge_of(1), now_ms + 1000).reset_ms, kMinute - 1000);
  EXPECT_EQ(admitted(charge_of(1), now_ms + kMinute - 1, 9), 0);
  EXPECT_EQ(admitted(charge_of(1), now_ms + kMinute, 9), 5);

  EXPECT_EQ(admitted(charge_of(2, 5, 86'400), kStart, 2), 2);
  EXPECT_EQ(admitted(charge_of(2), now_ms, 9), 3);  // admitted, and cut
  EXPECT_EQ(table_->look(charge_of(2), now_ms).reset_ms, kMinute);
}

TEST_F(Windows, ALongerRateWaitsForTheNextWindow) {
  EXPECT_EQ(admitted(charge_of(1), kStart, 9), 5);
  EXPECT_EQ(admitted(charge_of(1, 5, 3600), kStart + 1000, 9), 0);
  EXPECT_EQ(admitted(charge_of(1, 5, 3600), kStart + kMinute, 9), 5);
  EXPECT_EQ(admitted(charge_of(1, 5, 3600), kStart + 60 * kMinute, 9), 0);
  EXPECT_EQ(admitted(charge_of(1, 5, 3600), kStart + 61 * kMinute, 9), 5);
}

TEST_F(Windows, ARateThatChangedKeepsTheCount) {
  EXPECT_EQ(admitted(charge_of(1, 5), kStart, 4), 4);
  EXPECT_EQ(admitted(charge_of(1, 8), kStart, 9), 4);
  const WindowState state = table_->charge(charge_of(1, 3), kStart);
  EXPECT_FALSE(state.admitted);
  EXPECT_EQ(state.remaining, 0U);
}

TEST_F(Windows, GiveBackOnlyToTheSameWindow) {
  const Charge charge = charge_of(1);
  EXPECT_EQ(admitted(charge, kStart, 5), 5);
  table_->give_back(charge, kStart, kStart + 10);
  EXPECT_EQ(admitted(charge, kStart + 10, 9), 1);

  // A charge of the window's last moment, given back when the next window is open.
  EXPECT_EQ(admitted(charge, kStart + kMinute, 5), 5);
  table_->give_back(charge, kStart + kMinute - 1, kStart + kMinute);
  EXPECT_EQ(admitted(charge, kStart + kMinute, 9), 0);
  table_->give_back(charge, kStart + kMinute, kStart + kMinute);
  EXPECT_EQ(admitted(charge, kStart + kMinute, 9), 1);
  table_->give_back(charge_of(2), kStart, kStart);  // never charged
}

TEST_F(Windows, GiveBackNothingWhoseLengthChanged) {
  EXPECT_EQ(admitted(charge_of(1, 5, 3600), kStart, 5), 5);
  table_->give_back(charge_of(1, 5, 60), kStart, kStart);
  EXPECT_EQ(admitted(charge_of(1, 5, 3600), kStart, 1), 0);
}

TEST_F(Windows, AWindowThatIsGivenBackWholeOpensAnew) {
  const Charge charge = charge_of(1);
  const WindowState state = table_->charge(charge, kStart);
  table_->give_back(charge, state.charged_ms, kStart);
  EXPECT_EQ(table_->stats(kStart).open, 0U);
  EXPECT_EQ(table_->look(charge, kStart + 30'000).reset_ms, kMinute);
  EXPECT_EQ(table_->charge(charge, kStart + 30'000).reset_ms, kMinute);
}

// As far as the clock is of this table: nginx gives it monotonic milliseconds, which no step of the wall clock moves
// (t/e2e/test_clock.py), and which differ a little from process to process.
TEST_F(Windows, AClockThatIsBehindChangesNothing) {
  const Charge charge = charge_of(1);
  EXPECT_EQ(admitted(charge, kStart, 5), 5);
  EXPECT_EQ(admitted(charge, kStart - 7, 9), 0);
  EXPECT_EQ(admitted(charge, kStart + kMinute, 5), 5);
  for (const std::uint64_t behind : {1U, 9U, 10U, 11U, 500U, 1'000'000U}) {
    const WindowState state = table_->charge(charge, kStart + kMinute - behind);
    EXPECT_FALSE(state.admitted) << behind;
    EXPECT_LE(state.reset_ms, kMinute) << behind;
    EXPECT_LE(state.retry_ms, kMinute) << behind;
  }
  // What a process whose clock is behind opens isn't closed early for the others.
  EXPECT_EQ(admitted(charge_of(2), kStart, 5), 5);
  EXPECT_EQ(admitted(charge_of(2), kStart + kMinute + kMinute - 11, 9), 0);
  // And what it was charged it can give back.
  const WindowState state = table_->charge(charge_of(3), kStart + 2 * kMinute);
  const WindowState late = table_->charge(charge_of(3), kStart + 2 * kMinute - 3);
  EXPECT_TRUE(state.admitted && late.admitted);
  table_->give_back(charge_of(3), late.charged_ms, kStart + 2 * kMinute - 3);
  EXPECT_EQ(table_->look(charge_of(3), kStart + 2 * kMinute).remaining, 4U);
}

// ---- Against independent models -------------------------------------------------------------------------------------

struct FixedModel {
  std::uint64_t end_ms = 0;
  std::uint32_t used = 0;

  bool charge(std::uint64_t now_ms, std::uint64_t length_ms, std::uint32_t limit, std::uint32_t cost) {
    if (now_ms >= end_ms || used == 0) {
      if (cost > limit) {
        return false;
      }
      end_ms = now_ms + length_ms;
      used = 0;
    }
    if (used + cost > limit) {
      return false;
    }
    used += cost;
    return true;
  }
};

TEST_F(Windows, FixedOnesFollowAModel) {
  std::mt19937_64 random(1);
  std::map<std::uint64_t, FixedModel> models;
  std::uint64_t now_ms = kStart;
  for (int i = 0; i < 300'000; ++i) {
    now_ms += random() % 30;
    const std::uint64_t name = random() % 40;
    Charge charge = charge_of(name, 1 + static_cast<std::uint32_t>(name) * 3, 1 + static_cast<std::uint32_t>(name) % 4);
    charge.cost = 1 + static_cast<std::uint32_t>(random() % 3);
    FixedModel &model = models[name];
    const FixedModel before = model;
    const bool expected = model.charge(now_ms, charge.rate.window_s * 1000, charge.rate.count, charge.cost);
    ASSERT_EQ(table_->look(charge, now_ms).admitted, expected) << i;
    const WindowState state = table_->charge(charge, now_ms);
    ASSERT_EQ(state.admitted, expected) << i;
    if (expected) {
      ASSERT_EQ(state.remaining, charge.rate.count - model.used);
      ASSERT_EQ(state.reset_ms, model.end_ms - now_ms);
    } else if (charge.cost <= charge.rate.count) {
      ASSERT_EQ(state.retry_ms, before.end_ms - now_ms);
    }
    if (expected && random() % 4 == 0) {
      table_->give_back(charge, state.charged_ms, now_ms);
      model.used -= charge.cost;
    }
  }
}

// All admitted charges, each weighed anew at each question.
struct SlidingModel {
  std::map<std::uint64_t, std::uint64_t> windows;  // counts by start

  // The start of the window at now: that of the last one, rolled on, or now.
  std::uint64_t start_at(std::uint64_t now_ms, std::uint64_t length_ms) const {
    if (windows.empty() || now_ms >= windows.rbegin()->first + 2 * length_ms) {
      return now_ms;
    }
    const std::uint64_t last = windows.rbegin()->first;
    return now_ms < last + length_ms ? last : last + length_ms;
  }

  bool charge(std::uint64_t now_ms, std::uint64_t length_ms, std::uint64_t limit, std::uint64_t cost, bool keep) {
    const std::uint64_t start = start_at(now_ms, length_ms);
    const auto current = windows.find(start);
    const auto before = start < length_ms ? windows.end() : windows.find(start - length_ms);
    const std::uint64_t used = current == windows.end() ? 0 : current->second;
    const long double part = static_cast<long double>(start + length_ms - now_ms) / static_cast<long double>(length_ms);
    const long double weighed = before == windows.end() ? 0 : static_cast<long double>(before->second) * part;
    // Half of what one millisecond of one charge can weigh, for the rounding of the division.
    const long double rounding = 0.5L / static_cast<long double>(length_ms);
    if (weighed + static_cast<long double>(used + cost) > static_cast<long double>(limit) + rounding) {
      return false;
    }
    if (keep) {
      windows[start] += cost;
    }
    return true;
  }
};

TEST_F(Windows, SlidingOnesFollowAModel) {
  std::mt19937_64 random(2);
  std::map<std::uint64_t, SlidingModel> models;
  std::uint64_t now_ms = kStart;
  for (int i = 0; i < 200'000; ++i) {
    now_ms += random() % 1000 == 0 ? random() % 20'000 : random() % 30;
    const std::uint64_t name = random() % 20;
    const std::uint32_t window_s = 1 + static_cast<std::uint32_t>(name) % 4;
    Charge charge = sliding_of(name, 3 + static_cast<std::uint32_t>(name) * 4, window_s);
    charge.cost = 1 + static_cast<std::uint32_t>(random() % 3);
    SlidingModel &model = models[name];
    const bool expected = model.charge(now_ms, window_s * 1000, charge.rate.count, charge.cost, true);
    ASSERT_EQ(table_->look(charge, now_ms).admitted, expected) << i;
    const WindowState state = table_->charge(charge, now_ms);
    ASSERT_EQ(state.admitted, expected) << i;
    ASSERT_LE(state.reset_ms, window_s * 1000);
    if (!expected) {  // the retry time is exact: not a millisecond before
      ASSERT_GT(state.retry_ms, 0U);
      EXPECT_TRUE(model.charge(now_ms + state.retry_ms, window_s * 1000, charge.rate.count, charge.cost, false)) << i;
      EXPECT_FALSE(model.charge(now_ms + state.retry_ms - 1, window_s * 1000, charge.rate.count, charge.cost, false))
          << i;
    }
    while (model.windows.size() > 3) {
      model.windows.erase(model.windows.begin());
    }
  }
}

TEST_F(Windows, SlidingOnesWeighTheWindowBefore) {
  const Charge charge = sliding_of(1, 100, 60);
  EXPECT_EQ(admitted(charge, kStart, 200), 100);
  EXPECT_EQ(admitted(charge, kStart + kMinute, 200), 0);
  WindowState state = table_->charge(charge, kStart + kMinute);
  EXPECT_EQ(state.retry_ms, 600U);
  EXPECT_EQ(admitted(charge, kStart + kMinute + 599, 200), 0);
  EXPECT_EQ(admitted(charge, kStart + kMinute + 600, 200), 1);
  EXPECT_EQ(admitted(charge, kStart + kMinute + 30'000, 200), 49);
  EXPECT_EQ(admitted(charge, kStart + 2 * kMinute, 200), 50);
  // After a whole length without use it begins anew.
  EXPECT_EQ(admitted(charge, kStart + 4 * kMinute, 200), 100);
}

TEST_F(Windows, FixedAndSlidingMayFollowEachOther) {
  EXPECT_EQ(admitted(charge_of(1, 10), kStart, 20), 10);
  EXPECT_EQ(admitted(sliding_of(1, 10, 60), kStart + 1000, 20), 0);
  EXPECT_EQ(admitted(sliding_of(1, 10, 60), kStart + kMinute + 30'000, 20), 5);  // the fixed one before weighs
  EXPECT_EQ(admitted(charge_of(1, 10), kStart + kMinute + 31'000, 20), 5);
  EXPECT_EQ(admitted(charge_of(1, 10), kStart + 2 * kMinute, 20), 10);
}

// ---- Room -----------------------------------------------------------------------------------------------------------

class FullWindows : public Windows {
 protected:
  FullWindows() : Windows(std::size_t{32} * 1024) {}

  // Charges new names until one overflows; its number.
  std::uint64_t fill(std::uint64_t now_ms) {
    std::uint64_t name = 1000;
    while (!table_->charge(charge_of(name, 5), now_ms).overflow) {
      ++name;
    }
    return name;
  }
};

TEST_F(FullWindows, FillNearlyWhole) {
  const std::uint64_t last = fill(kStart);
  const WindowStats stats = table_->stats(kStart);
  EXPECT_EQ(stats.open, last - 1000);
  EXPECT_EQ(stats.overflows, 1U);
  EXPECT_GT(stats.open * 100, stats.slots * 90);
}

TEST_F(FullWindows, NewcomersShareTenTimesTheRate) {
  const std::uint64_t newcomer = fill(kStart);  // has charged one
  EXPECT_TRUE(table_->look(charge_of(newcomer), kStart).overflow);
  int extra = 1;
  for (std::uint64_t name = 2000; name < 6000; ++name) {
    const WindowState state = table_->charge(charge_of(name), kStart + 1);
    if (state.overflow) {
      EXPECT_EQ(state.limit, 50U);
      extra += state.admitted ? 1 : 0;
    }
  }
  EXPECT_EQ(extra, 50);

  Charge other = charge_of(newcomer);
  other.limit_name = 8;
  EXPECT_TRUE(table_->charge(other, kStart + 1).admitted);  // another limit has its own

  Charge dear = charge_of(newcomer);
  dear.cost = 6;
  dear.limit_name = 9;
  EXPECT_FALSE(table_->charge(dear, kStart + 1).admitted);
  EXPECT_FALSE(table_->look(dear, kStart + 1).admitted);
}

TEST_F(FullWindows, AnOverflowChargeCanBeGivenBack) {
  const Charge newcomer = charge_of(fill(kStart));
  const WindowState state = table_->charge(newcomer, kStart + 5);
  EXPECT_TRUE(state.overflow);
  EXPECT_EQ(state.remaining, 48U);
  table_->give_back(newcomer, state.charged_ms, kStart + 5);
  EXPECT_EQ(table_->look(newcomer, kStart + 5).remaining, 49U);
}

TEST_F(FullWindows, NoOpenWindowIsEvicted) {
  const Charge used_up = charge_of(1);
  EXPECT_EQ(admitted(used_up, kStart, 5), 5);
  for (std::uint64_t name = 1000; name < 1'001'000; ++name) {
    table_->charge(charge_of(name, 1000), kStart + name / 20);
  }
  EXPECT_FALSE(table_->charge(used_up, kStart + kMinute - 1).admitted);
  EXPECT_EQ(table_->charge(used_up, kStart + kMinute - 1).retry_ms, 1U);
}

TEST_F(FullWindows, ASlidingWindowStaysWhileItWeighs) {
  EXPECT_EQ(admitted(sliding_of(1, 100, 60), kStart, 100), 100);
  for (std::uint64_t name = 1000; name < 21'000; ++name) {
    table_->charge(charge_of(name, 1000), kStart + kMinute + 10'000);
  }
  EXPECT_EQ(admitted(sliding_of(1, 100, 60), kStart + kMinute + 30'000, 100), 50);
}

TEST_F(FullWindows, ClosedWindowsMakeRoom) {
  fill(kStart);
  const std::uint64_t later = kStart + kMinute;
  const WindowStats stats = table_->stats(later);
  EXPECT_EQ(stats.open, 0U);
  for (std::uint64_t name = 0; name < stats.slots / 2; ++name) {
    EXPECT_FALSE(table_->charge(charge_of(100'000 + name), later).overflow);
  }
  EXPECT_EQ(table_->stats(later).open, stats.slots / 2);
}

// More limits overflow than the area for that holds: refused, never admitted without counting.
TEST_F(FullWindows, BeyondTheOverflowAreaIsRefused) {
  Charge newcomer = charge_of(fill(kStart));
  int refused = 0;
  for (std::uint64_t limit = 0; limit < 1000; ++limit) {
    newcomer.limit_name = limit;
    refused += table_->charge(newcomer, kStart).admitted ? 0 : 1;
  }
  EXPECT_GE(refused, 1000 - 256);
  EXPECT_LT(refused, 1000 - 200);
}

// ---- Many at once ---------------------------------------------------------------------------------------------------

constexpr int kHammers = 4;

TEST_F(Windows, ThreadsAreAdmittedExactlyTheLimit) {
  const Charge charge = charge_of(1, 1000);
  for (std::uint64_t round = 0; round < 20; ++round) {
    std::atomic<int> total{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < kHammers; ++i) {
      threads.emplace_back([&] { total += admitted(charge, kStart + round * kMinute, 2000); });
    }
    for (std::thread &thread : threads) {
      thread.join();
    }
    EXPECT_EQ(total, 1000) << round;
  }
}

TEST_F(Windows, ThreadsThatOpenTheSameNamesShareTheirWindows) {
  constexpr std::uint64_t kNames = 2000;
  std::vector<std::atomic<int>> counts(kNames);
  for (const bool sliding : {false, true}) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kHammers; ++i) {
      threads.emplace_back([&, i] {
        for (std::uint64_t j = 0; j < kNames * 4; ++j) {
          const std::uint64_t name = (j * 7 + static_cast<std::uint64_t>(i)) % kNames;
          Charge charge = charge_of(name + (sliding ? kNames : 0), 3, 1);
          charge.sliding = sliding;
          counts[name] += table_->charge(charge, kStart).admitted ? 1 : 0;
        }
      });
    }
    for (std::thread &thread : threads) {
      thread.join();
    }
    for (std::atomic<int> &count : counts) {
      EXPECT_EQ(count.exchange(0), 3);
    }
  }
}

TEST_F(Windows, GivingBackUnderLoadLosesNothing) {
  const Charge charge = charge_of(1, 1000);
  std::atomic<int> kept{0};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kHammers; ++i) {
    threads.emplace_back([&, i] {
      std::mt19937 random(i);
      for (int j = 0; j < 20'000; ++j) {
        const WindowState state = table_->charge(charge, kStart);
        if (state.admitted && random() % 2 == 0) {
          table_->give_back(charge, state.charged_ms, kStart);
        } else if (state.admitted) {
          ++kept;
        }
      }
    });
  }
  for (std::thread &thread : threads) {
    thread.join();
  }
  EXPECT_EQ(kept, 1000);
  EXPECT_EQ(table_->look(charge, kStart).remaining, 0U);
}

// Sliding windows that roll on while others charge them: what was admitted, weighed, never exceeds the limit.
TEST_F(Windows, RollingOnUnderLoadAdmitsNoMore) {
  constexpr std::uint32_t kLimit = 50;
  const Charge charge = sliding_of(1, kLimit, 1);
  constexpr std::uint64_t kTimes = 400;
  std::vector<std::atomic<std::uint32_t>> counts(kTimes);
  std::atomic<std::uint64_t> at{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kHammers; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t turn = at++; turn < kTimes * 200; turn = at++) {
        counts[turn / 200] += table_->charge(charge, kStart + turn / 200 * 100).admitted ? 1U : 0U;
      }
    });
  }
  for (std::thread &thread : threads) {
    thread.join();
  }
  // Windows of ten times each, from the first on. A charge may count a little later than its own time said.
  std::uint32_t before = 0;
  std::uint32_t total = 0;
  for (std::uint64_t window = 0; window < kTimes / 10; ++window) {
    std::uint32_t count = 0;
    for (std::uint64_t i = 0; i < 10; ++i) {
      count += counts[window * 10 + i];
      const auto in_view = static_cast<std::uint32_t>(before * (10 - i) / 10);
      EXPECT_LE(count + in_view, kLimit + kHammers) << window << ' ' << i;
    }
    before = count;
    total += count;
  }
  EXPECT_GT(total, kTimes / 10 * kLimit * 8 / 10);
}

TEST_F(Windows, ProcessesAreAdmittedExactlyTheLimit) {
  const Charge charge = charge_of(1, 1000);
  for (std::uint64_t round = 0; round < 20; ++round) {
    test::Shared<std::atomic<int>> total;
    std::array<pid_t, kHammers> children{};
    for (pid_t &child : children) {
      child = test::spawn([&] { *total += admitted(charge, kStart + round * kMinute, 2000); });
    }
    for (const pid_t child : children) {
      EXPECT_TRUE(test::ended_well(child));
    }
    EXPECT_EQ(*total, 1000) << round;
  }
}

// ---- Kills ----------------------------------------------------------------------------------------------------------

TEST_F(FullWindows, AnyKillLeavesATableThatWorks) {
  constexpr std::uint64_t kNames = 400;
  constexpr int kLimit = 20;
  struct Tally {
    std::atomic<std::uint64_t> charges;
    std::atomic<int> admitted[kNames];
  };
  std::mt19937 random(3);
  for (std::uint64_t round = 0; round < 40; ++round) {
    const std::uint64_t now_ms = kStart + round * 500;  // windows of a second: some close, some stay
    test::Shared<Tally> tally;
    std::array<pid_t, kHammers> children{};
    for (std::size_t i = 0; i < children.size(); ++i) {
      children[i] = test::spawn([&, i] {
        std::mt19937_64 own(round * 10 + i);
        for (;;) {
          const std::uint64_t name = own() % kNames;
          // Names that change by the round, so that there is something to reclaim.
          const WindowState state = table_->charge(charge_of(round / 2 * kNames + name, kLimit, 1), now_ms);
          if (state.admitted && !state.overflow) {
            tally->admitted[name]++;
          }
          tally->charges++;
        }
      });
    }
    const std::uint64_t until = 500 + random() % 4000;
    EXPECT_TRUE(test::poll_until([&] { return tally->charges >= until; }));
    for (const pid_t child : children) {
      test::kill_and_reap(child);
    }
    // What a child was admitted and couldn't tally isn't seen here: never more than the limit.
    for (std::uint64_t name = 0; name < kNames; ++name) {
      const Charge charge = charge_of(round / 2 * kNames + name, kLimit, 1);
      int count = tally->admitted[name];
      EXPECT_LE(count, kLimit);
      count += admitted(charge, now_ms, kLimit + 1);
      EXPECT_LE(count, kLimit);
      EXPECT_GE(count, round % 2 == 0 ? kLimit - kHammers : 0);
      EXPECT_FALSE(table_->charge(charge, now_ms).admitted);
    }
  }
}

class KilledWindows : public FullWindows {
 protected:
  // Kills a charge at each of its stores. Afterwards the name may have been charged or not, and everything goes on.
  void kill_and_check(const Charge &charge, std::uint64_t now_ms, int before, int limit) {
    int charged = 0;
    const std::size_t moments = test::kill_at_every_store(
        &memory_, [&] { table_->charge(charge, now_ms); },
        [&] {
          const int rest = admitted(charge, now_ms, limit + 1);
          EXPECT_LE(rest, limit - before);
          EXPECT_GE(rest, limit - before - 1);
          charged += rest == limit - before - 1 ? 1 : 0;
          EXPECT_EQ(admitted(charge_of(77, 3), now_ms, 9), 3);
          EXPECT_EQ(admitted(charge, now_ms, 9), 0);
        });
    EXPECT_EQ(moments > 0, test::kCanStep);
    EXPECT_EQ(charged > 0, test::kCanStep);
  }
};

TEST_F(KilledWindows, WhileOpening) { kill_and_check(charge_of(1), kStart, 0, 5); }

TEST_F(KilledWindows, WhileTakingAnothersSlot) {
  fill(kStart);
  kill_and_check(charge_of(1), kStart + kMinute, 0, 5);
}

TEST_F(KilledWindows, WhileCounting) {
  EXPECT_EQ(admitted(charge_of(1), kStart, 2), 2);
  kill_and_check(charge_of(1), kStart + 5, 2, 5);
}

TEST_F(KilledWindows, WhileReopening) {
  EXPECT_EQ(admitted(charge_of(1), kStart, 5), 5);
  kill_and_check(charge_of(1), kStart + kMinute, 0, 5);
}

TEST_F(KilledWindows, WhileReopeningWithAnotherLength) {
  EXPECT_EQ(admitted(charge_of(1, 5, 30), kStart, 5), 5);
  kill_and_check(charge_of(1), kStart + kMinute, 0, 5);
}

TEST_F(KilledWindows, WhileCutting) {
  EXPECT_EQ(admitted(charge_of(1, 5, 3600), kStart, 2), 2);
  kill_and_check(charge_of(1), kStart + 5, 2, 5);
}

TEST_F(KilledWindows, WhileRollingOn) {
  EXPECT_EQ(admitted(sliding_of(1, 100, 60), kStart, 100), 100);
  kill_and_check(sliding_of(1, 100, 60), kStart + kMinute + 30'000, 50, 100);
}

// A kill in the middle of a roll-over, then a process whose clock is still in the window before.
TEST_F(KilledWindows, WhileRollingOnAheadOfOthers) {
  const Charge charge = sliding_of(1, 10, 60);
  EXPECT_EQ(admitted(charge, kStart, 4), 4);
  EXPECT_EQ(admitted(charge_of(2), kStart + kMinute - 5, 1), 1);  // so near that the table's clock isn't pushed on
  test::kill_at_every_store(
      &memory_, [&] { table_->charge(charge, kStart + kMinute); },
      [&] {
        const int rest = admitted(charge, kStart + kMinute - 1, 20);
        EXPECT_GE(rest, 5);  // the killed one may have been counted
        EXPECT_LE(rest, 6);
      });
}

// ---- One slot, two names --------------------------------------------------------------------------------------------

// Every slot is in use for a day but one, which is for a minute: a newcomer after that takes just that one.
class ContestedWindow : public Windows {
 protected:
  ContestedWindow() : Windows(std::size_t{10} * 1024) {
    EXPECT_EQ(admitted(owner_, kStart, 4), 4);
    for (std::uint64_t name = 1000; name < 2000; ++name) {
      table_->charge(charge_of(name, 1000, 86'400), kStart);
    }
    EXPECT_EQ(table_->stats(kStart).open, table_->stats(kStart).slots);
  }

  // Each of a limit of its own, so that they overflow apart.
  static Charge of_limit(std::uint64_t limit_name, Charge charge) {
    charge.limit_name = limit_name;
    return charge;
  }

  const Charge owner_ = of_limit(1, charge_of(1));
  const Charge newcomer_ = of_limit(2, charge_of(2, 100));
  const std::uint64_t later_ms_ = kStart + kMinute;
};

TEST_F(ContestedWindow, AKillWhileItChangesHandsLeavesItOnes) {
  test::kill_at_every_store(
      &memory_, [&] { table_->charge(newcomer_, later_ms_); },
      [&] {
        const WindowState old = table_->look(owner_, later_ms_);
        EXPECT_TRUE(old.overflow || old.remaining == 5);
        const WindowState state = table_->charge(newcomer_, later_ms_);
        EXPECT_FALSE(state.overflow);
        EXPECT_GE(state.remaining, 98U);
        EXPECT_TRUE(table_->look(owner_, later_ms_).overflow);
      });
}

// The owner's charge is under way when the slot becomes the newcomer's: that isn't charged for it.
TEST_F(ContestedWindow, AChargeOfItsOldOwnerIsNotTheNewOnes) {
  for (const std::uint64_t owners_ms : {later_ms_ - 1, later_ms_}) {
    std::size_t taken = 0;
    test::interleave_before_every_store(
        &memory_, [&] { table_->charge(owner_, owners_ms); },
        [&] {
          taken += table_->charge(newcomer_, later_ms_).overflow ? 0U : 1U;
          return true;
        },
        [&] {
          const WindowState state = table_->look(newcomer_, later_ms_);
          const WindowState owners = table_->look(owner_, later_ms_);
          EXPECT_NE(state.overflow, owners.overflow);
          EXPECT_EQ(state.remaining, state.overflow ? 999U : 99U);
        });
    EXPECT_EQ(taken > 0, test::kCanStep);
  }
}

// The newcomer is about to take the slot when its owner opens it again.
TEST_F(ContestedWindow, AnOwnerThatComesBackKeepsIt) {
  std::size_t kept = 0;
  bool was_kept = false;
  test::interleave_before_every_store(
      &memory_, [&] { table_->charge(newcomer_, later_ms_); },
      [&] {
        // Where the slot is taken already the owner waits for the mutex, which the stopped newcomer holds: enough is
        // seen.
        was_kept = !table_->charge(owner_, later_ms_).overflow && table_->look(owner_, later_ms_).remaining == 4;
        kept += was_kept ? 1U : 0U;
        return was_kept;
      },
      [&] {
        if (was_kept) {
          EXPECT_EQ(table_->look(owner_, later_ms_).remaining, 4U);
          EXPECT_EQ(admitted(owner_, later_ms_, 9), 4);
          EXPECT_TRUE(table_->look(newcomer_, later_ms_).overflow);
        }
      });
  EXPECT_EQ(kept > 0, test::kCanStep);
}

// Two open the same name at once: one slot, both charged.
TEST_F(Windows, TwoThatOpenANameShareIt) {
  bool alone = true;
  test::interleave_before_every_store(
      &memory_, [&] { table_->charge(charge_of(1), kStart); },
      [&] {
        // Where the child holds the mutex, this is refused after a second.
        alone = table_->charge(charge_of(1), kStart).admitted;
        return alone;
      },
      [&] { EXPECT_EQ(table_->look(charge_of(1), kStart).remaining, alone ? 3U : 4U); });
}

TEST_F(Windows, TwoThatReopenOneShareIt) {
  for (const bool sliding : {false, true}) {
    Charge charge = charge_of(sliding ? 1 : 2);
    charge.sliding = sliding;
    EXPECT_EQ(admitted(charge, kStart, 5), 5);
    const std::uint64_t now_ms = kStart + 3 * kMinute;
    bool alone = true;
    test::interleave_before_every_store(
        &memory_, [&] { table_->charge(charge, now_ms); },
        [&] {
          alone = table_->charge(charge, now_ms).admitted;
          return alone;
        },
        [&] { EXPECT_EQ(table_->look(charge, now_ms).remaining, alone ? 3U : 4U); });
  }
}

}  // namespace
}  // namespace keyward
