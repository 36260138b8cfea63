// Control characters in others' texts.
#include "base/percent_text.hpp"

#include <gtest/gtest.h>

namespace keyward {
namespace {

std::string encoded(std::string_view text, bool with_blanks = false) {
  std::string out;
  append_percent(text, with_blanks, &out);
  return out;
}

TEST(PercentText, EncodesControlCharactersAndItsOwnSign) {
  EXPECT_EQ(encoded("a\r\nb: c"), "a%0D%0Ab: c");
  EXPECT_EQ(encoded("100%\x7f"), "100%25%7F");
  EXPECT_EQ(encoded("\xc2\x85"), "%C2%85") << "U+0085, a line's end to some";
  EXPECT_EQ(encoded("\xc2\xa0\xc3\xbc"), "\xc2\xa0\xc3\xbc");
  EXPECT_EQ(encoded("a b", true), "a%20b");
}

TEST(PercentText, IsNeededOnlyForThese) {
  for (const char *text : {"", "tools/call", "100%", "\xc3\xbc", "\xc2\xa0", "a b"}) {
    EXPECT_FALSE(needs_percent(text)) << text;
  }
  for (const char *text : {"\n", "a\tb", "\x7f", "\xc2\x80"}) {
    EXPECT_TRUE(needs_percent(text)) << text;
  }
  EXPECT_TRUE(needs_percent("a b", true));
}

}  // namespace
}  // namespace keyward
