#include "fetch/fetch_schedule.hpp"

#include <gtest/gtest.h>

namespace keyward {
namespace {

constexpr std::uint32_t kDice[] = {0, 1, 1U << 31, ~0U};

TEST(FetchScheduleTest, FirstFetchesAtOnce) {
  FetchHistory history;
  EXPECT_EQ(kNever, next_attempt_ms({}, history));
  history.fetched_ms = 1000;  // from a cache
  EXPECT_EQ(kNever, next_attempt_ms({}, history));
  history.fetched_ms = kNever;
  history.attempted_ms = 5000;  // broken off
  EXPECT_EQ(5000, next_attempt_ms({}, history));
}

TEST(FetchScheduleTest, RefreshesAheadOfTime) {
  for (const std::int64_t refresh_ms : {1000, 60000, 900000}) {
    for (const std::uint32_t dice : kDice) {
      FetchHistory history;
      history.fetched_ms = history.attempted_ms = 7000;
      history.dice = dice;
      FetchPlan plan;
      plan.refresh_ms = refresh_ms;
      const std::int64_t next = next_attempt_ms(plan, history) - 7000;
      EXPECT_GE(next, refresh_ms * 8 / 10);
      EXPECT_LE(next, refresh_ms * 9 / 10);
    }
  }
  FetchHistory early, late;
  early.fetched_ms = late.fetched_ms = early.attempted_ms = late.attempted_ms = 0;
  late.dice = ~0U;
  EXPECT_LT(next_attempt_ms({}, early), next_attempt_ms({}, late));
}

TEST(FetchScheduleTest, BacksOffAfterFailures) {
  FetchPlan plan;
  for (const std::uint32_t dice : kDice) {
    std::int64_t before = 0;
    for (std::uint32_t failures = 1; failures < 100; ++failures) {
      FetchHistory history;
      history.attempted_ms = 1000000;
      history.failures = failures;
      history.dice = dice;
      const std::int64_t wait = next_attempt_ms(plan, history) - history.attempted_ms;
      EXPECT_GE(wait, 1000);
      EXPECT_LE(wait, 60000);
      EXPECT_GE(wait, before) << failures;
      before = wait;
    }
    EXPECT_GE(before, 30000);
  }
  FetchHistory history;
  history.attempted_ms = 0;
  history.failures = 50;
  history.dice = ~0U;
  plan.refresh_ms = 4000;  // never less often than the set is refreshed
  EXPECT_LE(next_attempt_ms(plan, history), 4000);
  plan.refresh_ms = 100;  // but no more than once a second
  EXPECT_GE(next_attempt_ms(plan, history), 1000);
  // The failures of a set that is there, too: by the last attempt.
  history.fetched_ms = -5000000;
  EXPECT_GE(next_attempt_ms(plan, history), 1000);
}

TEST(FetchScheduleTest, UnknownKeysAreThrottled) {
  EXPECT_TRUE(may_want(kNever, 5));
  EXPECT_FALSE(may_want(1000, 1000));
  EXPECT_FALSE(may_want(1000, 30999));
  EXPECT_TRUE(may_want(1000, 31000));
  EXPECT_EQ(30U, seconds_until_wanted(1000, 1000));
  EXPECT_EQ(30U, seconds_until_wanted(1000, 1001));
  EXPECT_EQ(1U, seconds_until_wanted(1000, 30999));
  EXPECT_EQ(1U, seconds_until_wanted(1000, 40000));
  EXPECT_EQ(1U, seconds_until_wanted(kNever, 0));
  EXPECT_EQ(30U, seconds_until_wanted(5000, 1000));  // clocks of two processes
}

TEST(FetchScheduleTest, ASetIsGoneAfterItsTime) {
  FetchPlan plan;
  plan.stale_ms = 10000;
  EXPECT_TRUE(is_stale(plan, kNever, 0));
  EXPECT_FALSE(is_stale(plan, -5000, 4999));
  EXPECT_TRUE(is_stale(plan, -5000, 5000));
}

}  // namespace
}  // namespace keyward
