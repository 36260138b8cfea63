// Which variables a text of the configuration reads.
#include "base/variable_names.hpp"

#include <gtest/gtest.h>

namespace keyward::test {
namespace {

using Names = std::vector<std::string>;

TEST(VariableNames, AreFoundInBothForms) {
  EXPECT_EQ(Names{}, variables_in(""));
  EXPECT_EQ(Names{}, variables_in("none"));
  EXPECT_EQ(Names{"a"}, variables_in("$a"));
  EXPECT_EQ((Names{"a", "b_1", "a"}), variables_in("x$a-$b_1/${a}b"));
  EXPECT_EQ(Names{"http_x"}, variables_in("$HTTP_X"));
  EXPECT_EQ((Names{"a", "b"}), variables_in("$a$b"));
}

TEST(VariableNames, AreNoneWhereADollarBeginsNoName) {
  for (const char *text : {"$", "$$", "a$", "~^/x$ 1;", "${", "${}", "${a", "$-", "${a-}"}) {
    EXPECT_EQ(Names{}, variables_in(text)) << text;
  }
  EXPECT_EQ(Names{"b"}, variables_in("$$b"));
  EXPECT_EQ(Names{"b"}, variables_in("${a-$b"));
}

TEST(VariableNames, ATextIsAlwaysSetByWhatIsWrittenOut) {
  for (const char *text : {"1", "yes", "x$a", "${a}1", "00", "0$a-", "$"}) {
    EXPECT_TRUE(is_always_set(text)) << text;
  }
  for (const char *text : {"", "0", "$a", "$a$b", "0$a", "${a}0"}) {
    EXPECT_FALSE(is_always_set(text)) << text;
  }
}

}  // namespace
}  // namespace keyward::test
