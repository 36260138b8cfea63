#include "limit/key_slots.hpp"

#include <gtest/gtest.h>
#include <array>
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "shared_memory.hpp"

namespace keyward {
namespace {

using test::name_of;
using test::SharedMemory;

constexpr std::int64_t kNow = 1'800'000'000;

Sha256 sha_of(std::uint64_t number) { return sha256(view_of(name_of(number))); }

using Totals = std::map<Digest, std::uint64_t>;

class KeySlotsTest : public testing::Test {
 protected:
  explicit KeySlotsTest(std::size_t bytes = std::size_t{1024} * 1024) : memory_(bytes) {
    init_crypto();
    slots_ = KeySlots::create(memory_.data(), memory_.size());
  }

  // Drains all there is, in batches.
  std::vector<UsageDelta> drain_all(std::size_t batch = 100) {
    std::vector<UsageDelta> all;
    std::vector<UsageDelta> out(batch);
    while (const std::size_t count = slots_->drain(out.data(), out.size())) {
      all.insert(all.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count));
    }
    return all;
  }

  static Totals totals_of(const std::vector<UsageDelta> &deltas) {
    Totals totals;
    for (const UsageDelta &delta : deltas) {
      totals[delta.key] += delta.uses;
    }
    return totals;
  }

  bool remember(std::uint64_t key) { return slots_->remember(name_of(key), sha_of(key), name_of(key + 1)); }
  bool proven(std::uint64_t key, std::int64_t now_s = kNow) {
    return slots_->proven(name_of(key), sha_of(key), name_of(key + 1), now_s);
  }

  SharedMemory memory_;
  KeySlots *slots_ = nullptr;
};

class FewKeySlots : public KeySlotsTest {
 protected:
  FewKeySlots() : KeySlotsTest(1728) {}  // two buckets: those of every key
};

// So many that a drain's sweep reaches few of them.
class SomeKeySlots : public KeySlotsTest {
 protected:
  SomeKeySlots() : KeySlotsTest(std::size_t{128} * 1024) {}
};

TEST_F(KeySlotsTest, AreAdoptedOnlyAsWhatTheyAre) {
  ASSERT_NE(slots_, nullptr);
  EXPECT_TRUE(remember(1));
  EXPECT_EQ(KeySlots::adopt(memory_.data(), memory_.size()), slots_);
  EXPECT_TRUE(proven(1));
  EXPECT_EQ(KeySlots::adopt(memory_.data(), memory_.size() - 64), nullptr);
  SharedMemory zeroes(memory_.size());
  EXPECT_EQ(KeySlots::adopt(zeroes.data(), zeroes.size()), nullptr);
  EXPECT_EQ(KeySlots::create(zeroes.data(), 512), nullptr);
  EXPECT_GT(slots_->stats().slots, 16'000U);
  EXPECT_EQ(slots_->stats().used, 1U);
}

TEST_F(KeySlotsTest, AProofIsOfThisKeyAndThisRecordOnly) {
  EXPECT_FALSE(proven(1));
  EXPECT_TRUE(remember(1));
  EXPECT_TRUE(proven(1));
  for (std::size_t bit = 0; bit < 256; ++bit) {
    Sha256 sha = sha_of(1);
    sha[bit / 8] = static_cast<std::uint8_t>(sha[bit / 8] ^ (1U << (bit % 8)));
    EXPECT_FALSE(slots_->proven(name_of(1), sha, name_of(2), kNow));
  }
  for (std::size_t bit = 0; bit < 128; ++bit) {
    Digest tag = name_of(2);
    tag[bit / 8] = static_cast<std::uint8_t>(tag[bit / 8] ^ (1U << (bit % 8)));
    EXPECT_FALSE(slots_->proven(name_of(1), sha_of(1), tag, kNow));
  }
  // The record changed: the new proof replaces the old.
  EXPECT_TRUE(slots_->remember(name_of(1), sha_of(1), name_of(3)));
  EXPECT_FALSE(proven(1));
  EXPECT_TRUE(slots_->proven(name_of(1), sha_of(1), name_of(3), kNow));
  EXPECT_EQ(slots_->stats().used, 1U);
}

TEST_F(KeySlotsTest, SecretsDiffer) {
  SharedMemory other(memory_.size());
  KeySlots *others = KeySlots::create(other.data(), other.size());
  EXPECT_TRUE(remember(1));
  EXPECT_TRUE(others->remember(name_of(1), sha_of(1), name_of(2)));
  EXPECT_NE(memory_.copy(), other.copy());
}

TEST_F(KeySlotsTest, AUseWithoutAProofProvesNothing) {
  EXPECT_TRUE(slots_->count_use(name_of(1), kNow));
  EXPECT_FALSE(proven(1));
  EXPECT_TRUE(remember(1));
  EXPECT_TRUE(proven(1));
  EXPECT_EQ(slots_->stats().used, 1U);
}

TEST_F(KeySlotsTest, UsesAndRefusalsAreDrainedOnce) {
  for (std::uint64_t i = 0; i < 1000; ++i) {
    EXPECT_TRUE(slots_->count_use(name_of(i % 10), kNow + static_cast<std::int64_t>(i)));
  }
  EXPECT_TRUE(slots_->note_refusal(name_of(3), 4, kNow + 7));
  EXPECT_TRUE(slots_->note_refusal(name_of(11), 5, kNow + 8));
  EXPECT_TRUE(slots_->note_refusal(name_of(11), 6, kNow + 9));

  const std::vector<UsageDelta> deltas = drain_all(3);
  EXPECT_EQ(deltas.size(), 11U);
  for (const UsageDelta &delta : deltas) {
    if (delta.key == name_of(11)) {
      EXPECT_EQ(delta.uses, 0U);
      EXPECT_EQ(delta.last_used_s, 0);
      EXPECT_EQ(delta.refusal, 6);
      EXPECT_EQ(delta.refused_s, kNow + 9);
    } else {
      EXPECT_EQ(delta.uses, 100U);
      EXPECT_GE(delta.last_used_s, kNow + 990);
      EXPECT_EQ(delta.refusal, delta.key == name_of(3) ? 4 : 0);
      EXPECT_EQ(delta.refused_s, delta.key == name_of(3) ? kNow + 7 : 0);
    }
  }
  EXPECT_TRUE(drain_all().empty());
}

TEST_F(KeySlotsTest, WhatIsPutBackIsThereAgain) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(slots_->count_use(name_of(1), kNow));
  }
  EXPECT_TRUE(slots_->note_refusal(name_of(1), 4, kNow));
  std::vector<UsageDelta> deltas = drain_all();
  ASSERT_EQ(deltas.size(), 1U);

  EXPECT_TRUE(slots_->count_use(name_of(1), kNow + 1));
  EXPECT_TRUE(slots_->note_refusal(name_of(1), 9, kNow + 1));
  EXPECT_TRUE(slots_->put_back(deltas[0]));
  deltas = drain_all();
  ASSERT_EQ(deltas.size(), 1U);
  EXPECT_EQ(deltas[0].uses, 6U);
  EXPECT_EQ(deltas[0].last_used_s, kNow + 1);
  EXPECT_EQ(deltas[0].refusal, 9);  // the later one
  EXPECT_EQ(deltas[0].refused_s, kNow + 1);
}

TEST_F(KeySlotsTest, ADrainGoesOnWhereTheLastEnded) {
  constexpr std::uint64_t kKeys = 3000;
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    EXPECT_TRUE(slots_->count_use(name_of(i), kNow));
  }
  std::set<Digest> seen;
  std::array<UsageDelta, 64> out;
  for (std::size_t i = 0; i < kKeys / out.size() + 64; ++i) {
    const std::size_t count = slots_->drain(out.data(), out.size());
    for (std::size_t j = 0; j < count; ++j) {
      seen.insert(out[j].key);
      EXPECT_TRUE(slots_->count_use(out[j].key, kNow));  // all stay in use
    }
  }
  EXPECT_EQ(seen.size(), kKeys);
}

TEST_F(KeySlotsTest, ASecondIsNeverNegative) {
  EXPECT_TRUE(slots_->count_use(name_of(1), -5));
  EXPECT_TRUE(slots_->note_refusal(name_of(1), 3, -5));
  const std::vector<UsageDelta> deltas = drain_all();
  ASSERT_EQ(deltas.size(), 1U);
  EXPECT_EQ(deltas[0].uses, 1U);
  EXPECT_EQ(deltas[0].last_used_s, 0);
  EXPECT_EQ(deltas[0].refused_s, 0);
}

TEST_F(FewKeySlots, EvictNothingUndrained) {
  Totals expected;
  std::uint64_t lost = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    if (slots_->count_use(name_of(i), kNow)) {
      ++expected[name_of(i)];
    } else {
      ++lost;
    }
  }
  EXPECT_EQ(expected.size(), slots_->stats().slots);
  EXPECT_EQ(lost, 200 - slots_->stats().slots);
  EXPECT_FALSE(remember(1000));
  EXPECT_FALSE(slots_->note_refusal(name_of(1000), 3, kNow));
  const std::vector<UsageDelta> deltas = drain_all();
  EXPECT_EQ(totals_of(deltas), expected);

  EXPECT_TRUE(slots_->note_refusal(name_of(1000), 3, kNow));  // drained: there is room again
  EXPECT_TRUE(remember(1001));
  EXPECT_TRUE(proven(1001));
}

TEST_F(FewKeySlots, EvictTheLeastRecentlyUsedAndWhatHasNoProofFirst) {
  const std::uint64_t all = slots_->stats().slots;
  for (std::uint64_t i = 0; i < all; ++i) {
    EXPECT_TRUE(remember(i * 2));
    EXPECT_TRUE(proven(i * 2, kNow + static_cast<std::int64_t>(i)));
  }
  EXPECT_TRUE(slots_->count_use(name_of(9001), kNow + 100));  // evicts the oldest proof
  EXPECT_FALSE(proven(0));
  drain_all();
  EXPECT_TRUE(slots_->count_use(name_of(9003), kNow + 100));  // evicts 9001, which has none
  for (std::uint64_t i = 1; i < all; ++i) {
    EXPECT_TRUE(proven(i * 2, kNow + 200 - static_cast<std::int64_t>(i))) << i;
  }
  drain_all();
  EXPECT_TRUE(remember(9005));  // 9003
  EXPECT_TRUE(proven(9005, kNow + 300));
  EXPECT_TRUE(remember(9007));  // the proof used longest ago is now the last
  EXPECT_FALSE(proven((all - 1) * 2));
  EXPECT_TRUE(proven(2));
}

// ---- Many at once ---------------------------------------------------------------------------------------------------

// Four count, one drains and half the time puts back; nothing is lost, nothing counted twice.
template <typename Slots>
void count_and_drain(Slots *slots, std::atomic<std::uint64_t> *counted, std::atomic<int> *running, std::uint64_t seed,
                     std::uint64_t keys) {
  std::mt19937_64 random(seed);
  for (int i = 0; i < 30'000; ++i) {
    const std::uint64_t key = random() % keys;
    if (slots->count_use(name_of(key), kNow)) {
      counted[key]++;
    }
  }
  --*running;
}

template <typename Slots>
Totals drain_and_put_back(Slots *slots, const std::atomic<int> &running) {
  Totals stored;
  std::array<UsageDelta, 50> out;
  for (std::size_t i = 0, idle = 0; idle < 2000; ++i) {
    const bool last = running == 0;
    const std::size_t count = slots->drain(out.data(), out.size());
    for (std::size_t j = 0; j < count; ++j) {
      if (last || (i + j) % 2 == 0 || !slots->put_back(out[j])) {
        stored[out[j].key] += out[j].uses;
      }
    }
    idle = last && count == 0 ? idle + 1 : 0;
  }
  return stored;
}

constexpr std::uint64_t kManyKeys = 100;

struct Tally {
  std::atomic<int> running{4};
  std::atomic<std::uint64_t> counted[kManyKeys];
};

void expect_equal(const Tally &tally, const Totals &stored) {
  for (std::uint64_t key = 0; key < kManyKeys; ++key) {
    const auto found = stored.find(name_of(key));
    EXPECT_EQ(found == stored.end() ? 0 : found->second, tally.counted[key]) << key;
  }
}

TEST_F(FewKeySlots, ThreadsLoseNoUse) {
  Tally tally{};
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] { count_and_drain(slots_, tally.counted, &tally.running, i, kManyKeys); });
  }
  const Totals stored = drain_and_put_back(slots_, tally.running);
  for (std::thread &thread : threads) {
    thread.join();
  }
  expect_equal(tally, stored);
}

TEST_F(FewKeySlots, ProcessesLoseNoUse) {
  test::Shared<Tally> tally;
  std::array<pid_t, 4> children{};
  for (std::size_t i = 0; i < children.size(); ++i) {
    children[i] = test::spawn([&, i] { count_and_drain(slots_, tally->counted, &tally->running, i, kManyKeys); });
  }
  const Totals stored = drain_and_put_back(slots_, tally->running);
  for (const pid_t child : children) {
    EXPECT_TRUE(test::ended_well(child));
  }
  expect_equal(*tally, stored);
}

// Slots that change hands all the time: a proof is only ever found where it was made.
TEST_F(FewKeySlots, ProofsStayTrueWhileSlotsChangeHands) {
  std::atomic<std::uint64_t> found{0};
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      std::mt19937_64 random(i);
      for (int j = 0; j < 20'000; ++j) {
        const std::uint64_t key = random() % 60;
        if (random() % 4 == 0) {
          remember(key);
        }
        found += proven(key) ? 1U : 0U;
        EXPECT_FALSE(slots_->proven(name_of(key), sha_of(key + 1), name_of(key + 1), kNow));
        EXPECT_FALSE(slots_->proven(name_of(key), sha_of(key), name_of(key + 2), kNow));
      }
    });
  }
  for (std::thread &thread : threads) {
    thread.join();
  }
  EXPECT_GT(found, 1000U);
}

// ---- Kills ----------------------------------------------------------------------------------------------------------

TEST_F(FewKeySlots, AnyKillLosesOneUseAtMost) {
  std::mt19937 random(5);
  for (std::uint64_t round = 0; round < 30; ++round) {
    test::Shared<Tally> tally;
    std::array<pid_t, 3> children{};
    for (std::size_t i = 0; i < children.size(); ++i) {
      children[i] = test::spawn([&, i] {
        for (std::uint64_t seed = round * 8 + i;; ++seed) {
          count_and_drain(slots_, tally->counted, &tally->running, seed, kManyKeys);
          tally->running = 4;
        }
      });
    }
    const auto sum = [&] {
      std::uint64_t all = 0;
      for (const std::atomic<std::uint64_t> &count : tally->counted) {
        all += count;
      }
      return all;
    };
    const std::uint64_t until = 100 + random() % 2000;
    Totals stored;
    std::array<UsageDelta, 20> out;
    const auto drain_once = [&] {
      const std::size_t count = slots_->drain(out.data(), out.size());
      for (std::size_t j = 0; j < count; ++j) {
        stored[out[j].key] += out[j].uses;
      }
      return count;
    };
    EXPECT_TRUE(test::poll_until([&] {
      drain_once();
      return sum() >= until;
    }));
    for (const pid_t child : children) {
      test::kill_and_reap(child);
    }
    for (int idle = 0; idle < 100; idle = drain_once() == 0 ? idle + 1 : 0) {
    }
    std::uint64_t more = 0;  // counted, and killed before it was tallied
    for (std::uint64_t key = 0; key < kManyKeys; ++key) {
      EXPECT_GE(stored[name_of(key)], tally->counted[key]);
      more += stored[name_of(key)] - tally->counted[key];
    }
    EXPECT_LE(more, children.size());
  }
  for (std::uint64_t key = 0; key < slots_->stats().slots; ++key) {
    EXPECT_TRUE(remember(key * 2));
    EXPECT_TRUE(proven(key * 2, kNow + static_cast<std::int64_t>(key)));
  }
}

TEST_F(FewKeySlots, AKillAtAnyStoreOfATakeoverHarmsNothing) {
  for (std::uint64_t i = 0; i < slots_->stats().slots; ++i) {
    EXPECT_TRUE(remember(i * 2));
    EXPECT_TRUE(proven(i * 2, kNow + static_cast<std::int64_t>(i)));
  }
  const std::size_t moments = test::kill_at_every_store(
      &memory_, [&] { slots_->count_use(name_of(5001), kNow + 50); },
      [&] {
        EXPECT_TRUE(slots_->count_use(name_of(5001), kNow + 51));
        EXPECT_TRUE(slots_->count_use(name_of(5003), kNow + 51));
        Totals totals = totals_of(drain_all());
        EXPECT_EQ(totals.size(), 2U);
        EXPECT_LE(totals[name_of(5001)], 2U);
        EXPECT_GE(totals[name_of(5001)], 1U);
        EXPECT_EQ(totals[name_of(5003)], 1U);
        int kept = 0;
        for (std::uint64_t i = 0; i < slots_->stats().slots; ++i) {
          kept += proven(i * 2, kNow + 60) ? 1 : 0;
        }
        EXPECT_GE(kept + 2, static_cast<int>(slots_->stats().slots));
      });
  EXPECT_EQ(moments > 5, test::kCanStep);
}

TEST_F(FewKeySlots, AKillAtAnyStoreOfADrainLosesOneBatchAtMost) {
  for (std::uint64_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(slots_->count_use(name_of(i), kNow));
  }
  test::kill_at_every_store(
      &memory_,
      [&] {
        std::array<UsageDelta, 8> out;
        slots_->drain(out.data(), out.size());
      },
      [&] {
        const Totals totals = totals_of(drain_all());  // also what lost its mark
        for (const auto &[key, uses] : totals) {
          EXPECT_EQ(uses, 1U);
        }
        for (std::uint64_t i = 0; i < 3; ++i) {
          EXPECT_TRUE(slots_->count_use(name_of(i), kNow));
        }
        EXPECT_EQ(drain_all().size(), 3U);
      });
}

// ---- One slot, two keys ---------------------------------------------------------------------------------------------

// All slots have proofs but one, whose key was used and drained: the next newcomer gets that one.
class ContestedSlot : public FewKeySlots {
 protected:
  ContestedSlot() {
    for (std::uint64_t i = 1; i < slots_->stats().slots; ++i) {
      EXPECT_TRUE(remember(i * 2));
    }
    EXPECT_TRUE(slots_->count_use(owner_, kNow));
    EXPECT_EQ(slots_->stats().used, slots_->stats().slots);
    drain_all();
  }

  const Digest owner_ = name_of(9001);
  const Digest newcomer_ = name_of(9003);
};

TEST_F(ContestedSlot, AUseOfItsOldOwnerIsNotTheNewOnes) {
  test::interleave_before_every_store(
      &memory_, [&] { slots_->count_use(owner_, kNow + 5); }, [&] { return slots_->count_use(newcomer_, kNow + 1); },
      [&] {
        for (const UsageDelta &delta : drain_all()) {
          EXPECT_EQ(delta.uses, 1U);
          EXPECT_EQ(delta.last_used_s, delta.key == owner_ ? kNow + 5 : kNow + 1);
        }
        EXPECT_TRUE(slots_->count_use(owner_, kNow));  // slots are as good as ever
        EXPECT_TRUE(slots_->count_use(newcomer_, kNow));
        EXPECT_EQ(drain_all().size(), 2U);
      });
}

TEST_F(ContestedSlot, ARefusalOfItsOldOwnerIsNotTheNewOnes) {
  test::interleave_before_every_store(
      &memory_, [&] { slots_->note_refusal(owner_, 4, kNow + 5); },
      [&] { return slots_->note_refusal(newcomer_, 5, kNow + 1); },
      [&] {
        const std::vector<UsageDelta> deltas = drain_all();
        EXPECT_EQ(deltas.size(), 2U);
        for (const UsageDelta &delta : deltas) {
          EXPECT_EQ(delta.refusal, delta.key == owner_ ? 4 : 5);
          EXPECT_EQ(delta.refused_s, delta.key == owner_ ? kNow + 5 : kNow + 1);
        }
      });
}

// A drain under way, and a use at each of its instructions: drained now, or marked for the next.
TEST_F(SomeKeySlots, AUseDuringADrainIsMarkedOrDrained) {
  EXPECT_TRUE(slots_->count_use(name_of(1), kNow));
  test::Shared<std::atomic<std::uint64_t>> drained;
  int uses = 0;
  const std::size_t tried = test::interleave_before_every_store(
      &memory_,
      [&] {
        std::array<UsageDelta, 8> out;
        *drained = slots_->drain(out.data(), out.size()) == 0 ? 0 : out[0].uses;
      },
      [&] { return slots_->count_use(name_of(1), kNow) && ++uses < 45; },  // the rest is the sweep
      [&] {
        std::array<UsageDelta, 8> out;
        const std::uint64_t rest = slots_->drain(out.data(), out.size()) == 0 ? 0 : out[0].uses;
        EXPECT_EQ(*drained + rest, 2U);
      });
  EXPECT_EQ(tried > 20, test::kCanStep);
}

}  // namespace
}  // namespace keyward
