#include "auth/token_cache.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "auth/token_principal.hpp"
#include "json/json.hpp"

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

  TokenCache cache_{64, 1U << 20};
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

// Of 32 MB, as a worker has.
class TokenCacheBytes : public testing::Test {
 protected:
  static constexpr std::size_t kMost = 32U << 20;

  static jwt::Verdict verdict_of(const std::string &claims) {
    jwt::Verdict verdict;
    std::string error;
    EXPECT_TRUE(json::parse(claims, json::Limits(), &verdict.claims, &error)) << error;
    EXPECT_EQ(jwt::read_identity(jwt::Issuer(), verdict.claims, &verdict.identity), jwt::Cause::none);
    verdict.times.valid_until_s = kNow + 600;
    return verdict;
  }
  // With its principal, as they are remembered. false: it isn't kept.
  bool put(const std::string &name, const std::string &claims) {
    auto token = std::make_shared<const VerifiedToken>(verified_token(0, jwt::Issuer(), Policy(), verdict_of(claims)));
    auto principal = std::make_shared<Principal>();
    build_token_principal(nullptr, *token, jwt::Issuer(), SharedSubjects(), Policy(), kNow, principal.get());
    TokenCache::Entry *entry = cache_.put(cache_.name_of(name), nullptr, kSets, kNow, std::move(token));
    if (entry != nullptr) {
      cache_.set_principal(entry, Generation(), std::move(principal));
    }
    return has(name);
  }
  bool has(const std::string &name) { return cache_.find(cache_.name_of(name), nullptr, kSets, kNow) != nullptr; }

  static std::string with_scopes(int count) {
    std::string list;
    for (int i = 0; i < count; ++i) {
      list += (i == 0 ? "" : " ") + std::to_string(i + 100);
    }
    return R"({"sub":"alice","scope":")" + list + "\"}";
  }

  TokenCache cache_{8192, kMost};
};

TEST_F(TokenCacheBytes, AllOfTheUsualOnesFindRoom) {
  const std::string usual =
      R"({"iss":"https://login.example.com/","sub":"auth0|5f7c8ec7c33c6c004bbafe82","aud":["https://api.example.com",)"
      R"("https://example.eu.auth0.com/userinfo"],"iat":1800000000,"exp":1800086400,"azp":"my_client_id_of_32_characters",)"
      R"("scope":"openid profile email posts:read posts:write media:read media:write","name":"Alice Example",)"
      R"("email":"alice@example.com","https://example.com/tenant":"3f2504e0-4f89-11d3-9a0c-0305e82c3301"})";
  for (int i = 0; i < 1000; ++i) {
    put(std::to_string(i), usual);
  }
  EXPECT_GT(cache_.bytes(), 1000 * 1000U);
  EXPECT_LT(cache_.bytes() / 1000 * 8192, kMost) << "so that the number of entries is the bound";
}

TEST_F(TokenCacheBytes, AreBounded) {
  ASSERT_TRUE(put("kept", with_scopes(3)));
  std::size_t most = 0;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(put(std::to_string(i), with_scopes(1900)));
    EXPECT_TRUE(has("kept")) << "it is used all the time";
    most = std::max(most, cache_.bytes());
  }
  EXPECT_LE(most, kMost);
  EXPECT_GT(most, kMost / 10 * 9);
  int left = 0;
  for (int i = 0; i < 1000; ++i) {
    left += has(std::to_string(i)) ? 1 : 0;
  }
  EXPECT_GT(left, 100);
  EXPECT_LT(left, 400);
  int recent = 0;
  for (int i = 950; i < 1000; ++i) {
    recent += has(std::to_string(i)) ? 1 : 0;
  }
  EXPECT_GT(recent, 40) << "the least recently used go first, nearly";
}

TEST_F(TokenCacheBytes, WhatIsTooLargeIsNotKept) {
  ASSERT_TRUE(put("small", with_scopes(3)));
  const std::size_t before = cache_.bytes();
  EXPECT_FALSE(put("large", with_scopes(30000)));
  EXPECT_EQ(cache_.bytes(), before);
  EXPECT_TRUE(has("small"));
}

TEST_F(TokenCacheBytes, AreGivenBack) {
  EXPECT_EQ(cache_.bytes(), 0U);
  for (int i = 0; i < 3; ++i) {
    put("a", with_scopes(100));
  }
  const std::size_t one = cache_.bytes();
  put("b", with_scopes(100));
  EXPECT_EQ(cache_.bytes(), 2 * one);
  EXPECT_EQ(cache_.find(cache_.name_of("a"), nullptr, kSets + 1, kNow), nullptr);
  EXPECT_EQ(cache_.find(cache_.name_of("b"), nullptr, kSets, kNow + 600), nullptr);
  EXPECT_EQ(cache_.bytes(), 0U);
}

}  // namespace
}  // namespace keyward
