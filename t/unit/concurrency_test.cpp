// Places of a name: never more than there are, over processes, whoever is killed and wherever.
#include "limit/concurrency.hpp"

#include <gtest/gtest.h>
#include <array>
#include <atomic>
#include <deque>
#include <random>
#include <vector>

#include "limit/held_places.hpp"
#include "shared_memory.hpp"

namespace keyward {
namespace {

using test::name_of;
using test::Shared;
using test::SharedMemory;
using Taking = ConcurrencyTable::Taking;
using Place = ConcurrencyTable::Place;

constexpr std::size_t kBytes = std::size_t{256} * 1024;

class Concurrency : public testing::Test {
 protected:
  Concurrency() : memory_(kBytes), table_(ConcurrencyTable::create(memory_.data(), memory_.size())) {
    EXPECT_NE(table_, nullptr);
    me_ = table_->join();
  }

  Taking take(std::uint64_t name, std::uint32_t most, Place *place) {
    return table_->take(me_, name_of(name), most, place);
  }

  SharedMemory memory_;
  ConcurrencyTable *table_;
  ConcurrencyTable::Member me_;
};

TEST_F(Concurrency, TakesAsManyAsThereAre) {
  std::array<Place, 7> places;
  for (Place &place : places) {
    ASSERT_EQ(take(1, 7, &place), Taking::taken);
  }
  Place more;
  EXPECT_EQ(take(1, 7, &more), Taking::too_many);
  EXPECT_EQ(take(2, 1, &more), Taking::taken) << "another name";
  ConcurrencyTable::give_back(places[3]);
  EXPECT_EQ(table_->held(name_of(1)), 6U);
  EXPECT_EQ(take(1, 7, &places[3]), Taking::taken);
  EXPECT_EQ(take(1, 7, &more), Taking::too_many);
  for (const Place &place : places) {
    ConcurrencyTable::give_back(place);
  }
  EXPECT_EQ(table_->held(name_of(1)), 0U);
}

TEST_F(Concurrency, ALesserNumberHoldsForWhoIsThereAlready) {
  std::array<Place, 5> places;
  for (Place &place : places) {
    ASSERT_EQ(take(1, 5, &place), Taking::taken);
  }
  Place more;
  EXPECT_EQ(take(1, 3, &more), Taking::too_many);
  EXPECT_EQ(table_->look(me_, name_of(1), 3), Taking::too_many);
  EXPECT_EQ(table_->look(me_, name_of(1), 5), Taking::taken);
  for (int i = 0; i < 3; ++i) {
    ConcurrencyTable::give_back(places[static_cast<std::size_t>(i)]);
  }
  EXPECT_EQ(table_->look(me_, name_of(1), 3), Taking::taken);
  EXPECT_EQ(take(1, 3, &more), Taking::taken);
  EXPECT_EQ(take(1, 3, &places[0]), Taking::too_many);
}

TEST_F(Concurrency, WithoutAMemberOrMemoryNothingIsTaken) {
  Place place;
  EXPECT_EQ(table_->take(ConcurrencyTable::Member(), name_of(1), 1, &place), Taking::failed);
  EXPECT_EQ(table_->look(ConcurrencyTable::Member(), name_of(1), 1), Taking::failed);
  EXPECT_EQ(ConcurrencyTable::create(memory_.data(), 64 * 1024), nullptr);
  EXPECT_EQ(ConcurrencyTable::adopt(memory_.data(), kBytes), table_);
  EXPECT_EQ(ConcurrencyTable::adopt(memory_.data(), kBytes - 64), nullptr);
}

TEST_F(Concurrency, AMemberThatEndsHoldsNothing) {
  Place place;
  {
    ConcurrencyTable::Member other = table_->join();
    ConcurrencyTable::Member moved = std::move(other);
    ASSERT_EQ(table_->take(moved, name_of(1), 1, &place), Taking::taken);
    EXPECT_EQ(take(1, 1, &place), Taking::too_many);
  }
  EXPECT_EQ(table_->held(name_of(1)), 0U);
  EXPECT_EQ(take(1, 1, &place), Taking::taken);
}

TEST_F(Concurrency, WhatAnEndedMemberGivesBackIsNobodyElses) {
  Place old_place, place;
  ConcurrencyTable::Member other = table_->join();
  ASSERT_EQ(table_->take(other, name_of(1), 1, &old_place), Taking::taken);
  other = ConcurrencyTable::Member();
  ASSERT_EQ(take(1, 1, &place), Taking::taken) << "in the same lane";
  ConcurrencyTable::give_back(old_place);
  EXPECT_EQ(table_->held(name_of(1)), 1U);
}

TEST_F(Concurrency, RoomIsUsedAgain) {
  // More names than there is room for, one after the other, and then all at once.
  Place place;
  for (std::uint64_t name = 0; name < 100'000; ++name) {
    ASSERT_EQ(take(name, 1, &place), Taking::taken) << name;
    ConcurrencyTable::give_back(place);
  }
  std::deque<std::pair<std::uint64_t, Place>> places;
  std::uint64_t name = 0;
  for (;; ++name) {
    const Taking taking = take(name, 2, &place);
    if (taking == Taking::failed) {
      break;
    }
    ASSERT_EQ(taking, Taking::taken);
    places.emplace_back(name, place);
  }
  EXPECT_GT(places.size(), 1000U);
  // The names that have a row go on.
  EXPECT_EQ(take(places[5].first, 2, &place), Taking::taken);
  ConcurrencyTable::give_back(place);
  for (const auto &one : places) {
    ConcurrencyTable::give_back(one.second);
    ASSERT_EQ(table_->held(name_of(one.first)), 0U);
  }
  EXPECT_EQ(take(name, 2, &place), Taking::taken);
}

TEST_F(Concurrency, ManyHoldersOfOneName) {
  std::vector<ConcurrencyTable::Member> members;
  std::vector<Place> places(60);
  for (Place &place : places) {
    members.push_back(table_->join());
    ASSERT_EQ(table_->take(members.back(), name_of(1), 60, &place), Taking::taken);
  }
  Place more;
  EXPECT_EQ(take(1, 60, &more), Taking::too_many);
  members.resize(10);
  EXPECT_EQ(table_->held(name_of(1)), 10U);
  EXPECT_EQ(take(1, 11, &more), Taking::taken);
  EXPECT_EQ(take(1, 11, &more), Taking::too_many);
}

TEST_F(Concurrency, NoMoreMembersThanSeats) {
  std::vector<ConcurrencyTable::Member> members;
  for (int i = 1; i < 1024; ++i) {
    members.push_back(table_->join());
    ASSERT_TRUE(members.back()) << i;
  }
  EXPECT_FALSE(table_->join());
  members.pop_back();
  EXPECT_TRUE(table_->join());
}

TEST_F(Concurrency, AKilledProcessHoldsNothingFromThenOn) {
  for (int round = 0; round < 20; ++round) {
    Shared<std::atomic<int>> taken;
    const pid_t pid = test::spawn([&] {
      const ConcurrencyTable::Member member = table_->join();
      Place place;
      for (std::uint64_t name = 0; name < 50; ++name) {
        for (int i = 0; i < 3; ++i) {
          *taken += table_->take(member, name_of(name), 3, &place) == Taking::taken ? 1 : 0;
        }
      }
      for (;;) {
        pause();
      }
    });
    ASSERT_TRUE(test::poll_until([&] { return *taken == 150; }));
    Place place;
    ASSERT_EQ(take(7, 3, &place), Taking::too_many);
    test::kill_and_reap(pid);
    ASSERT_EQ(take(7, 3, &place), Taking::taken) << "at once";
    ConcurrencyTable::give_back(place);
    for (std::uint64_t name = 0; name < 50; ++name) {
      ASSERT_EQ(table_->held(name_of(name)), 0U);
    }
  }
}

// Processes that take and give back as they like, each of which is killed at any instruction and follows itself. What
// they hold is counted by themselves, in memory of their own: never more than allowed, and nothing is left at the end.
TEST_F(Concurrency, NeverMoreThanAllowedWhoeverIsKilled) {
  constexpr std::size_t kProcesses = 4;
  constexpr std::uint32_t kMost = 5;
  struct Counts {
    std::atomic<std::uint64_t> inside;  // 16 bits for each, so that all are seen at one instant
    std::atomic<int> worst;
    std::atomic<std::uint64_t> takes[kProcesses];
  };
  Shared<Counts> counts;
  const auto work = [&](std::size_t index, unsigned seed) {
    const ConcurrencyTable::Member member = table_->join();
    std::mt19937 random(seed);
    std::vector<Place> held;
    const std::uint64_t one = std::uint64_t{1} << 16 * index;
    for (;;) {
      Place place;
      if (held.empty() || (held.size() < 4 && random() % 2 == 0)) {
        if (table_->take(member, name_of(1), kMost, &place) == Taking::taken) {
          held.push_back(place);
          int all = 0;
          for (std::uint64_t seen = counts->inside.fetch_add(one) + one; seen != 0; seen >>= 16) {
            all += static_cast<int>(seen & 0xffff);
          }
          int worst = counts->worst;
          while (all > worst && !counts->worst.compare_exchange_weak(worst, all)) {
          }
          counts->takes[index] += 1;
        }
      } else {
        counts->inside -= one;  // before it is free for others
        ConcurrencyTable::give_back(held.back());
        held.pop_back();
      }
    }
  };
  std::array<pid_t, kProcesses> pids{};
  for (std::size_t i = 0; i < kProcesses; ++i) {
    pids[i] = test::spawn([&] { work(i, static_cast<unsigned>(i)); });
  }
  std::mt19937 random(1);
  for (unsigned round = 0; round < 400; ++round) {
    const std::size_t i = round % kProcesses;
    const std::uint64_t before = counts->takes[i];
    ASSERT_TRUE(test::poll_until([&] { return counts->takes[i] > before + random() % 50; })) << round;
    // What it holds is free once it is dead, so its own count has to be gone by then.
    kill(pids[i], SIGSTOP);
    int status = 0;
    ASSERT_EQ(waitpid(pids[i], &status, WUNTRACED), pids[i]);
    ASSERT_TRUE(WIFSTOPPED(status));
    counts->inside &= ~(std::uint64_t{0xffff} << 16 * i);
    test::kill_and_reap(pids[i]);
    pids[i] = test::spawn([&] { work(i, 1000 + round); });
  }
  const int worst = counts->worst;  // before the last ones are killed, whose own counts stay
  for (const pid_t pid : pids) {
    test::kill_and_reap(pid);
  }
  EXPECT_EQ(worst, static_cast<int>(kMost));
  EXPECT_EQ(table_->held(name_of(1)), 0U);
  Place place;
  for (std::uint32_t i = 0; i < kMost; ++i) {
    EXPECT_EQ(take(1, kMost, &place), Taking::taken);
  }
  EXPECT_EQ(take(1, kMost, &place), Taking::too_many);
}

TEST_F(Concurrency, ExactOverProcessesThatLive) {
  constexpr std::uint32_t kMost = 3;
  Shared<std::atomic<int>> inside;
  Shared<std::atomic<int>> worst;
  std::vector<pid_t> pids;
  for (int i = 0; i < 4; ++i) {
    pids.push_back(test::spawn([&] {
      const ConcurrencyTable::Member member = table_->join();
      for (int n = 0; n < 100'000; ++n) {
        Place place;
        if (table_->take(member, name_of(1), kMost, &place) == Taking::taken) {
          const int now = ++*inside;
          int known = *worst;
          while (now > known && !worst->compare_exchange_weak(known, now)) {
          }
          --*inside;
          ConcurrencyTable::give_back(place);
        }
      }
    }));
  }
  for (const pid_t pid : pids) {
    EXPECT_TRUE(test::ended_well(pid));
  }
  EXPECT_LE(*worst, static_cast<int>(kMost));
  EXPECT_EQ(table_->held(name_of(1)), 0U);
}

TEST_F(Concurrency, ARequestHoldsOneOfEachName) {
  HeldPlaces held;
  EXPECT_EQ(held.take(table_, me_, name_of(1), 1), Taking::taken);
  EXPECT_EQ(held.take(table_, me_, name_of(1), 1), Taking::taken) << "its own counts";
  EXPECT_EQ(table_->held(name_of(1)), 1U);
  held.keep();
  EXPECT_EQ(held.take(table_, me_, name_of(2), 1), Taking::taken);
  held.give_back_new();
  EXPECT_EQ(table_->held(name_of(2)), 0U);
  EXPECT_EQ(table_->held(name_of(1)), 1U);
  {
    HeldPlaces other;
    EXPECT_EQ(other.take(table_, me_, name_of(1), 1), Taking::too_many);
    for (std::uint64_t name = 10; name < 10 + HeldPlaces::kMost; ++name) {
      EXPECT_EQ(other.take(table_, me_, name_of(name), 1), Taking::taken);
    }
    EXPECT_EQ(other.take(table_, me_, name_of(99), 1), Taking::failed);
    EXPECT_EQ(table_->held(name_of(10)), 1U);
  }
  EXPECT_EQ(table_->held(name_of(10)), 0U);
  EXPECT_EQ(table_->held(name_of(1)), 1U);
}

}  // namespace
}  // namespace keyward
