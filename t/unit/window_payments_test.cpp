// What a request pays in one window on its way through several locations, and when a refused one may come back.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "limit/paid_windows.hpp"
#include "limit/windows.hpp"
#include "shared_memory.hpp"

namespace keyward {
namespace {

using test::SharedMemory;

constexpr std::uint64_t kStart = 1'000'003;
constexpr std::uint64_t kMinute = 60'000;

Charge charge_of(std::uint64_t name, std::uint32_t count, std::uint32_t cost = 1, bool sliding = false,
                 std::uint32_t window_s = 60) {
  Charge charge;
  charge.name = test::name_of(name);
  charge.limit_name = 7;
  charge.rate = {count, window_s};
  charge.cost = cost;
  charge.sliding = sliding;
  return charge;
}

// Requests on their way: each has one of these for each window.
class Payments : public testing::Test {
 protected:
  explicit Payments(std::size_t bytes = std::size_t{256} * 1024) : memory_(bytes) {
    table_ = WindowTable::create(memory_.data(), memory_.size());
  }

  WindowState charge(Charge charge, std::uint64_t now_ms, Payment *paid) {
    charge.paid = *paid;
    const WindowState seen = table_->look(charge, now_ms);
    const WindowState state = table_->charge(charge, now_ms);
    EXPECT_EQ(seen.admitted, state.admitted) << "a look says what the charge does";
    EXPECT_EQ(seen.retry_ms, state.retry_ms);
    if (state.taken != 0) {
      *paid = {state.paid, state.overflow, state.charged_ms};
    }
    return state;
  }

  std::uint32_t left(const Charge &charge, std::uint64_t now_ms) { return table_->look(charge, now_ms).remaining; }

  SharedMemory memory_;
  WindowTable *table_ = nullptr;
};

TEST_F(Payments, ALaterRateHoldsForWhatIsPaidAlready) {
  int admitted = 0;
  for (std::uint32_t i = 1; i <= 10; ++i) {
    Payment paid;
    EXPECT_TRUE(charge(charge_of(1, 600), kStart, &paid).admitted);
    const WindowState state = charge(charge_of(1, 3), kStart, &paid);
    EXPECT_EQ(state.admitted, i <= 3);
    EXPECT_EQ(state.taken, 0U);
    EXPECT_EQ(state.remaining, i <= 3 ? 3 - i : 0);
    admitted += state.admitted ? 1 : 0;
  }
  EXPECT_EQ(admitted, 3);
  EXPECT_EQ(left(charge_of(1, 600), kStart), 590U) << "what was paid before stays paid";
}

TEST_F(Payments, ALaterCostIsPaidAboveWhatIsPaidAlready) {
  Payment paid;
  EXPECT_EQ(charge(charge_of(1, 600), kStart, &paid).taken, 1U);
  const WindowState dear = charge(charge_of(1, 600, 50), kStart, &paid);
  EXPECT_EQ(dear.taken, 49U);
  EXPECT_EQ(dear.paid, 50U);
  EXPECT_EQ(charge(charge_of(1, 600, 20), kStart, &paid).taken, 0U);
  EXPECT_EQ(charge(charge_of(1, 600, 51), kStart, &paid).taken, 1U);
  EXPECT_EQ(left(charge_of(1, 600), kStart), 600U - 51);

  Payment other;
  EXPECT_TRUE(charge(charge_of(1, 600), kStart, &other).admitted);
  EXPECT_FALSE(charge(charge_of(1, 100, 50), kStart, &other).admitted);  // 52, and 49 more
  EXPECT_EQ(other.amount, 1U);
  EXPECT_TRUE(charge(charge_of(1, 101, 50), kStart, &other).admitted);
}

TEST_F(Payments, ACostAboveTheRateIsNeverAdmitted) {
  Payment paid;
  EXPECT_TRUE(charge(charge_of(1, 600, 50), kStart, &paid).admitted);
  EXPECT_FALSE(charge(charge_of(1, 40, 50), kStart, &paid).admitted);
  EXPECT_FALSE(charge(charge_of(1, 40), kStart, &paid).admitted);
  // Nor in the next window, where it would pay the 50 again.
  EXPECT_EQ(charge(charge_of(1, 40), kStart + 10, &paid).retry_ms, kMinute - 10);
}

TEST_F(Payments, WhatWasPaidInAWindowThatHasEndedIsPaidAgain) {
  std::uint64_t now_ms = kStart;
  for (const bool sliding : {false, true}) {
    const std::uint64_t name = sliding ? 1 : 2;
    Payment paid;
    EXPECT_TRUE(charge(charge_of(name, 10, 4, sliding), now_ms, &paid).admitted);
    EXPECT_EQ(charge(charge_of(name, 10, 4, sliding), now_ms + kMinute - 1, &paid).taken, 0U);
    EXPECT_EQ(charge(charge_of(name, 10, 4, sliding), now_ms + kMinute, &paid).taken, 4U);
    EXPECT_EQ(charge(charge_of(name, 10, 5, sliding), now_ms + kMinute, &paid).taken, 1U);
    // A window that others opened meanwhile.
    Payment others;
    const std::uint64_t later_ms = now_ms + 10 * kMinute;
    EXPECT_EQ(charge(charge_of(name, 10, 1, sliding), later_ms, &others).taken, 1U);
    EXPECT_EQ(charge(charge_of(name, 10, 5, sliding), later_ms + 5, &paid).taken, 5U);
    EXPECT_EQ(left(charge_of(name, 10, 1, sliding), later_ms + 5), 4U);
    now_ms = later_ms + 10 * kMinute;
  }
}

TEST_F(Payments, WhatWasGivenBackWholeIsPaidAgain) {
  const Charge one = charge_of(1, 10, 4);
  Payment paid;
  const WindowState state = charge(one, kStart, &paid);
  table_->give_back(one, state.charged_ms, kStart);
  // Nothing lies in the window that could have been paid.
  EXPECT_EQ(charge(one, kStart, &paid).taken, 4U);
}

// After a reload with another window: whether it still is the one that was paid in can't be told until it closes.
TEST_F(Payments, InAWindowOfAnotherLengthOrKindIsPaidAgain) {
  Payment paid;
  EXPECT_TRUE(charge(charge_of(1, 10, 1, false, 3600), kStart, &paid).admitted);
  EXPECT_EQ(charge(charge_of(1, 10), kStart, &paid).taken, 1U);
  EXPECT_EQ(charge(charge_of(1, 10, 1, true), kStart, &paid).taken, 1U);
  EXPECT_EQ(left(charge_of(1, 10), kStart), 7U);
}

class FullPayments : public Payments {
 protected:
  FullPayments() : Payments(std::size_t{32} * 1024) {}
};

TEST_F(FullPayments, AnOverflowWindowKnowsWhatWasPaidThere) {
  std::uint64_t name = 1000;
  while (!table_->charge(charge_of(name, 5), kStart).overflow) {
    ++name;
  }
  Payment paid;
  const WindowState first = charge(charge_of(name, 5), kStart, &paid);
  EXPECT_TRUE(first.overflow && first.admitted);
  EXPECT_TRUE(paid.overflow);
  const WindowState again = charge(charge_of(name, 5, 4), kStart, &paid);
  EXPECT_TRUE(again.overflow && again.admitted);
  EXPECT_EQ(again.taken, 3U);
  EXPECT_EQ(again.remaining, 50U - 1 - 4);
  // What was paid in the shared window is none of a window of its own, nor the other way round.
  Payment own{4, true, kStart};
  EXPECT_EQ(charge(charge_of(1000, 5), kStart, &own).taken, 1U);
  Payment shared{1, false, kStart};
  EXPECT_EQ(charge(charge_of(name, 5), kStart, &shared).taken, 1U);
}

// ---- Against a model, and against the future ------------------------------------------------------------------------

// A window as the rule says it, by its start; one for all that is charged to a name.
struct Model {
  std::uint64_t length_ms;
  bool sliding;
  std::uint64_t start_ms = 0;
  std::uint64_t used = 0, before = 0;

  // To the window at now. Of a fixed one, and of a sliding one that is out of view, a new one begins with a charge.
  void roll(std::uint64_t now_ms) {
    if (used == 0 && before == 0) {
      start_ms = now_ms;
    } else if (now_ms >= start_ms + length_ms) {
      const bool follows = sliding && now_ms < start_ms + 2 * length_ms;
      before = follows ? used : 0;
      start_ms = follows ? start_ms + length_ms : now_ms;
      used = 0;
    }
  }

  struct Paid {
    std::uint64_t start_ms = 0, amount = 0;
  };

  bool charge(std::uint64_t now_ms, std::uint64_t limit, std::uint64_t cost, Paid *paid) {
    const Model saved = *this;
    roll(now_ms);
    const std::uint64_t there = paid->amount != 0 && paid->start_ms == start_ms && used != 0 ? paid->amount : 0;
    const std::uint64_t due = cost > there ? cost - there : 0;
    const std::uint64_t in_view = sliding ? before * (start_ms + length_ms - now_ms) : 0;
    if (cost > limit || in_view + (used + due) * length_ms > limit * length_ms) {
      *this = saved;
      return false;
    }
    used += due;
    if (due != 0) {
      *paid = {start_ms, there + due};
    }
    return true;
  }
};

TEST_F(Payments, FollowAModelOverManyRequests) {
  std::mt19937_64 random(4);
  std::uint64_t now_ms = kStart;
  for (const bool sliding : {false, true}) {
    std::map<std::uint64_t, Model> models;
    for (int i = 0; i < 60'000; ++i) {
      const std::uint64_t name = random() % 5 + (sliding ? 10 : 0);
      const std::uint32_t window_s = 1 + static_cast<std::uint32_t>(name) % 3;
      Model &model = models.try_emplace(name, Model{window_s * 1000, sliding}).first->second;
      Payment paid;
      Model::Paid modelled;
      for (std::uint64_t step = 0, steps = 1 + random() % 4; step < steps; ++step) {
        now_ms += random() % 50 == 0 ? random() % 3000 : random() % 40;
        const auto limit = static_cast<std::uint32_t>(5 + random() % 30);
        const auto cost = static_cast<std::uint32_t>(1 + random() % 6);
        const bool expected = model.charge(now_ms, limit, cost, &modelled);
        const WindowState state = charge(charge_of(name, limit, cost, sliding, window_s), now_ms, &paid);
        ASSERT_EQ(state.admitted, expected) << i << ' ' << step;
        ASSERT_EQ(paid.amount, modelled.amount) << i << ' ' << step;
      }
    }
  }
}

// A request that is refused in its last location comes back after retry_ms, takes the same way, and is admitted; a
// millisecond earlier it isn't. Tried on the table itself.
TEST_F(Payments, report_U13_WhoComesBackInTimeIsAdmitted) {
  std::mt19937_64 random(5);
  int refusals = 0;
  std::uint64_t now_ms = kStart;
  for (const bool sliding : {false, true}) {
    for (int i = 0; i < 10'000; ++i) {
      now_ms += random() % 50 == 0 ? random() % 3000 : random() % 40;
      const std::uint64_t name = random() % 3 + (sliding ? 10 : 0);
      const std::uint32_t window_s = 1 + static_cast<std::uint32_t>(name) % 3;
      const Charge wide =
          charge_of(name, kMaxRateCount, 1 + static_cast<std::uint32_t>(random() % 4), sliding, window_s);
      const Charge narrow = charge_of(name, 5 + static_cast<std::uint32_t>(name) * 3,
                                      1 + static_cast<std::uint32_t>(random() % 5), sliding, window_s);
      const bool both = random() % 2 == 0;
      const auto pass = [&](std::uint64_t at_ms) {
        Payment paid;
        if (both) {
          charge(wide, at_ms, &paid);
        }
        return charge(narrow, at_ms, &paid);
      };
      const WindowState state = pass(now_ms);
      if (state.admitted) {
        continue;
      }
      ++refusals;
      ASSERT_GT(state.retry_ms, 0U);
      const auto saved = memory_.copy();
      ASSERT_FALSE(pass(now_ms + state.retry_ms - 1).admitted) << i << ' ' << state.retry_ms;
      memory_.restore(saved);
      ASSERT_TRUE(pass(now_ms + state.retry_ms).admitted) << i << ' ' << state.retry_ms;
      memory_.restore(saved);
    }
  }
  EXPECT_GT(refusals, 1000);
}

// ---- What a request remembers ---------------------------------------------------------------------------------------

TEST(PaidWindows, KeepWhatWasNotedLast) {
  PaidWindows paid;
  EXPECT_EQ(paid.find(test::name_of(1)).amount, 0U);
  paid.note(test::name_of(1), {3, false, 7});
  paid.note(test::name_of(2), {4, true, 8});
  paid.note(test::name_of(1), {5, false, 9});
  EXPECT_EQ(paid.find(test::name_of(1)).amount, 5U);
  EXPECT_EQ(paid.find(test::name_of(1)).paid_ms, 9U);
  EXPECT_TRUE(paid.find(test::name_of(2)).overflow);
  paid.note(test::name_of(1), {});
  EXPECT_EQ(paid.find(test::name_of(1)).amount, 0U);
}

TEST(PaidWindows, HoldAsManyAsThereIsRoomFor) {
  PaidWindows paid;
  const auto count = [&] {
    std::uint32_t known = 0;
    for (std::uint64_t name = 1; name <= 200; ++name) {
      const Payment payment = paid.find(test::name_of(name));
      EXPECT_TRUE(payment.amount == 0 || payment.amount == name);
      known += payment.amount != 0 ? 1 : 0;
    }
    return known;
  };
  const auto note_to = [&](std::uint64_t last) {
    for (std::uint64_t name = 1; name <= last; ++name) {
      paid.note(test::name_of(name), {static_cast<std::uint32_t>(name), false, 1});
    }
  };
  // Without room, what comes late is paid again, and never taken for paid.
  note_to(200);
  EXPECT_EQ(count(), PaidWindows::kOwn);
  paid.reserve(32);
  note_to(PaidWindows::kOwn + 32);
  EXPECT_EQ(count(), PaidWindows::kOwn + 32);
  paid.reserve(100);
  note_to(PaidWindows::kOwn + 132);
  EXPECT_EQ(count(), PaidWindows::kOwn + 132);
}

}  // namespace
}  // namespace keyward
