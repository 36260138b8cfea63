#include "limit/zone.hpp"

#include <gtest/gtest.h>
#include <array>
#include <atomic>
#include <cstdio>
#include <string>

#include "shared_memory.hpp"

namespace keyward {
namespace {

using test::name_of;
using test::SharedMemory;

class ZoneTest : public testing::Test {
 protected:
  ZoneTest() : memory_(std::size_t{1024} * 1024) {
    init_crypto();
    created_ = Zone::create(memory_.data(), memory_.size(), &zone_);
  }

  SharedMemory memory_;
  Zone zone_;
  bool created_ = false;
};

TEST_F(ZoneTest, HasAllParts) {
  ASSERT_TRUE(created_);
  EXPECT_GT(zone_.principals->stats(0).slots, 7000U);
  EXPECT_GT(zone_.addresses->stats(0).slots, 7000U);
  EXPECT_GT(zone_.keys->stats().slots, 7000U);
  EXPECT_EQ(zone_.gate->held(), 0U);
  EXPECT_NE(*zone_.secret, DigestKey{});
}

TEST_F(ZoneTest, IsAdoptedWithWhatItHolds) {
  Charge charge;
  charge.name = name_of(1);
  charge.rate = {3, 60};
  EXPECT_TRUE(zone_.principals->charge(charge, 5).admitted);
  EXPECT_TRUE(zone_.keys->count_use(name_of(2), 7));
  zone_.count_decision(0);
  zone_.count_decision(255);
  zone_.count_lost_usage();

  Zone adopted;
  ASSERT_TRUE(Zone::adopt(memory_.data(), memory_.size(), &adopted));
  EXPECT_EQ(adopted.principals->look(charge, 5).remaining, 2U);
  EXPECT_EQ(adopted.addresses->look(charge, 5).remaining, 3U);
  std::array<UsageDelta, 4> out;
  EXPECT_EQ(adopted.keys->drain(out.data(), out.size()), 1U);
  EXPECT_EQ(*adopted.secret, *zone_.secret);
  EXPECT_EQ(adopted.decisions(0), 1U);
  EXPECT_EQ(adopted.decisions(1), 0U);
  EXPECT_EQ(adopted.decisions(255), 1U);
  EXPECT_EQ(adopted.lost_usage(), 1U);
}

TEST_F(ZoneTest, IsNotAdoptedAsAnother) {
  Zone zone;
  EXPECT_FALSE(Zone::adopt(memory_.data(), memory_.size() - 4096, &zone));
  EXPECT_FALSE(Zone::adopt(memory_.data(), 100, &zone));
  SharedMemory other(memory_.size());
  EXPECT_FALSE(Zone::adopt(other.data(), other.size(), &zone));
  EXPECT_FALSE(Zone::create(other.data(), kMinZoneBytes - 1, &zone));
  EXPECT_EQ(zone.principals, nullptr);
  ASSERT_TRUE(Zone::create(other.data(), kMinZoneBytes, &zone));
  EXPECT_NE(*zone.secret, *zone_.secret);
}

// Whatever the last bytes are: nothing is written beyond them.
TEST_F(ZoneTest, FitsAnySize) {
  SharedMemory other(kMinZoneBytes + 8192);
  for (std::size_t bytes = kMinZoneBytes; bytes < kMinZoneBytes + 4096; bytes += 101) {
    other.restore(std::vector<std::uint8_t>(other.size(), 0));
    auto *beyond = static_cast<std::uint8_t *>(other.data()) + bytes;
    std::memset(beyond, 0x5a, other.size() - bytes);
    Zone zone;
    ASSERT_TRUE(Zone::create(other.data(), bytes, &zone));
    Charge charge;
    charge.rate = {3, 60};
    for (std::uint64_t i = 0; i < 5000; ++i) {
      charge.name = name_of(i);
      zone.principals->charge(charge, 5);
      zone.addresses->charge(charge, 5);
      zone.keys->count_use(charge.name, 5);
    }
    for (std::size_t i = 0; i < other.size() - bytes; ++i) {
      ASSERT_EQ(beyond[i], 0x5a);
    }
  }
}

TEST_F(ZoneTest, TheFirstSettlesTheSecretForAll) {
  const DigestKey of_store = random_bytes<16>();
  const DigestKey other = random_bytes<16>();
  const DigestKey own = *zone_.secret;
  EXPECT_FALSE(zone_.has_store_secret());
  EXPECT_TRUE(zone_.settle_secret(&of_store));
  EXPECT_TRUE(zone_.settle_secret(&other));
  EXPECT_TRUE(zone_.settle_secret(nullptr));
  Zone adopted;
  ASSERT_TRUE(Zone::adopt(memory_.data(), memory_.size(), &adopted));
  for (const Zone *zone : {&zone_, &adopted}) {
    EXPECT_TRUE(zone->has_store_secret());
    EXPECT_EQ(*zone->secret, of_store);
    EXPECT_NE(*zone->secret, own);
  }
  SharedMemory memory(memory_.size());
  ASSERT_TRUE(Zone::create(memory.data(), memory.size(), &adopted));
  EXPECT_TRUE(adopted.settle_secret(nullptr));
  EXPECT_TRUE(adopted.settle_secret(&of_store));
  EXPECT_FALSE(adopted.has_store_secret());
  EXPECT_NE(*adopted.secret, of_store);
}

TEST_F(ZoneTest, ACopyHasWhatTheOtherHas) {
  const DigestKey of_store = random_bytes<16>();
  ASSERT_TRUE(zone_.settle_secret(&of_store));
  zone_.set_windows_loaded();
  zone_.count_decision(3);
  zone_.count_lost_usage();
  Charge charge;
  charge.rate = {3, 60};
  const Sha256 sha = sha256("key");
  for (std::uint64_t i = 0; i < 1000; ++i) {
    charge.name = name_of(i);
    zone_.principals->charge(charge, 5);
    zone_.addresses->charge(charge, 5);
    zone_.addresses->charge(charge, 5);
    EXPECT_TRUE(zone_.keys->remember(name_of(i), sha, name_of(i + 1)));
  }
  EXPECT_TRUE(zone_.keys->count_use(name_of(1), 7));
  for (const std::size_t bytes : {std::size_t{512} * 1024, std::size_t{3} * 1024 * 1024}) {
    SharedMemory memory(bytes);
    Zone copy;
    ASSERT_TRUE(Zone::create(memory.data(), memory.size(), &copy));
    EXPECT_EQ(copy.copy_from(&zone_, 6), 0U);
    EXPECT_EQ(*copy.secret, of_store);
    EXPECT_TRUE(copy.windows_loaded());
    EXPECT_FALSE(copy.retired());
    EXPECT_EQ(copy.decisions(3), 1U);
    EXPECT_EQ(copy.lost_usage(), 1U);
    for (std::uint64_t i = 0; i < 1000; ++i) {
      charge.name = name_of(i);
      EXPECT_EQ(copy.principals->look(charge, 6).remaining, 2U);
      EXPECT_EQ(copy.addresses->look(charge, 6).remaining, 1U);
      EXPECT_TRUE(copy.keys->proven(name_of(i), sha, name_of(i + 1), 8));
      EXPECT_FALSE(copy.keys->proven(name_of(i), sha, name_of(i), 8));
    }
    // Uses stay where their workers drain them: they aren't counted twice.
    std::array<UsageDelta, 4> out;
    EXPECT_EQ(copy.keys->drain(out.data(), out.size()), 0U);
  }
  std::array<UsageDelta, 4> out;
  EXPECT_EQ(zone_.keys->drain(out.data(), out.size()), 1U);
}

// In a smaller zone the keys that were used last stay proven.
TEST_F(ZoneTest, ASmallerCopyKeepsTheLatestProofs) {
  const Sha256 sha = sha256("key");
  constexpr std::uint64_t kKeys = 7000;
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    EXPECT_TRUE(zone_.keys->remember(name_of(i), sha, name_of(i)));
    EXPECT_TRUE(zone_.keys->proven(name_of(i), sha, name_of(i), static_cast<std::int64_t>(1000 + i)));
  }
  SharedMemory memory(kMinZoneBytes);
  Zone copy;
  ASSERT_TRUE(Zone::create(memory.data(), memory.size(), &copy));
  copy.copy_from(&zone_, 6);
  std::uint64_t proven = 0;
  std::uint64_t late = 0;
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    const bool is_proven = copy.keys->proven(name_of(i), sha, name_of(i), 9000);
    proven += is_proven ? 1U : 0U;
    late += is_proven && i >= kKeys - 1000 ? 1U : 0U;
  }
  EXPECT_GT(proven, copy.keys->stats().slots * 9 / 10);
  EXPECT_GT(late, 950U);
}

TEST_F(ZoneTest, TheWallClockIsSettledUntilItSteps) {
  EXPECT_EQ(zone_.settle_wall(5'000'000), 5'000'000);
  EXPECT_EQ(zone_.settle_wall(5'001'000), 5'000'000);
  EXPECT_EQ(zone_.settle_wall(4'999'000), 5'000'000);
  EXPECT_EQ(zone_.settle_wall(5'001'001), 5'001'001);
  EXPECT_EQ(zone_.settle_wall(1000), 1000);
}

TEST_F(ZoneTest, OneProcessHoldsTheLease) {
  EXPECT_TRUE(zone_.take_flush_lease(100, 1000, 3000));
  EXPECT_FALSE(zone_.take_flush_lease(101, 1000, 3000));
  EXPECT_TRUE(zone_.take_flush_lease(100, 2000, 3000));
  EXPECT_FALSE(zone_.take_flush_lease(101, 4999, 3000));
  EXPECT_TRUE(zone_.take_flush_lease(101, 5000, 3000));
  EXPECT_FALSE(zone_.take_flush_lease(100, 5000, 3000));
  EXPECT_TRUE(zone_.take_flush_lease(101, 6000, 0));  // given up
  EXPECT_TRUE(zone_.take_flush_lease((1 << 22) - 1, 6000, 3000));
  EXPECT_FALSE(zone_.take_flush_lease(101, 6000, 3000));
}

TEST_F(ZoneTest, OfManyProcessesOneGetsTheLease) {
  for (std::uint64_t round = 0; round < 20; ++round) {
    test::Shared<std::atomic<int>> holders;
    std::array<pid_t, 4> children{};
    for (pid_t &child : children) {
      child = test::spawn([&] { *holders += zone_.take_flush_lease(getpid(), round * 1000, 1000) ? 1 : 0; });
    }
    for (const pid_t child : children) {
      EXPECT_TRUE(test::ended_well(child));
    }
    EXPECT_EQ(*holders, 1);
  }
}

TEST_F(ZoneTest, ProcessesCountDecisionsExactly) {
  std::array<pid_t, 4> children{};
  for (pid_t &child : children) {
    child = test::spawn([&] {
      for (int i = 0; i < 10'000; ++i) {
        zone_.count_decision(19);
      }
    });
  }
  for (const pid_t child : children) {
    EXPECT_TRUE(test::ended_well(child));
  }
  EXPECT_EQ(zone_.decisions(19), 40'000U);
}

// "dd" among the mapping's flags in smaps: not in core files.
TEST_F(ZoneTest, StaysOutOfCoreFiles) {
  char begin[32];
  std::snprintf(begin, sizeof(begin), "%lx-", reinterpret_cast<unsigned long>(memory_.data()));
  std::FILE *maps = std::fopen("/proc/self/smaps", "re");
  ASSERT_NE(maps, nullptr);
  char line[512];
  bool ours = false;
  std::string flags;
  while (std::fgets(line, sizeof(line), maps) != nullptr) {
    const std::string_view text(line);
    if (text.find('-') < text.find(' ')) {
      ours = text.substr(0, std::string_view(begin).size()) == begin;
    } else if (ours && text.substr(0, 8) == "VmFlags:") {
      flags = text;
    }
  }
  std::fclose(maps);
  EXPECT_NE(flags.find(" dd"), std::string::npos) << flags;
}

}  // namespace
}  // namespace keyward
