#include "fetch/shared_key_set.hpp"

#include <gtest/gtest.h>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/digest.hpp"
#include "shared_memory.hpp"

namespace keyward {
namespace {

using Begin = SharedKeySet::Begin;
using Why = SharedKeySet::Why;

class SharedKeySetTest : public testing::Test {
 protected:
  SharedKeySetTest() : memory_(SharedKeySet::size()), set_(SharedKeySet::create(memory_.data(), sha256("a"))) {}

  Begin begin(Why why, std::int64_t now_ms) { return set_->begin(why, plan_, getpid(), now_ms, &number_); }
  bool succeed(std::string_view text, std::int64_t fetched_at_s = 100) {
    return set_->succeed(number_, text, 1, fetched_at_s, &changed_);
  }
  std::string text() {
    std::string text;
    return set_->copy(&text, &generation_) ? text : "(none)";
  }

  test::SharedMemory memory_;
  SharedKeySet *set_;
  FetchPlan plan_;
  std::uint64_t number_ = 0, generation_ = 0;
  bool changed_ = false;
};

TEST_F(SharedKeySetTest, IsAdoptedUnderItsOwnNameOnly) {
  ASSERT_NE(nullptr, set_);
  EXPECT_EQ(set_, SharedKeySet::adopt(memory_.data(), sha256("a")));
  EXPECT_EQ(nullptr, SharedKeySet::adopt(memory_.data(), sha256("b")));
  test::SharedMemory zeroes(SharedKeySet::size());
  EXPECT_EQ(nullptr, SharedKeySet::adopt(zeroes.data(), sha256("a")));
}

TEST_F(SharedKeySetTest, KeepsTheLastGoodSet) {
  EXPECT_EQ("(none)", text());
  EXPECT_EQ(0U, set_->state().generation);
  ASSERT_EQ(Begin::begun, begin(Why::due, 1000));
  EXPECT_TRUE(set_->in_progress(1000));
  ASSERT_TRUE(succeed("one"));
  EXPECT_TRUE(changed_);
  EXPECT_FALSE(set_->in_progress(1000));
  EXPECT_EQ("one", text());
  EXPECT_EQ(1U, generation_);
  EXPECT_EQ(1000, set_->state().history.fetched_ms);
  EXPECT_EQ(100, set_->state().fetched_at_s);

  EXPECT_EQ(Begin::not_now, begin(Why::due, 2000));
  ASSERT_EQ(Begin::begun, begin(Why::due, 901000));
  EXPECT_TRUE(set_->fail(number_, FetchProblem::status, 500));
  KeySetState state = set_->state();
  EXPECT_EQ("one", text());
  EXPECT_EQ(1U, state.generation);
  EXPECT_EQ(1U, state.history.failures);
  EXPECT_EQ(1000, state.history.fetched_ms);
  EXPECT_EQ(FetchProblem::status, state.problem);
  EXPECT_EQ(500, state.http_status);
  EXPECT_EQ(2U, state.ended);
  EXPECT_EQ(1U, state.succeeded);

  ASSERT_EQ(Begin::begun, begin(Why::due, 999000));
  ASSERT_TRUE(succeed("one", 200));
  EXPECT_FALSE(changed_);  // nobody has to read it again, but it is fresh
  state = set_->state();
  EXPECT_EQ(1U, state.generation);
  EXPECT_EQ(999000, state.history.fetched_ms);
  EXPECT_EQ(200, state.fetched_at_s);
  EXPECT_EQ(0U, state.history.failures);
  EXPECT_EQ(FetchProblem::none, state.problem);
  EXPECT_EQ(3U, state.succeeded);

  ASSERT_EQ(Begin::begun, begin(Why::wanted, 999001));
  const std::string most(kMaxKeySetText, 'x');
  ASSERT_TRUE(succeed(most));
  EXPECT_EQ(most, text());
  EXPECT_EQ(2U, generation_);
  ASSERT_EQ(Begin::begun, begin(Why::wanted, 1099001));
  EXPECT_FALSE(succeed(most + "x"));
  EXPECT_EQ(most, text());
}

TEST_F(SharedKeySetTest, OneAttemptAtATime) {
  ASSERT_EQ(Begin::begun, begin(Why::due, 1000));
  std::uint64_t other = 0;
  EXPECT_EQ(Begin::in_progress, set_->begin(Why::due, plan_, getpid(), 1000, &other));
  EXPECT_EQ(Begin::in_progress, set_->begin(Why::wanted, plan_, getpid(), 1000, &other));
  // One that takes far too long has lost its turn, and changes nothing any more.
  EXPECT_EQ(Begin::begun, set_->begin(Why::due, plan_, getpid(), 17000, &other));
  EXPECT_EQ(number_ + 1, other);
  EXPECT_FALSE(succeed("late"));
  EXPECT_FALSE(set_->fail(number_, FetchProblem::timeout, 0));
  EXPECT_EQ("(none)", text());
  EXPECT_TRUE(set_->succeed(other, "in time", 1, 1, &changed_));
  EXPECT_FALSE(set_->succeed(other, "twice", 1, 1, &changed_));
  EXPECT_EQ("in time", text());
}

TEST(FetchTime, IsTheEarlierOneOfBothClocks) {
  KeySetState state;
  EXPECT_EQ(fetch_time_s(state, {5000, 1000}), kNever);
  state.fetched_at_s = 1000;
  EXPECT_EQ(fetch_time_s(state, {5000, 1000}), kNever);
  state.history.fetched_ms = 5000;
  EXPECT_EQ(fetch_time_s(state, {5000, 1000}), 1000);
  EXPECT_EQ(fetch_time_s(state, {65000, 1060}), 1000);
  EXPECT_EQ(fetch_time_s(state, {65001, 1060}), 999);
  EXPECT_EQ(fetch_time_s(state, {65000, 4660}), 1000) << "the wall clock was stepped ahead since";
  EXPECT_EQ(fetch_time_s(state, {65000, 700}), kNever) << "it was stepped back: either may be wrong";
}

TEST_F(SharedKeySetTest, UnknownKeysLeadToOneAttemptInHalfAMinute) {
  ASSERT_EQ(Begin::begun, begin(Why::due, 1000));
  ASSERT_TRUE(succeed("one"));
  ASSERT_EQ(Begin::begun, begin(Why::wanted, 1001));
  ASSERT_TRUE(succeed("two"));
  EXPECT_EQ(Begin::not_now, begin(Why::wanted, 1002));
  EXPECT_EQ(Begin::not_now, begin(Why::wanted, 31000));
  ASSERT_EQ(Begin::begun, begin(Why::wanted, 31001));
  ASSERT_TRUE(set_->fail(number_, FetchProblem::connect, 0));
  EXPECT_EQ(Begin::not_now, begin(Why::wanted, 31002));
  // What was broken off says nothing about the issuer.
  ASSERT_EQ(Begin::begun, begin(Why::wanted, 61002));
  ASSERT_TRUE(set_->fail(number_, FetchProblem::aborted, 0));
  EXPECT_EQ(FetchProblem::connect, set_->state().problem);
  EXPECT_EQ(1U, set_->state().history.failures);
  EXPECT_EQ(Begin::begun, begin(Why::wanted, 61003));
}

TEST_F(SharedKeySetTest, ADeadFetchersTurnPassesOnAtOnce) {
  ASSERT_EQ(Begin::begun, begin(Why::due, 1000));
  ASSERT_TRUE(succeed("one"));
  const pid_t child = test::spawn([&] {
    set_->begin(Why::wanted, plan_, getpid(), 2000, &number_);
    pause();
  });
  ASSERT_TRUE(test::poll_until([&] { return set_->in_progress(2000); }));
  EXPECT_EQ(Begin::in_progress, begin(Why::wanted, 2001));
  test::kill_and_reap(child);
  EXPECT_FALSE(set_->in_progress(2001));
  EXPECT_EQ(Begin::begun, begin(Why::due, 2001));  // due by itself it isn't, and throttled it would be
  ASSERT_TRUE(succeed("two"));
  EXPECT_EQ("two", text());
}

TEST_F(SharedKeySetTest, ACachedSetComesFirstOnly) {
  ASSERT_TRUE(set_->put_cached("kept", 3, 1000, {500000, 1600}));
  EXPECT_EQ("kept", text());
  KeySetState state = set_->state();
  EXPECT_EQ(-100000, state.history.fetched_ms);  // 600 s ago: before the system's start
  EXPECT_EQ(3U, state.keys);
  EXPECT_FALSE(set_->put_cached("again", 3, 1001, {500000, 1600}));
  EXPECT_EQ("kept", text());
  EXPECT_EQ(Begin::begun, begin(Why::due, 500000));
  ASSERT_TRUE(succeed("new"));
  EXPECT_EQ("new", text());
  EXPECT_EQ(2U, generation_);
}

TEST_F(SharedKeySetTest, AClockThatSteppedBackMakesNoSetYounger) {
  ASSERT_TRUE(set_->put_cached("kept", 3, 5000, {500000, 1600}));
  EXPECT_EQ(500000, set_->state().history.fetched_ms);
}

TEST_F(SharedKeySetTest, OneProcessTellsOfAStaleSet) {
  EXPECT_TRUE(set_->tell_stale(1));
  EXPECT_FALSE(set_->tell_stale(1));
  EXPECT_TRUE(set_->tell_stale(2));
}

// Sets of one character each, of differing lengths: a mixed one would show.
TEST_F(SharedKeySetTest, ThreadsNeverSeeHalfASet) {
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      while (!stop) {
        std::string copy;
        std::uint64_t generation = 0;
        if (!set_->copy(&copy, &generation)) {
          continue;
        }
        const char expected = static_cast<char>('a' + generation % 26);
        const bool whole = copy == std::string(1000 + generation % 26 * 3000, expected);
        wrong += whole && generation >= last && set_->state().generation >= generation ? 0 : 1;
        last = generation;
      }
    });
  }
  for (std::uint64_t i = 1; i <= 1500; ++i) {
    Begin begun = Begin::contended;
    while (begun == Begin::contended) {
      begun = begin(Why::wanted, static_cast<std::int64_t>(i) * 100000);
    }
    ASSERT_EQ(Begin::begun, begun);
    ASSERT_TRUE(succeed(std::string(1000 + i % 26 * 3000, static_cast<char>('a' + i % 26))));
  }
  stop = true;
  for (std::thread &reader : readers) {
    reader.join();
  }
  EXPECT_EQ(0, wrong);
}

// Between any two changes of the memory: what is there is the old set or the new one, and the next one comes through.
TEST(SharedKeySetKills, AKilledFetcherLeavesAWholeSet) {
  if (!test::kCanStep) {
    GTEST_SKIP() << "no single steps on this processor";
  }
  test::SharedMemory memory(SharedKeySet::size());
  SharedKeySet *set = SharedKeySet::create(memory.data(), sha256("a"));
  std::uint64_t number = 0;
  bool changed = false;
  ASSERT_EQ(Begin::begun, set->begin(Why::due, {}, getpid(), 1000, &number));
  ASSERT_TRUE(set->succeed(number, "old", 1, 100, &changed));
  const auto work = [&] {
    std::uint64_t attempt = 0;
    bool differs = false;
    if (set->begin(Why::wanted, {}, getpid(), 50000, &attempt) == Begin::begun) {
      set->succeed(attempt, "new set", 2, 149, &differs);
    }
  };
  const std::size_t moments = test::kill_at_every_store(&memory, work, [&] {
    std::string text;
    std::uint64_t generation = 0;
    ASSERT_TRUE(set->copy(&text, &generation));
    EXPECT_EQ(generation == 1 ? "old" : "new set", text);
    const KeySetState state = set->state();
    if (generation == 1) {
      EXPECT_EQ(1000, state.history.fetched_ms);  // the old one is no fresher for it
    }
    std::uint64_t next = 0;
    ASSERT_EQ(Begin::begun, set->begin(Why::wanted, {}, getpid(), 100000, &next));
    bool differs = false;
    ASSERT_TRUE(set->succeed(next, "next", 1, 200, &differs));
    EXPECT_TRUE(differs);
    ASSERT_TRUE(set->copy(&text, &generation));
    EXPECT_EQ("next", text);
  });
  EXPECT_GT(moments, 10U);
}

}  // namespace
}  // namespace keyward
