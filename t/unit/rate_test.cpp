// Rates and allowances: what is read, what is refused and how that is told.
#include "base/rate.hpp"

#include <gtest/gtest.h>

namespace keyward {
namespace {

TEST(Rate, Reads) {
  struct {
    const char *text;
    Rate rate;
    const char *written;
  } const cases[] = {
      {"60r/m", {60, 60}, "60r/m"},
      {"5r/s", {5, 1}, "5r/s"},
      {"1000r/h", {1000, 3600}, "1000r/h"},
      {"1r/d", {1, 86400}, "1r/d"},
      {"100r/30d", {100, 2592000}, "100r/30d"},
      {"3r/10s", {3, 10}, "3r/10s"},
      {"1r/1s", {1, 1}, "1r/s"},
      {"60r/60s", {60, 60}, "60r/m"},
      {"7r/90s", {7, 90}, "7r/90s"},
      {"7r/90m", {7, 5400}, "7r/90m"},
      {"7r/24h", {7, 86400}, "7r/d"},
      {"7r/25h", {7, 90000}, "7r/25h"},
      {"268435455r/366d", {kMaxRateCount, kMaxWindowSeconds}, "268435455r/366d"},
      {"1r/31622400s", {1, kMaxWindowSeconds}, "1r/366d"},
      {"100000r/month", {100000, kCalendarMonth}, "100000r/month"},
  };
  for (const auto &test : cases) {
    Rate rate;
    std::string error;
    ASSERT_TRUE(parse_rate(test.text, &rate, &error)) << test.text << ": " << error;
    EXPECT_EQ(rate, test.rate) << test.text;
    EXPECT_EQ(to_text(rate), test.written);
    EXPECT_TRUE(error.empty());
  }
}

TEST(Rate, EveryTextIsReadBack) {
  for (std::uint32_t window_s = 1; window_s <= kMaxWindowSeconds; window_s += 1 + window_s / 97) {
    const Rate rate{window_s % kMaxRateCount + 1, window_s};
    Rate read;
    std::string error;
    ASSERT_TRUE(parse_rate(to_text(rate), &read, &error)) << error;
    ASSERT_EQ(read, rate) << to_text(rate);
  }
}

TEST(Rate, Refuses) {
  const std::string_view cases[] = {"",
                                    "60",
                                    "60r",
                                    "60r/",
                                    "60/m",
                                    "r/m",
                                    "60r/x",
                                    "60r/M",
                                    "60R/m",
                                    "60r/mm",
                                    "60r/m ",
                                    " 60r/m",
                                    "60 r/m",
                                    "+60r/m",
                                    "-60r/m",
                                    "060r/m",
                                    "0r/m",
                                    "60r/0m",
                                    "60r/05m",
                                    "60r/-5m",
                                    "60r/+5m",
                                    "60r/5",
                                    "60r/1.5m",
                                    "6e1r/m",
                                    "60r/1w",
                                    "60r/2month",
                                    "60r/1month",
                                    "60r/months",
                                    "60r/Month",
                                    "60r/mont",
                                    "60r/month ",
                                    "60r/1y",
                                    "268435456r/m",
                                    "4294967297r/m",
                                    "18446744073709551617r/m",
                                    "99999999999999999999999r/m",
                                    "1r/367d",
                                    "1r/31622401s",
                                    "1r/4294967297s",
                                    "1r/99999999999999999999d",
                                    "1r/m/s",
                                    "60r/m,5r/s",
                                    std::string_view("60r/m\0", 6)};
  for (const std::string_view text : cases) {
    Rate rate{1, 1};
    std::string error;
    EXPECT_FALSE(parse_rate(text, &rate, &error)) << text;
    EXPECT_NE(error.find("60r/m"), std::string::npos) << error;
    EXPECT_EQ(rate, (Rate{1, 1}));
  }
}

TEST(Rate, SaysWhatToWrite) {
  Rate rate;
  std::string error;
  EXPECT_FALSE(parse_rate("60/m", &rate, &error));
  EXPECT_EQ(
      error,
      "\"60/m\" is not a rate; write a number from 1 to 268435455, \"r/\" and a window of up to 366 days, such as "
      "60r/m or 1000r/30d, or 1000r/month");
}

TEST(Allowance, ReadsAndWrites) {
  Allowance allowance;
  std::string error;
  ASSERT_TRUE(parse_allowance("1000/30d", &allowance, &error)) << error;
  EXPECT_EQ(allowance.amount, 1000U);
  EXPECT_EQ(allowance.window_s, 2592000U);
  EXPECT_EQ(to_text(allowance), "1000/30d");
  ASSERT_TRUE(parse_allowance("1000000000000000/m", &allowance, &error)) << error;
  EXPECT_EQ(allowance.amount, kMaxCredits);
  EXPECT_EQ(to_text(allowance), "1000000000000000/m");
  EXPECT_EQ(to_text(Allowance()), "");
}

TEST(Allowance, Refuses) {
  for (const char *text : {"", "1000", "1000/", "/30d", "0/30d", "01/30d", "-1/30d", "1000r/30d", "1000/30", "1000/0d",
                           "1000/30d ", "1000/367d", "1000/month", "1000000000000001/d", "18446744073709551617/d"}) {
    Allowance allowance;
    std::string error;
    EXPECT_FALSE(parse_allowance(text, &allowance, &error)) << text;
    EXPECT_NE(error.find("1000/30d"), std::string::npos) << error;
    EXPECT_EQ(allowance.window_s, 0U);
  }
}

}  // namespace
}  // namespace keyward
