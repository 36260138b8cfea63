// Quoting: one line of printable ASCII, whatever the word.
#include "base/quote.hpp"

#include <gtest/gtest.h>

namespace keyward {
namespace {

TEST(Quote, LeavesPrintableTextAlone) {
  EXPECT_EQ(quote("60/m"), "\"60/m\"");
  EXPECT_EQ(quote(""), "\"\"");
  EXPECT_EQ(quote(" ~"), "\" ~\"");
}

TEST(Quote, ShowsWhatCouldHide) {
  EXPECT_EQ(quote("a\x1b[2Jb"), "\"a\\x1b[2Jb\"");
  EXPECT_EQ(quote(std::string_view("a\0b", 3)), "\"a\\x00b\"");
  EXPECT_EQ(quote("p\xc3\xb6sts"), "\"p\\xc3\\xb6sts\"");
  EXPECT_EQ(quote("\"\\\n\x7f\xff"), "\"\\x22\\x5c\\x0a\\x7f\\xff\"");
}

TEST(Quote, CutsLongWords) {
  EXPECT_EQ(quote(std::string(64, 'a')), '"' + std::string(64, 'a') + '"');
  EXPECT_EQ(quote(std::string(65, 'a')), '"' + std::string(64, 'a') + "...\"");
}

}  // namespace
}  // namespace keyward
