#include "limit/gate.hpp"

#include <gtest/gtest.h>
#include <array>
#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "shared_memory.hpp"

namespace keyward {
namespace {

using test::name_of;

bool never(void *) noexcept { return false; }
bool always(void *) noexcept { return true; }

bool is_set(void *flag) noexcept { return *static_cast<std::atomic<bool> *>(flag); }

class GateTest : public testing::Test {
 protected:
  GateTest() : memory_(VerifierGate::size()), gate_(VerifierGate::create(memory_.data())) {}

  // A place, or none if none is free right now.
  VerifierGate::Place try_enter(std::size_t places, std::uint64_t work, bool *shared = nullptr) {
    bool unused = false;
    return gate_->enter(places, name_of(work), shared == nullptr ? &unused : shared, always, nullptr);
  }

  test::SharedMemory memory_;
  VerifierGate *gate_;
};

TEST_F(GateTest, IsAdoptedOnlyAsOne) {
  ASSERT_NE(gate_, nullptr);
  EXPECT_EQ(VerifierGate::adopt(memory_.data()), gate_);
  test::SharedMemory zeroes(VerifierGate::size());
  EXPECT_EQ(VerifierGate::adopt(zeroes.data()), nullptr);
}

TEST_F(GateTest, HasSoManyPlaces) {
  std::vector<VerifierGate::Place> held;
  for (std::uint64_t i = 0; i < VerifierGate::kMaxPlaces; ++i) {
    held.push_back(try_enter(1000, i));
    EXPECT_TRUE(held.back());
    EXPECT_EQ(gate_->held(), i + 1);
  }
  EXPECT_FALSE(try_enter(1000, 1000));
  held.pop_back();
  EXPECT_TRUE(try_enter(1000, 1000));
  held.clear();
  EXPECT_EQ(gate_->held(), 0U);

  const VerifierGate::Place only = try_enter(0, 1);  // at least one
  EXPECT_TRUE(only);
  EXPECT_FALSE(try_enter(1, 2));
  EXPECT_TRUE(try_enter(2, 2));
}

TEST_F(GateTest, APlaceMovesWithItsHold) {
  VerifierGate::Place first = try_enter(1, 1);
  VerifierGate::Place second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that is what is looked at
  EXPECT_TRUE(second);
  EXPECT_EQ(gate_->held(), 1U);
  second = VerifierGate::Place();
  EXPECT_EQ(gate_->held(), 0U);
}

TEST_F(GateTest, TheSameWorkWaitsForItsEnd) {
  bool shared = false;
  std::atomic<bool> waiting{false};
  VerifierGate::Place place = try_enter(8, 1, &shared);
  EXPECT_FALSE(shared);
  EXPECT_FALSE(try_enter(8, 1, &shared));
  EXPECT_TRUE(shared);

  bool other_shared = false;
  std::thread other([&] {
    const auto note = [](void *flag) noexcept {
      *static_cast<std::atomic<bool> *>(flag) = true;
      return false;
    };
    EXPECT_TRUE(gate_->enter(8, name_of(1), &other_shared, note, &waiting));
  });
  EXPECT_TRUE(test::poll_until([&] { return waiting.load(); }));
  place = VerifierGate::Place();
  other.join();
  EXPECT_TRUE(other_shared);
  EXPECT_EQ(gate_->held(), 0U);
}

TEST_F(GateTest, WaitingCanBeGivenUp) {
  const VerifierGate::Place place = try_enter(1, 1);
  std::atomic<bool> closing{false};
  std::thread other([&] {
    bool shared = false;
    EXPECT_FALSE(gate_->enter(1, name_of(2), &shared, is_set, &closing));
    EXPECT_FALSE(shared);
  });
  closing = true;
  other.join();
}

TEST_F(GateTest, NoMoreThanItsPlacesWorkAtOnce) {
  constexpr int kPlaces = 2;
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      for (std::uint64_t j = 0; j < 300; ++j) {
        bool shared = false;
        const VerifierGate::Place place = gate_->enter(kPlaces, name_of(i * 1000 + j), &shared, never, nullptr);
        EXPECT_TRUE(place);
        const int now = ++inside;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        sched_yield();
        --inside;
      }
    });
  }
  for (std::thread &thread : threads) {
    thread.join();
  }
  EXPECT_LE(most, kPlaces);
  EXPECT_EQ(gate_->held(), 0U);
}

// Spare work: what anybody can make us do, and what must not keep the rest waiting.

TEST_F(GateTest, SpareWorkHasAQuarterOfThePlaces) {
  bool shared = false;
  const auto spare = [&](std::size_t places, std::uint64_t work) {
    return gate_->enter_spare(places, name_of(work), &shared, always, nullptr);
  };
  std::vector<VerifierGate::Place> held;
  held.push_back(spare(12, 1));
  held.push_back(spare(12, 2));
  held.push_back(spare(12, 3));
  EXPECT_TRUE(held.back());
  EXPECT_FALSE(spare(12, 4));
  for (std::uint64_t work = 10; work < 19; ++work) {
    held.push_back(try_enter(12, work));
    EXPECT_TRUE(held.back());
  }
  EXPECT_FALSE(try_enter(12, 20));
  held.clear();
  // Of few places at least one.
  for (std::size_t places = 1; places < 4; ++places) {
    const VerifierGate::Place one = spare(places, 1);
    EXPECT_TRUE(one);
    EXPECT_FALSE(spare(places, 2));
  }
  EXPECT_EQ(gate_->held(), 0U);
}

TEST_F(GateTest, SpareWorkWaitsWhereTheSameIsDone) {
  bool shared = false;
  const VerifierGate::Place place = gate_->enter_spare(8, name_of(1), &shared, always, nullptr);
  EXPECT_TRUE(place);
  EXPECT_FALSE(shared);
  EXPECT_FALSE(gate_->enter_spare(8, name_of(1), &shared, always, nullptr));
  EXPECT_TRUE(shared);
}

TEST_F(GateTest, SpareWorkHasNoTurnWhileOthersWait) {
  VerifierGate::Place place = try_enter(1, 1);
  bool shared = false;
  std::atomic<int> asked{0};
  std::atomic<bool> may_end{false};
  const auto note = [](void *count) noexcept {
    ++*static_cast<std::atomic<int> *>(count);
    return false;
  };
  std::thread other([&] {
    bool other_shared = false;
    const VerifierGate::Place entered = gate_->enter(1, name_of(2), &other_shared, note, &asked);
    EXPECT_TRUE(entered);
    EXPECT_TRUE(test::poll_until([&] { return may_end.load(); }));
  });
  // Twice asked: it has said that it waits.
  EXPECT_TRUE(test::poll_until([&] { return asked >= 2; }));
  EXPECT_FALSE(gate_->enter_spare(64, name_of(3), &shared, always, nullptr)) << "63 places are free";
  place = VerifierGate::Place();
  EXPECT_TRUE(test::poll_until([&] {
    return static_cast<bool>(gate_->enter_spare(64, name_of(3), &shared, always, nullptr));
  })) << "nobody waits any more";
  may_end = true;
  other.join();
}

// While others wait for the only place, whatever comes and goes of spare work leaves them three quarters of its time.
TEST_F(GateTest, SpareWorkRestsWhereOthersWaited) {
  bool shared = false;
  VerifierGate::Place spare = gate_->enter_spare(1, name_of(1), &shared, always, nullptr);
  ASSERT_TRUE(spare);
  EXPECT_FALSE(try_enter(1, 2));
  const auto began = std::chrono::steady_clock::now();
  EXPECT_TRUE(
      test::poll_until([&] { return std::chrono::steady_clock::now() - began > std::chrono::milliseconds(50); }));
  spare = VerifierGate::Place();
  const auto ended = std::chrono::steady_clock::now();
  EXPECT_TRUE(try_enter(1, 2)) << "others don't rest";
  EXPECT_TRUE(gate_->enter_spare(1, name_of(3), &shared, never, nullptr));
  EXPECT_GE(std::chrono::steady_clock::now() - ended, std::chrono::milliseconds(150));
  // Nobody waited for that one.
  EXPECT_TRUE(gate_->enter_spare(1, name_of(4), &shared, always, nullptr));
}

TEST_F(GateTest, AKilledWaiterHoldsNoSpareWorkUp) {
  test::Shared<std::atomic<int>> asked;
  VerifierGate::Place place = try_enter(1, 1);
  const pid_t child = test::spawn([&] {
    const auto note = [](void *count) noexcept {
      ++*static_cast<std::atomic<int> *>(count);
      return false;
    };
    bool shared = false;
    gate_->enter(1, name_of(2), &shared, note, &*asked);
  });
  EXPECT_TRUE(test::poll_until([&] { return *asked >= 2; }));
  bool shared = false;
  EXPECT_FALSE(gate_->enter_spare(8, name_of(3), &shared, always, nullptr));
  test::kill_and_reap(child);
  EXPECT_TRUE(gate_->enter_spare(8, name_of(3), &shared, always, nullptr));
}

// Each piece of work is wanted by all at the same moment; one does it, the others find it done.
TEST_F(GateTest, WorkIsDoneOnce) {
  constexpr int kWorks = 300;
  constexpr int kChildren = 3;
  struct Board {
    std::atomic<int> arrived[kWorks];
    std::atomic<int> done[kWorks];
  };
  test::Shared<Board> board;
  std::array<pid_t, kChildren> children{};
  for (pid_t &child : children) {
    child = test::spawn([&] {
      for (int work = 0; work < kWorks; ++work) {
        bool shared = false;
        board->arrived[work]++;
        if (!test::poll_until([&] { return board->arrived[work] == kChildren; })) {
          _exit(1);
        }
        const VerifierGate::Place place =
            gate_->enter(kChildren, name_of(static_cast<std::uint64_t>(work)), &shared, never, nullptr);
        if (!place) {
          _exit(1);
        }
        if (board->done[work] == 0) {  // as the holder of a place looks again
          sched_yield();
          board->done[work]++;
        }
      }
    });
  }
  for (const pid_t child : children) {
    EXPECT_TRUE(test::ended_well(child));
  }
  for (const std::atomic<int> &done : board->done) {
    EXPECT_EQ(done, 1);
  }
}

TEST_F(GateTest, AKilledHolderGivesItsPlaceBack) {
  test::Shared<std::atomic<bool>> entered;
  for (std::uint64_t round = 0; round < 20; ++round) {
    *entered = false;
    const pid_t child = test::spawn([&] {
      const VerifierGate::Place place = try_enter(1, round % 2);
      *entered = true;
      for (;;) {
        pause();
      }
    });
    EXPECT_TRUE(test::poll_until([&] { return entered->load(); }));
    EXPECT_EQ(gate_->held(), 1U);
    EXPECT_FALSE(try_enter(1, 5));
    test::kill_and_reap(child);
    bool shared = false;
    EXPECT_TRUE(gate_->enter(1, name_of(0), &shared, never, nullptr));  // the same work, or another
    EXPECT_EQ(gate_->held(), 0U);
  }
}

// Waits from before the kill, which wakes nobody.
TEST_F(GateTest, AWaiterNoticesAKill) {
  test::Shared<std::atomic<bool>> entered;
  const pid_t child = test::spawn([&] {
    const VerifierGate::Place place = try_enter(1, 1);
    *entered = true;
    for (;;) {
      pause();
    }
  });
  EXPECT_TRUE(test::poll_until([&] { return entered->load(); }));
  std::atomic<bool> waiting{false};
  std::thread other([&] {
    const auto note = [](void *flag) noexcept {
      *static_cast<std::atomic<bool> *>(flag) = true;
      return false;
    };
    bool shared = false;
    EXPECT_TRUE(gate_->enter(1, name_of(1), &shared, note, &waiting));
    EXPECT_TRUE(shared);
  });
  EXPECT_TRUE(test::poll_until([&] { return waiting.load(); }));
  test::kill_and_reap(child);
  other.join();
}

TEST_F(GateTest, RandomKillsNeverLetMoreIn) {
  constexpr int kPlaces = 2;
  struct Inside {
    std::atomic<std::uint64_t> entries;
    std::atomic<int> holders[4];  // by child: 1 if it holds a place
  };
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    test::Shared<Inside> inside;
    test::Shared<std::atomic<int>> broken;
    std::array<pid_t, 4> children{};
    for (std::size_t i = 0; i < children.size(); ++i) {
      children[i] = test::spawn([&, i] {
        for (std::uint64_t work = i * 1'000'000;; ++work) {
          bool shared = false;
          const VerifierGate::Place place = gate_->enter(kPlaces, name_of(work), &shared, never, nullptr);
          inside->holders[i] = 1;
          int now = 0;
          for (const std::atomic<int> &holder : inside->holders) {
            now += holder;
          }
          *broken += now > kPlaces ? 1 : 0;
          inside->entries++;
          inside->holders[i] = 0;
        }
      });
    }
    const std::uint64_t until = 50 + random() % 500;
    EXPECT_TRUE(test::poll_until([&] { return inside->entries >= until; }));
    for (std::size_t i = 0; i < children.size(); ++i) {
      // Stopped first, so that it is no longer counted before its place can be another's.
      kill(children[i], SIGSTOP);
      waitpid(children[i], nullptr, WUNTRACED);
      inside->holders[i] = 0;
      test::kill_and_reap(children[i]);
      const std::uint64_t more = inside->entries + 20;
      EXPECT_TRUE(i + 1 == children.size() || test::poll_until([&] { return inside->entries >= more; }));
    }
    EXPECT_EQ(*broken, 0);
    EXPECT_EQ(gate_->held(), 0U);
  }
}

}  // namespace
}  // namespace keyward
