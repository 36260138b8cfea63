// Balances: never more is spent than there is, over processes, whoever is killed and wherever.
#include "limit/credits.hpp"

#include <gtest/gtest.h>
#include <array>
#include <atomic>
#include <random>
#include <vector>

#include "limit/paid_credits.hpp"
#include "shared_memory.hpp"

namespace keyward {
namespace {

using test::name_of;
using test::Shared;
using test::SharedMemory;
using Outcome = CreditResult::Outcome;

constexpr std::size_t kBytes = std::size_t{1} << 20;
constexpr std::int64_t kNow_s = 1'800'000'000, kDay_s = 86400;
constexpr std::uint64_t kNow_ms = 1'000'000;

CreditTerms plan_of(std::uint64_t amount, std::uint32_t window_s = 30 * 86400) { return {{amount, window_s}, {}}; }
CreditTerms grant_of(std::uint64_t amount, std::uint64_t number = 5) { return {{}, {number, number, amount, 0}}; }

class Credits : public testing::Test {
 protected:
  Credits() : memory_(kBytes), table_(CreditTable::create(memory_.data(), memory_.size())) {
    EXPECT_NE(table_, nullptr);
    table_->set_loaded(kNow_ms);
  }

  CreditResult charge(std::uint64_t name, const CreditTerms &terms, std::uint64_t cost, CreditPayment paid = {},
                      std::int64_t now_s = kNow_s) {
    return table_->charge({name_of(name), terms, cost, paid, now_s}, kNow_ms);
  }
  std::int64_t left(std::uint64_t name, const CreditTerms &terms, std::int64_t now_s = kNow_s) {
    return table_->look({name_of(name), terms, 0, {}, now_s}, kNow_ms).left;
  }
  // What a save would take, which then counts as saved.
  std::vector<CarriedCredits> save() {
    std::vector<CarriedCredits> all, some(CreditTable::kCarryRoom);
    for (std::size_t part = 0, within = 0; part < table_->parts();) {
      const std::size_t count = table_->carry(&part, &within, some.data(), some.size());
      for (std::size_t i = 0; i < count; ++i) {
        table_->note_saved(some[i], some[i].state);
        all.push_back(some[i]);
      }
    }
    return all;
  }

  SharedMemory memory_;
  CreditTable *table_;
};

TEST_F(Credits, SpendsWhatThereIsAndNoMore) {
  const CreditTerms terms = plan_of(10);
  EXPECT_EQ(left(1, terms), 10);
  EXPECT_EQ(charge(1, terms, 7).left, 3);
  const CreditResult refused = charge(1, terms, 4);
  EXPECT_EQ(refused.outcome, Outcome::too_few);
  EXPECT_EQ(refused.left, 3);
  EXPECT_EQ(refused.renews_s, kNow_s + 30 * kDay_s);
  EXPECT_EQ(charge(1, terms, 3).outcome, Outcome::admitted);
  EXPECT_EQ(charge(1, terms, 1).outcome, Outcome::too_few);
  EXPECT_EQ(charge(2, terms, 1).left, 9) << "another balance";
  EXPECT_EQ(charge(3, CreditTerms(), 1).outcome, Outcome::too_few) << "no balance at all";
}

TEST_F(Credits, ARefillSetsItAndWhatIsLeftLapses) {
  const CreditTerms terms = plan_of(10);
  charge(1, terms, 1);
  EXPECT_EQ(left(1, terms, kNow_s + 30 * kDay_s - 1), 9);
  EXPECT_EQ(left(1, terms, kNow_s + 30 * kDay_s), 10);
  // Periods follow each other from the first one on, whenever somebody comes.
  EXPECT_EQ(charge(1, terms, 2, {}, kNow_s + 75 * kDay_s).renews_s, kNow_s + 90 * kDay_s);
  EXPECT_EQ(left(1, terms, kNow_s + 89 * kDay_s), 8);
}

TEST_F(Credits, AClockThatStepsBackGivesNothing) {
  const CreditTerms terms = plan_of(10, 3600);
  charge(1, terms, 10);
  EXPECT_EQ(left(1, terms, kNow_s - 1000 * kDay_s), 0);
  EXPECT_EQ(charge(1, terms, 1, {}, kNow_s - 1000 * kDay_s).outcome, Outcome::too_few);
  EXPECT_EQ(left(1, terms, kNow_s), 0);
  // A period never ends more than its length ahead of the clock: one that was begun by a wrong one ends, too.
  charge(2, terms, 10, {}, kNow_s + 1000 * kDay_s);
  EXPECT_EQ(charge(2, terms, 1, {}, kNow_s).renews_s, kNow_s + 3600);
}

TEST_F(Credits, ALongerPlanBesideAShorterOneKeepsItsPromise) {
  const CreditTerms by_month = plan_of(10), by_hour = plan_of(3, 3600);
  EXPECT_EQ(charge(1, by_month, 10).outcome, Outcome::admitted);
  for (int hour = 1; hour < 30 * 24; ++hour) {
    EXPECT_EQ(charge(1, by_hour, 1, {}, kNow_s + hour * 3600).outcome, Outcome::too_few);
    EXPECT_EQ(charge(1, by_month, 1, {}, kNow_s + hour * 3600).outcome, Outcome::too_few);
  }
  EXPECT_EQ(charge(1, by_hour, 1, {}, kNow_s + 30 * kDay_s).outcome, Outcome::admitted);
}

TEST_F(Credits, AnotherPlanCountsWhatWasSpent) {
  charge(1, plan_of(10), 8);
  EXPECT_EQ(left(1, plan_of(100)), 92);
  EXPECT_EQ(left(1, plan_of(5)), -3);
  EXPECT_EQ(left(1, plan_of(10)), 2);
}

TEST_F(Credits, GrantsAreTakenInOnceAndInOrder) {
  CreditTerms terms = grant_of(10);
  EXPECT_EQ(charge(1, terms, 4).left, 6);
  CreditTerms more = terms;
  more.grant.changed = 6;
  more.grant.added = 5;
  EXPECT_EQ(charge(1, more, 1).left, 10);
  EXPECT_EQ(charge(1, terms, 1).left, 9) << "by a worker that hasn't seen the last change yet";
  EXPECT_EQ(charge(1, more, 1).left, 8);
  CreditTerms again = grant_of(10, 7);
  EXPECT_EQ(charge(1, again, 1).left, 9) << "set anew";
  CreditTerms gone;
  gone.grant.changed = 8;
  EXPECT_EQ(charge(1, gone, 1).outcome, Outcome::too_few);
}

TEST_F(Credits, WhatIsSetHoldsUntilTheNextRefill) {
  CreditTerms terms = plan_of(10);
  charge(1, terms, 3);
  terms.grant = {5, 5, 100, 0};
  EXPECT_EQ(left(1, terms), 100);
  EXPECT_EQ(charge(1, terms, 1).left, 99);
  EXPECT_EQ(left(1, terms, kNow_s + 30 * kDay_s), 10);
  charge(1, terms, 1, {}, kNow_s + 30 * kDay_s);
  EXPECT_EQ(left(1, terms, kNow_s + 30 * kDay_s), 9) << "it was taken in once";
  terms.grant.changed = 6;
  terms.grant.added = 50;
  EXPECT_EQ(left(1, terms, kNow_s + 31 * kDay_s), 59);
}

TEST_F(Credits, ARequestPaysTheDifference) {
  const CreditTerms terms = plan_of(10);
  const CreditResult first = charge(1, terms, 3);
  EXPECT_EQ(charge(1, terms, 3, first.paid).left, 7);
  EXPECT_EQ(charge(1, terms, 2, first.paid).left, 7);
  const CreditResult second = charge(1, terms, 5, first.paid);
  EXPECT_EQ(second.left, 5);
  EXPECT_EQ(second.paid.amount, 5U);
  EXPECT_EQ(charge(1, terms, 5, second.paid, kNow_s + 30 * kDay_s).left, 5) << "another period is paid anew";
}

TEST_F(Credits, ARefundGoesToItsOwnPeriodOrLapses) {
  const CreditTerms terms = plan_of(10);
  const CreditResult first = charge(1, terms, 3);
  table_->refund(name_of(1), first.paid);
  EXPECT_EQ(left(1, terms), 10);
  const CreditResult second = charge(1, terms, 3);
  charge(1, terms, 1, {}, kNow_s + 30 * kDay_s);
  table_->refund(name_of(1), second.paid);
  EXPECT_EQ(left(1, terms, kNow_s + 30 * kDay_s), 9);
  CreditTerms set = grant_of(5);
  const CreditResult third = charge(2, set, 2);
  set = grant_of(50, 6);
  charge(2, set, 1);
  table_->refund(name_of(2), third.paid);
  EXPECT_EQ(left(2, set), 49) << "of a balance that was set since";
}

TEST_F(Credits, IsSettledOnce) {
  const CreditTerms terms = plan_of(10);
  PaidCredits paid;
  const CreditResult result = charge(1, terms, 5);
  paid.note_paid(table_, name_of(1), result.paid, {4, 0, 5});
  paid.come_to(kRefundServerError);
  paid.settle();
  paid.settle();
  EXPECT_EQ(left(1, terms), 9);
  PaidCredits more;
  more.note_paid(table_, name_of(1), charge(1, terms, 5).paid, {4, 0, 50});
  more.come_to(kRefundServerError);
  more.come_to(kRefundError);
  more.settle();
  EXPECT_EQ(left(1, terms), 9) << "no more than was paid";
}

TEST_F(Credits, NothingIsSpentThatIsNotKnownOrCanNotBeStored) {
  SharedMemory memory(kBytes);
  CreditTable *table = CreditTable::create(memory.data(), memory.size());
  const CreditCharge ask{name_of(1), plan_of(10), 1, {}, kNow_s};
  EXPECT_EQ(table->charge(ask, kNow_ms).outcome, Outcome::closed);
  table->set_loaded(kNow_ms);
  EXPECT_EQ(table->charge(ask, kNow_ms + CreditTable::kMaxUnsavedMs - 1).outcome, Outcome::admitted);
  EXPECT_EQ(table->charge(ask, kNow_ms + CreditTable::kMaxUnsavedMs).outcome, Outcome::closed);
  table->note_all_saved(kNow_ms + 1);
  EXPECT_EQ(table->charge(ask, kNow_ms + CreditTable::kMaxUnsavedMs).outcome, Outcome::admitted);
}

TEST_F(Credits, WithoutRoomNobodyIsForgotten) {
  const CreditTerms terms = plan_of(10);
  const std::uint64_t places = table_->stats().places;
  std::uint64_t made = 0;
  for (std::uint64_t i = 0; i < 2 * places; ++i) {
    made += charge(i, terms, 4).outcome == Outcome::admitted ? 1U : 0U;
  }
  EXPECT_EQ(made, table_->stats().used);
  EXPECT_GT(made, places / 10 * 9);
  std::uint64_t again = 0;
  for (std::uint64_t i = 0; i < 2 * places; ++i) {
    const CreditResult result = charge(i, terms, 6);
    again += result.outcome == Outcome::admitted && result.left == 0 ? 1U : 0U;
  }
  EXPECT_EQ(made, again);
  EXPECT_EQ(charge(2 * places - 1, terms, 1).outcome, charge(2 * places - 1, terms, 1).outcome);
}

TEST_F(Credits, DormantBalancesMakeRoom) {
  const CreditTerms terms = plan_of(10, 3600);
  charge(1, terms, 4);
  EXPECT_FALSE(table_->forget(name_of(1), kNow_s + 7200));
  EXPECT_TRUE(table_->forget(name_of(1), kNow_s + 7201));
  EXPECT_EQ(table_->stats().used, 0U);
  EXPECT_EQ(charge(1, terms, 1, {}, kNow_s + 7201).left, 9);
  charge(2, grant_of(5), 4);
  EXPECT_FALSE(table_->forget(name_of(2), kNow_s + 1000 * kDay_s)) << "what was granted must not be granted again";
}

TEST_F(Credits, EachChangeIsSavedOnce) {
  const CreditTerms terms = plan_of(10);
  EXPECT_TRUE(save().empty());
  charge(1, terms, 4);
  charge(2, terms, 1);
  EXPECT_EQ(save().size(), 2U);
  EXPECT_TRUE(save().empty());
  charge(1, terms, 4);
  const auto saved = save();
  ASSERT_EQ(saved.size(), 1U);
  EXPECT_EQ(saved[0].state.spent, 8);
  EXPECT_EQ(saved[0].state.synced, 4);
  // What changes between being looked at and being saved is the next save's.
  charge(1, terms, 1);
  std::array<CarriedCredits, CreditTable::kCarryRoom> some;
  std::size_t part = 0, within = 0;
  while (part < table_->parts() && table_->carry(&part, &within, some.data(), some.size()) == 0) {
  }
  charge(1, terms, 1);
  table_->note_saved(some[0], some[0].state);
  ASSERT_EQ(save().size(), 1U);
  EXPECT_EQ(left(1, terms), 0);
}

TEST_F(Credits, TwoTablesOfOneStoreCountBoth) {
  const CreditTerms terms = plan_of(100);
  SharedMemory memory(kBytes);
  CreditTable *other = CreditTable::create(memory.data(), memory.size());
  other->set_loaded(kNow_ms);
  CreditState stored;
  std::uint64_t stored_by = 0;
  bool any = false;
  const auto sync = [&](CreditTable *table) {
    std::array<CarriedCredits, CreditTable::kCarryRoom> some;
    for (std::size_t part = 0, within = 0; part < table->parts();) {
      const std::size_t count = table->carry(&part, &within, some.data(), some.size());
      for (std::size_t i = 0; i < count; ++i) {
        stored = any ? credit_rule::merge(stored, stored_by == table->id(), some[i].state) : some[i].state;
        any = true;
        stored_by = table->id();
        table->note_saved(some[i], stored);
      }
    }
  };
  std::mt19937 random(7);
  std::int64_t spent = 0;
  for (int i = 0; i < 60; ++i) {
    CreditTable *table = random() % 2 == 0 ? table_ : other;
    spent += table->charge({name_of(1), terms, 1, {}, kNow_s}, kNow_ms).outcome == Outcome::admitted ? 1 : 0;
    if (random() % 3 == 0) {
      sync(random() % 2 == 0 ? table_ : other);
    }
  }
  charge(1, terms, 0);
  for (int i = 0; i < 2; ++i) {
    spent += table_->charge({name_of(1), terms, 1, {}, kNow_s}, kNow_ms).outcome == Outcome::admitted ? 1 : 0;
    sync(table_);
    spent += other->charge({name_of(1), terms, 1, {}, kNow_s}, kNow_ms).outcome == Outcome::admitted ? 1 : 0;
    sync(other);
  }
  EXPECT_EQ(stored.spent, spent);
  EXPECT_EQ(other->look({name_of(1), terms, 0, {}, kNow_s}, kNow_ms).left, 100 - spent);
}

TEST_F(Credits, AnotherSizeTakesThemAndClosesTheOld) {
  const CreditTerms terms = plan_of(10);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    charge(i, terms, i % 10);
  }
  SharedMemory memory(2 * kBytes);
  CreditTable *larger = CreditTable::create(memory.data(), memory.size());
  larger->take_from(table_);
  EXPECT_TRUE(larger->is_loaded());
  for (std::uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(larger->look({name_of(i), terms, 0, {}, kNow_s}, kNow_ms).left, static_cast<std::int64_t>(10 - i % 10));
  }
  EXPECT_EQ(charge(1, terms, 1).outcome, Outcome::closed);
  EXPECT_TRUE(save().empty());
  // Where not all of them find room, who isn't there is refused, and what there is is kept.
  SharedMemory little(std::size_t{128} * 1024);
  CreditTable *smaller = CreditTable::create(little.data(), little.size());
  smaller->take_from(larger);
  std::uint64_t known = 0, refused = 0;
  for (std::uint64_t i = 1; i < 1000; ++i) {
    const CreditResult result = smaller->look({name_of(i), terms, 0, {}, kNow_s}, kNow_ms);
    known += result.outcome == Outcome::admitted ? 1U : 0U;
    refused += result.outcome == Outcome::no_room ? 1U : 0U;
  }
  EXPECT_EQ(known + refused, 999U);
  EXPECT_GT(known, 0U);
  EXPECT_GT(refused, 0U);
}

TEST_F(Credits, WhatCannotBeTakenInIsRefused) {
  SharedMemory memory(kBytes);
  CreditTable *table = CreditTable::create(memory.data(), memory.size());
  CarriedCredits one;
  bool full = false;
  for (std::uint64_t i = 0; i < 2 * table->stats().places; ++i) {
    one.account = name_of(i);
    full = !table->take_in(one) || full;
  }
  EXPECT_TRUE(full);
  table->set_loaded(kNow_ms);
  EXPECT_EQ(table->charge({name_of(~std::uint64_t{0}), plan_of(10), 1, {}, kNow_s}, kNow_ms).outcome, Outcome::no_room);
}

TEST_F(Credits, ProcessesSpendExactlyWhatThereIs) {
  struct Counts {
    std::atomic<std::int64_t> taken{0}, refunded{0};
  };
  const Shared<Counts> counts;
  const CreditTerms terms = plan_of(100'000);
  std::vector<pid_t> children;
  for (unsigned i = 0; i < 4; ++i) {
    children.push_back(test::spawn([&] {
      std::mt19937 random(i);
      for (int j = 0; j < 30'000; ++j) {
        const std::uint64_t cost = 1 + random() % 3;
        const CreditResult result = charge(1, terms, cost);
        if (result.outcome != Outcome::admitted) {
          continue;
        }
        counts->taken += static_cast<std::int64_t>(cost);
        if (random() % 3 == 0) {
          table_->refund(name_of(1), result.paid);
          counts->refunded += static_cast<std::int64_t>(cost);
        }
      }
    }));
  }
  for (const pid_t child : children) {
    EXPECT_TRUE(test::ended_well(child));
  }
  EXPECT_EQ(left(1, terms), 100'000 - (counts->taken - counts->refunded));
  EXPECT_GE(left(1, terms), 0);
}

TEST_F(Credits, AKillLeavesTheOldBalanceOrTheNewOne) {
  if (!test::kCanStep) {
    GTEST_SKIP();
  }
  SharedMemory little(std::size_t{96} * 1024);  // which is copied at each step
  table_ = CreditTable::create(little.data(), little.size());
  ASSERT_NE(table_, nullptr);
  table_->set_loaded(kNow_ms);
  const CreditTerms terms = plan_of(10);
  const CreditPayment paid = charge(1, terms, 2).paid;
  const auto check = [&] {
    for (const std::uint64_t name : {std::uint64_t{1}, std::uint64_t{2}}) {
      const std::int64_t left_now = left(name, terms);
      EXPECT_TRUE(name == 1 ? left_now == 8 || left_now == 5 || left_now == 10 : left_now == 10 || left_now == 7);
      EXPECT_EQ(charge(name, terms, 1).left, left_now - 1);
    }
  };
  for (const std::uint64_t name : {std::uint64_t{1}, std::uint64_t{2}}) {
    EXPECT_GT(test::kill_at_every_store(
                  &little, [&] { charge(name, terms, 3); }, check),
              3U);
  }
  EXPECT_GT(test::kill_at_every_store(
                &little, [&] { table_->refund(name_of(1), paid); }, check),
            2U);
  EXPECT_GT(test::kill_at_every_store(
                &little, [&] { save(); }, check),
            1U);
}

}  // namespace
}  // namespace keyward
