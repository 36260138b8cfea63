// Words of directives that look like parameters.
#include "base/words.hpp"

#include <gtest/gtest.h>

namespace keyward {
namespace {

TEST(NearWords, DifferByOneSlipAtMost) {
  for (const char *word : {"methods", "METHODS", "method", "methodss", "methds", "mathods", "emthods", "mehtods",
                           "ethods", "methodx", "xmethods"}) {
    EXPECT_TRUE(is_near(word, "methods")) << word;
    EXPECT_TRUE(is_near("methods", word)) << word;
  }
  for (const char *word : {"", "metho", "mtehodz", "etmhods", "sdohtem", "metxyds", "methodsxy"}) {
    EXPECT_FALSE(is_near(word, "methods")) << word;
    EXPECT_FALSE(is_near("methods", word)) << word;
  }
  EXPECT_TRUE(is_near("", ""));
  EXPECT_TRUE(is_near("a", ""));
  EXPECT_TRUE(is_near("ab", "BA"));
  EXPECT_FALSE(is_near("ab", "cd"));
}

TEST(MeantParameter, IsNamedAsItHasToBeWritten) {
  EXPECT_EQ(meant_parameter("method=GET", {"methods", "match"}), "methods=GET");
  EXPECT_EQ(meant_parameter("Macth=any", {"methods", "match"}), "match=any");
  EXPECT_EQ(meant_parameter("match=", {"methods", "match"}), "match=");
  EXPECT_EQ(meant_parameter("name=a=b", {"name"}), "name=a=b");
  // A slip in a short name makes another word too easily.
  EXPECT_EQ(meant_parameter("nam=a", {"name"}), std::nullopt);
  EXPECT_EQ(meant_parameter("Name=a", {"name"}), "name=a");
  for (const char *word : {"methods", "tenant=acme", "=GET", "", "a:b", "https://api.example/?match=any"}) {
    EXPECT_EQ(meant_parameter(word, {"methods", "match"}), std::nullopt) << word;
  }
}

}  // namespace
}  // namespace keyward
