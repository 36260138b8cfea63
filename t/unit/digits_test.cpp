// Numbers at the front of a text, up to the last one that fits.
#include "base/digits.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace keyward {
namespace {

constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

TEST(Digits, TakesWhatIsThereAndLeavesTheRest) {
  std::string_view text = "0042m";
  std::uint64_t value = 0;
  ASSERT_TRUE(take_digits(&text, kAll, &value));
  EXPECT_EQ(value, 42U);
  EXPECT_EQ(text, "m");
}

TEST(Digits, RefusesNoDigits) {
  for (std::string_view text : {"", "m", "-1", "+1", " 1"}) {
    std::uint64_t value = 0;
    EXPECT_FALSE(take_digits(&text, kAll, &value));
  }
}

TEST(Digits, HoldsItsMaximumExactly) {
  struct {
    std::string_view text;
    std::uint64_t max;
    bool fits;
  } const cases[] = {
      {"18446744073709551615", kAll, true},
      {"18446744073709551616", kAll, false},
      {"99999999999999999999", kAll, false},
      {"184467440737095516150", kAll, false},
      {"14", 14, true},
      {"15", 14, false},
      {"0", 0, true},
      {"1", 0, false},
      {"9", 5, false},
      {"5", 5, true},
      {"000000000000000000000000000001", 1, true},
  };
  for (const auto &test : cases) {
    std::string_view text = test.text;
    std::uint64_t value = 0;
    EXPECT_EQ(take_digits(&text, test.max, &value), test.fits) << test.text;
  }
}

TEST(Digits, WritesWhatItReads) {
  for (const std::uint64_t number :
       {std::uint64_t{0}, std::uint64_t{9}, std::uint64_t{10}, std::uint64_t{99}, std::uint64_t{100},
        std::uint64_t{101}, std::uint64_t{999}, std::uint64_t{1000}, std::uint64_t{1795305600}, kAll}) {
    char digits[kMaxDigits];
    char *end = digits + sizeof(digits);
    const char *begin = write_digits_before(end, number);
    EXPECT_EQ(std::string_view(begin, static_cast<std::size_t>(end - begin)), std::to_string(number));
  }
}

}  // namespace
}  // namespace keyward
