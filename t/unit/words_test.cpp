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

TEST(SplitElements, HasNoEmptyOnes) {
  std::vector<std::string_view> elements;
  EXPECT_FALSE(split_elements("", &elements));
  EXPECT_TRUE(elements.empty());
  EXPECT_FALSE(split_elements("a", &elements));
  EXPECT_EQ((std::vector<std::string_view>{"a"}), elements);
  EXPECT_FALSE(split_elements("a,b c,d", &elements));
  EXPECT_EQ((std::vector<std::string_view>{"a", "b c", "d"}), elements);
  for (const char *list : {",", "a,", ",a", "a,,b", ",,"}) {
    const Wrong wrong = split_elements(list, &elements);
    ASSERT_TRUE(wrong) << list;
    EXPECT_NE(wrong->find(quoted(list) + " has a comma too many"), std::string::npos) << *wrong;
  }
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
