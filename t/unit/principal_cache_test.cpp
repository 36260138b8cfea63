#include "auth/principal_cache.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace keyward {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::int64_t kHour = 3600;
constexpr Generation kGeneration{3, 17};

std::shared_ptr<const Principal> principal_of(const std::string &id,
                                              std::int64_t stands_until_s = std::numeric_limits<std::int64_t>::max()) {
  auto principal = std::make_shared<Principal>();
  principal->key_id = id;
  principal->stands_until_s = stands_until_s;
  return principal;
}

class PrincipalCacheTest : public testing::Test {
 protected:
  void put(const std::string &credential, std::int64_t now_s,
           std::int64_t stands_until_s = std::numeric_limits<std::int64_t>::max()) {
    cache_.put(cache_.name_of(credential), kGeneration, now_s, principal_of(credential, stands_until_s));
  }
  // The id of who is remembered; empty: nobody is.
  std::string find(const std::string &credential, std::int64_t now_s, Generation generation = kGeneration) {
    const auto found = cache_.find(cache_.name_of(credential), generation, now_s);
    return found ? found->key_id : std::string();
  }

  PrincipalCache cache_{64, 1U << 20};
};

TEST_F(PrincipalCacheTest, RemembersWhoItWasTold) {
  EXPECT_EQ(find("a", kNow), "");
  put("a", kNow);
  put("b", kNow);
  EXPECT_EQ(find("a", kNow), "a");
  EXPECT_EQ(find("b", kNow + 1), "b");
  EXPECT_EQ(find("c", kNow), "");
}

// An entry stands only in the store's snapshot that it was read from.
TEST_F(PrincipalCacheTest, AnotherSnapshotEndsAnEntryForGood) {
  for (const Generation other :
       {Generation{3, 18}, Generation{3, 16}, Generation{4, 17}, Generation{2, 17}, Generation{}}) {
    put("a", kNow);
    EXPECT_EQ(find("a", kNow, other), "");
    EXPECT_EQ(find("a", kNow), "") << "it came back";
  }
}

// Expiry goes by wall time, to the second, and what was remembered before the clock stepped never outlives it.
TEST_F(PrincipalCacheTest, EndsAtTheEarliestSecondAtWhichAnythingChanges) {
  put("a", kNow, kNow + kHour);
  EXPECT_EQ(find("a", kNow + kHour - 1), "a");
  EXPECT_EQ(find("a", kNow + kHour), "");
  EXPECT_EQ(find("a", kNow), "") << "it came back";
}

TEST_F(PrincipalCacheTest, AClockThatStepsForthEndsWhatHasEndedByThen) {
  put("a", kNow, kNow + kHour / 2);
  put("b", kNow, kNow + 2 * kHour);
  put("c", kNow);
  EXPECT_EQ(find("a", kNow + kHour), "");
  EXPECT_EQ(find("b", kNow + kHour), "b");
  EXPECT_EQ(find("c", kNow + kHour), "c");
}

TEST_F(PrincipalCacheTest, AClockThatStepsBackEndsWhatWasMadeLater) {
  put("a", kNow);
  EXPECT_EQ(find("a", kNow - 1), "");
  put("a", kNow);
  EXPECT_EQ(find("a", kNow - kHour), "");
  // And isn't found again when the clock gets there.
  EXPECT_EQ(find("a", kNow), "");
  put("a", kNow - kHour);
  EXPECT_EQ(find("a", kNow), "a");
}

TEST_F(PrincipalCacheTest, EvictsTheLeastRecentlyUsedAndNeverMixesUp) {
  std::vector<std::string> names;
  for (int i = 0; i < 1000; ++i) {
    names.push_back("key " + std::to_string(i));
    put(names.back(), kNow);
    EXPECT_EQ(find(names.back(), kNow), names.back());
  }
  int remembered = 0;
  for (const std::string &name : names) {
    const std::string found = find(name, kNow);
    EXPECT_TRUE(found.empty() || found == name);
    remembered += found.empty() ? 0 : 1;
  }
  EXPECT_GT(remembered, 32);
  EXPECT_LE(remembered, 64);
}

TEST_F(PrincipalCacheTest, WhatIsPutTwiceIsTheLatter) {
  put("a", kNow);
  cache_.put(cache_.name_of("a"), kGeneration, kNow, principal_of("changed"));
  EXPECT_EQ(find("a", kNow), "changed");
}

TEST(PrincipalCacheNames, AreOfTheWholeCredentialUnderASecretOfTheProcess) {
  const PrincipalCache one(8, 1U << 20), other(8, 1U << 20);
  EXPECT_EQ(one.name_of("key"), one.name_of("key"));
  EXPECT_NE(one.name_of("key"), one.name_of("kez"));
  EXPECT_NE(one.name_of("key"), one.name_of(std::string_view("key\0", 4)));
  EXPECT_NE(one.name_of("key"), other.name_of("key"));
}

TEST(PrincipalCacheBytes, AreBounded) {
  constexpr std::size_t kMost = 1U << 20;
  PrincipalCache cache(16384, kMost);
  std::string scopes;
  for (int i = 0; i < 500; ++i) {
    scopes += (i == 0 ? "" : " ") + std::to_string(i + 100);
  }
  const auto put = [&](int i, const std::string &list) {
    auto principal = std::make_shared<Principal>();
    principal->grants = Grants(list, {});
    principal->stands_until_s = INT64_MAX;
    cache.put(cache.name_of(std::to_string(i)), Generation(), 1, std::move(principal));
    return cache.find(cache.name_of(std::to_string(i)), Generation(), 1) != nullptr;
  };
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(put(i, scopes));
    EXPECT_LE(cache.bytes(), kMost);
  }
  EXPECT_GT(cache.bytes(), kMost / 2);
  EXPECT_FALSE(put(1000, scopes + ' ' + std::string(kMost / 16, 's'))) << "too large";
}

}  // namespace
}  // namespace keyward
