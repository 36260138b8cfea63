// How long a challenge gets, and what is left out of a long one.
#include "answer/challenge.hpp"

#include <gtest/gtest.h>

namespace keyward {
namespace {

std::string text_of(std::string_view realm, std::string_view error, std::string_view scope,
                    std::string_view description) {
  return to_text(Challenge{realm, {}, error, scope, description});
}

TEST(ChallengeText, HasWhatThereIs) {
  EXPECT_EQ(text_of("", "", "", ""), "Bearer");
  EXPECT_EQ(text_of("api", "", "", ""), R"(Bearer realm="api")");
  EXPECT_EQ(text_of("api", "insufficient_scope", "a b", "insufficient scope"),
            R"(Bearer realm="api", error="insufficient_scope", scope="a b", error_description="insufficient scope")");
  EXPECT_EQ(text_of("", "invalid_token", "", "no \"scope\\ \x80\n here"),
            R"(Bearer error="invalid_token", error_description="no scope  here")");
  EXPECT_EQ(text_of("", "invalid_token", "", "scope=x"), R"(Bearer error="invalid_token")");
  EXPECT_EQ(text_of("", "invalid_token", "", "an error=x"), R"(Bearer error="invalid_token")");
}

TEST(ChallengeText, IsNeverLongerThanItMayBe) {
  for (std::size_t size = 0; size <= 2 * kMaxChallengeFieldBytes; size += 7) {
    const std::string part(size, 'x');
    for (int which = 0; which < 16; ++which) {
      const auto one = [&](int bit) { return (which >> bit & 1) != 0 ? std::string_view(part) : "short"; };
      const std::string text = text_of(one(0), "insufficient_scope", one(1), one(2));
      EXPECT_LE(text.size(), kMaxChallengeFieldBytes);
      EXPECT_EQ(text.substr(0, 7), "Bearer ");
      EXPECT_NE(text.find("error=\"insufficient_scope\""), std::string::npos);
      EXPECT_TRUE(text.find("realm=\"") == std::string::npos || text.find("realm=\"short\"") != std::string::npos ||
                  text.find("realm=\"" + part + '"') != std::string::npos)
          << "as a whole or not at all";
    }
  }
}

TEST(ChallengeText, LeavesOutTheDescriptionFirstAndTheScopeLast) {
  const std::string half(500, 'h');
  const std::string most(900, 'm');
  const std::string error = R"(error="insufficient_scope")";
  EXPECT_EQ(text_of("api", "insufficient_scope", most, "x" + half),
            R"(Bearer realm="api", )" + error + ", scope=\"" + most + '"');
  EXPECT_EQ(text_of(half, "insufficient_scope", most, "insufficient scope"),
            "Bearer " + error + ", scope=\"" + most + '"');
  EXPECT_EQ(text_of(half, "insufficient_scope", most + most, "insufficient scope"), "Bearer " + error);
}

TEST(ChallengeText, SaysWhatNeverFits) {
  Challenge challenge;
  const std::string room(kMaxChallengeFieldBytes, 'r');
  const std::size_t frame = std::string_view(R"(Bearer realm="", error="insufficient_scope")").size();
  challenge.realm = std::string_view(room).substr(frame);
  EXPECT_TRUE(fits_challenge(challenge));
  challenge.realm = std::string_view(room).substr(frame - 1);
  EXPECT_FALSE(fits_challenge(challenge));
}

TEST(ChallengeText, NamesTheMetadataBehindTheRealm) {
  EXPECT_EQ(to_text(Challenge{"api", "https://a/.well-known/x", "invalid_token", "s", "d"}),
            R"(Bearer realm="api", resource_metadata="https://a/.well-known/x", error="invalid_token", scope="s", )"
            R"(error_description="d")");
  // It stays, whatever else is long.
  const std::string url(440, 'u'), part(600, 'p');
  EXPECT_EQ(to_text(Challenge{part, url, "insufficient_scope", part, part}),
            "Bearer resource_metadata=\"" + url + R"(", error="insufficient_scope")");
  const std::string scope(kMaxGrantedScopeBytes, 's');
  EXPECT_NE(to_text(Challenge{part, url, "insufficient_scope", scope, part}).find(scope), std::string::npos)
      << "the longest of both fit";
}

TEST(ScopesToAskFor, LeaveOutOfflineAccess) {
  EXPECT_EQ(scopes_to_ask_for("a offline_access b", "c"), "a b c");
  EXPECT_EQ(scopes_to_ask_for("offline_access", "c"), "c");
}

TEST(ScopesToAskFor, AreGrantedTogetherWithNeeded) {
  EXPECT_EQ(scopes_to_ask_for("a b", "b c"), "a b c");
  EXPECT_EQ(scopes_to_ask_for("", "c d"), "c d");
  EXPECT_EQ(scopes_to_ask_for("*", "c"), "c");
  EXPECT_EQ(scopes_to_ask_for("a", ""), "a");
  EXPECT_EQ(scopes_to_ask_for("ab", "a"), "ab a");
}

TEST(ScopesToAskFor, AreNeededAloneWhereBothAreLong) {
  const std::string granted(kMaxGrantedScopeBytes - 2, 'g');
  EXPECT_EQ(scopes_to_ask_for(granted, "n"), granted + " n");
  EXPECT_EQ(scopes_to_ask_for(granted, "nn"), "nn");
  EXPECT_EQ(scopes_to_ask_for(granted + "ggg", granted + "ggg"), granted + "ggg");
  const std::string needed(2000, 'n');
  EXPECT_EQ(scopes_to_ask_for("a", needed), needed);
}

}  // namespace
}  // namespace keyward
