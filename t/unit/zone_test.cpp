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
