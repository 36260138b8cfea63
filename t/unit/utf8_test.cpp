// UTF-8 against an encoder: every code point, and bytes that are none.
#include "base/utf8.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>

namespace keyward {
namespace {

std::string encode(std::uint32_t point) {
  const auto tail = [point](unsigned shift) { return static_cast<char>(0x80 | ((point >> shift) & 0x3f)); };
  if (point < 0x80) {
    return {static_cast<char>(point)};
  }
  if (point < 0x800) {
    return {static_cast<char>(0xc0 | (point >> 6)), tail(0)};
  }
  if (point < 0x10000) {
    return {static_cast<char>(0xe0 | (point >> 12)), tail(6), tail(0)};
  }
  return {static_cast<char>(0xf0 | (point >> 18)), tail(12), tail(6), tail(0)};
}

bool is_surrogate(std::uint32_t point) { return point >= 0xd800 && point <= 0xdfff; }

TEST(Utf8, TakesEveryCodePointOnce) {
  for (std::uint32_t point = 0; point <= 0x10ffff; ++point) {
    const std::string text = encode(point);
    ASSERT_EQ(utf8_length(text), is_surrogate(point) ? 0 : text.size()) << point;
  }
}

// Every first and second byte, with third ones from around the ranges' ends.
TEST(Utf8, TakesNothingElseOfUpToThreeBytes) {
  std::set<std::string> good;
  for (std::uint32_t point = 0; point < 0x10000; ++point) {
    if (!is_surrogate(point)) {
      good.insert(encode(point));
    }
  }
  for (std::uint32_t pair = 0; pair < 0x10000; ++pair) {
    for (const char third : {'\0', 'a', '\x7f', '\x80', '\xbf', '\xc0', '\xff'}) {
      const std::string text = {static_cast<char>(pair >> 8), static_cast<char>(pair), third};
      const std::size_t length = utf8_length(text);
      if (length == 0) {
        ASSERT_FALSE(good.count(text.substr(0, 1)) || good.count(text.substr(0, 2)) || good.count(text)) << pair;
      } else {
        ASSERT_EQ(good.count(text.substr(0, length)), 1U) << pair;
      }
    }
  }
}

TEST(Utf8, RefusesWhatIsTruncatedOrBeyondUnicode) {
  for (const char *text : {"\xc2", "\xe2\x82", "\xf0\x9f\x98", "\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf",
                           "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                           "\xf8\x88\x80\x80\x80", "\xff", "\xfe", "\xc2\x20", "\xf0\x9f\x98\x20"}) {
    EXPECT_FALSE(is_utf8(text)) << testing::PrintToString(text);
    EXPECT_EQ(utf8_length(text), 0U);
  }
  EXPECT_EQ(utf8_length(""), 0U);
}

TEST(Utf8, LooksAtTheWholeText) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("na\xc3\xafve \xf0\x9f\x98\x80"));
  EXPECT_TRUE(is_utf8(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_utf8("na\xc3\xafve \xf0\x9f\x98"));
  EXPECT_FALSE(is_utf8("ok\xff"));
}

TEST(Utf8, KnowsWhatMovesATerminal) {
  const auto expected = [](std::uint32_t point) {
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x61c || point == 0x200e || point == 0x200f ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
  };
  for (std::uint32_t point = 0; point <= 0x10ffff; ++point) {
    if (!is_surrogate(point)) {
      ASSERT_EQ(expected(point), moves_a_terminal(encode(point))) << point;
    }
  }
  EXPECT_TRUE(moves_a_terminal("\xff"));
  EXPECT_FALSE(moves_a_terminal(""));
}

}  // namespace
}  // namespace keyward
