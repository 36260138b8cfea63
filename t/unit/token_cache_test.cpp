#include "auth/token_cache.hpp"

#include <gtest/gtest.h>

#include <string>

namespace keyward {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::uint64_t kSets = 7;

class TokenCacheTest : public testing::Test {
 protected:
  void put(const std::string &token, const void *accepted = nullptr, std::int64_t now_s = kNow,
           std::int64_t valid_until_s = kNow + 600) {
    auto verified = std::make_shared<VerifiedToken>();
    verified->identity.subject = token;
    verified->times.valid_until_s = valid_until_s;
    cache_.put(cache_.name_of(token), accepted, kSets, now_s, std::move(verified));
  }
  // The subject that is remembered; empty: nobody is.
  std::string find(const std::string &token, const void *accepted = nullptr, std::int64_t now_s = kNow,
                   std::uint64_t sets = kSets) {
    const TokenCache::Entry *entry = cache_.find(cache_.name_of(token), accepted, sets, now_s);
    return entry != nullptr ? entry->token->identity.subject : std::string();
  }

  TokenCache cache_{64};
  int list_ = 0, other_list_ = 0;
};

TEST_F(TokenCacheTest, RemembersWhatItWasTold) {
  EXPECT_EQ(find("a"), "");
  put("a");
  EXPECT_EQ(find("a"), "a");
  EXPECT_EQ(find("b"), "");
}

TEST_F(TokenCacheTest, EndsWithTheToken) {
  put("a", nullptr, kNow, kNow + 10);
  EXPECT_EQ(find("a", nullptr, kNow + 9), "a");
  EXPECT_EQ(find("a", nullptr, kNow + 10), "");
  EXPECT_EQ(find("a", nullptr, kNow + 9), "") << "gone, whatever the clock does next";
}

TEST_F(TokenCacheTest, AClockThatSteppedBackEndsIt) {
  put("a");
  EXPECT_EQ(find("a", nullptr, kNow - 1), "") << "it may not be valid yet then";
  EXPECT_EQ(find("a"), "");
}

TEST_F(TokenCacheTest, StandsInOneStateOfTheKeySetsOnly) {
  put("a");
  EXPECT_EQ(find("a", nullptr, kNow, kSets + 1), "");
  EXPECT_EQ(find("a", nullptr, kNow, kSets), "") << "nothing brings it back";
}

TEST_F(TokenCacheTest, ASayingForOneListOfIssuersIsNoneForAnother) {
  put("a", &list_);
  EXPECT_EQ(find("a", &other_list_), "");
  EXPECT_EQ(find("a"), "");
  EXPECT_EQ(find("a", &list_), "a") << "asking for another one doesn't end it";
  put("a", &other_list_);
  EXPECT_EQ(find("a", &list_), "a");
  EXPECT_EQ(find("a", &other_list_), "a");
}

TEST_F(TokenCacheTest, ItsPrincipalIsForgottenWithIt) {
  put("a");
  TokenCache::Entry *entry = cache_.find(cache_.name_of("a"), nullptr, kSets, kNow);
  entry->principal = std::make_shared<Principal>();
  entry->generation = {1, 2};
  put("a");
  entry = cache_.find(cache_.name_of("a"), nullptr, kSets, kNow);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->principal, nullptr);
  EXPECT_NE(entry->generation, (Generation{1, 2}));
}

TEST_F(TokenCacheTest, IsBoundedAndKeepsWhatIsUsed) {
  put("kept");
  for (int i = 0; i < 10000; ++i) {
    put(std::to_string(i));
    EXPECT_EQ(find("kept"), "kept");
  }
  int left = 0;
  for (int i = 0; i < 10000; ++i) {
    left += find(std::to_string(i)).empty() ? 0 : 1;
  }
  EXPECT_LE(left, 63);
  EXPECT_GT(left, 32);
}

}  // namespace
}  // namespace keyward
