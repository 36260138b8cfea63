// Times and durations, against the C library's calendar and by table.
#include "base/time_text.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <limits>

namespace keyward {
namespace {

constexpr std::int64_t kLast = 253402300799;

// Every day of the first 450 years, which holds each kind of century; then a sample.
TEST(TimeText, AgreesWithTheCLibrary) {
  for (std::int64_t day = 0; day <= kLast / 86400; day += day < 450 * 366 ? 1 : 13) {
    const std::int64_t time_s = day * 86400 + (day * 7919) % 86400;
    const std::time_t time = time_s;
    std::tm parts{};
    ASSERT_NE(gmtime_r(&time, &parts), nullptr);
    char expected[32];
    ASSERT_NE(std::strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &parts), 0U);
    ASSERT_EQ(to_rfc3339(time_s), expected);
    std::int64_t read = -1;
    ASSERT_TRUE(parse_time(expected, &read)) << expected;
    ASSERT_EQ(read, time_s);
  }
}

TEST(TimeText, ClampsBeyondItsYears) {
  EXPECT_EQ(to_rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(-1), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(std::numeric_limits<std::int64_t>::min()), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(kLast), "9999-12-31T23:59:59Z");
  EXPECT_EQ(to_rfc3339(std::numeric_limits<std::int64_t>::max()), "9999-12-31T23:59:59Z");
}

TEST(TimeText, ReadsTimes) {
  struct {
    const char *text;
    std::int64_t time_s;
  } const cases[] = {
      {"1970-01-01", 0},
      {"2026-01-02", 1767312000},
      {"2026-01-02T03:04:05Z", 1767323045},
      {"2026-01-02t03:04:05z", 1767323045},
      {"2026-01-02 03:04:05Z", 1767323045},
      {"2026-01-02T03:04:05.999999999Z", 1767323045},
      {"2026-01-02T03:04:05+00:00", 1767323045},
      {"2026-01-02T03:04:05-00:00", 1767323045},
      {"2026-01-02T04:34:05+01:30", 1767323045},
      {"2026-01-01T19:04:05-08:00", 1767323045},
      {"2026-01-03T03:03:05+23:59", 1767323045},
      {"1970-01-01T01:00:00+01:00", 0},
      {"2024-02-29", 1709164800},
      {"2000-02-29", 951782400},
      {"9999-12-31T23:59:59Z", kLast},
      {"9999-12-31T22:59:59-01:00", kLast},
      {"1969-12-31T23:00:00-01:00", 0},
      {"2016-12-31T23:59:60Z", 1483228799},
      {"2016-12-31T23:59:60.5Z", 1483228799},
      {"2017-01-01T05:29:60+05:30", 1483228799},
  };
  for (const auto &test : cases) {
    std::int64_t time_s = -1;
    EXPECT_TRUE(parse_time(test.text, &time_s)) << test.text;
    EXPECT_EQ(time_s, test.time_s) << test.text;
  }
}

TEST(TimeText, RefusesWhatIsNoTime) {
  const std::string_view cases[] = {"",
                                    "2026",
                                    "2026-01",
                                    "2026-1-2",
                                    "26-01-02",
                                    "2026-00-01",
                                    "2026-13-01",
                                    "2026-01-00",
                                    "2026-01-32",
                                    "2026-04-31",
                                    "2026-02-29",
                                    "2100-02-29",
                                    "1900-02-29",
                                    "2026-02-30",
                                    "2026-01-02T",
                                    "2026-01-02T03",
                                    "2026-01-02T03:04",
                                    "2026-01-02T03:04Z",
                                    "2026-01-02T03:04:05",
                                    "2026-01-02T24:00:00Z",
                                    "2026-01-02T03:60:00Z",
                                    "2026-01-02T03:04:61Z",
                                    "2026-01-02T03:04:60Z",
                                    "2026-01-02T23:59:60+01:00",
                                    "2026-01-02T03:04:05.Z",
                                    "2026-01-02T03:04:05,5Z",
                                    "2026-01-02T03:04:05+24:00",
                                    "2026-01-02T03:04:05+01:60",
                                    "2026-01-02T03:04:05+0100",
                                    "2026-01-02T03:04:05+01",
                                    "2026-01-02T03:04:05ZZ",
                                    "2026-01-02T03:04:05Z ",
                                    " 2026-01-02",
                                    "2026-01-02 ",
                                    "2026/01/02",
                                    "+026-01-02",
                                    "-026-01-02",
                                    "2026-01-02_03:04:05Z",
                                    "2026-01-02T-3:04:05Z",
                                    "2026-01-02T03:04: 5Z",
                                    "12026-01-02",
                                    "1969-12-31",
                                    "1970-01-01T00:00:00+00:01",
                                    "0000-01-01",
                                    "9999-12-31T23:59:59-00:01",
                                    "1767323045",
                                    "90d",
                                    std::string_view("2026-01-02\0", 11)};
  for (const std::string_view text : cases) {
    std::int64_t time_s = -7;
    EXPECT_FALSE(parse_time(text, &time_s)) << text;
    EXPECT_EQ(time_s, -7) << text;
  }
}

// Each character of a good time, replaced by each byte, gives no crash, and no time that isn't written back.
TEST(TimeText, SurvivesEveryByte) {
  const std::string good = "2026-01-02T03:04:05Z";
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string text = good;
      text[at] = static_cast<char>(value);
      std::int64_t time_s = 0;
      if (parse_time(text, &time_s)) {
        const std::string written = to_rfc3339(time_s);
        EXPECT_EQ(written.substr(0, 10), text.substr(0, 10));
        EXPECT_EQ(written.substr(11, 8), text.substr(11, 8));
      }
    }
    std::int64_t time_s = 0;
    EXPECT_EQ(parse_time(good.substr(0, at), &time_s), at == 10) << at;
  }
}

TEST(TimeText, ReadsDurations) {
  struct {
    const char *text;
    std::int64_t seconds;
  } const cases[] = {{"90d", 7776000},
                     {"24h", 86400},
                     {"30m", 1800},
                     {"45s", 45},
                     {"2w", 1209600},
                     {"1y", 31536000},
                     {"0", 0},
                     {"0s", 0},
                     {"45", 45},
                     {"100y", 3153600000},
                     {"3153600000", 3153600000},
                     {"36500d", 3153600000},
                     {"007d", 604800}};
  for (const auto &test : cases) {
    std::int64_t seconds = -1;
    EXPECT_TRUE(parse_duration(test.text, &seconds)) << test.text;
    EXPECT_EQ(seconds, test.seconds) << test.text;
  }
}

TEST(TimeText, RefusesWhatIsNoDuration) {
  for (const char *text : {"",
                           "d",
                           "-1d",
                           "+1d",
                           " 1d",
                           "1d ",
                           "1 d",
                           "1D",
                           "1dd",
                           "1h30m",
                           "1.5h",
                           "1e3",
                           "101y",
                           "36501d",
                           "3153600001",
                           "3153600001s",
                           "9223372036854775807",
                           "9223372036854775808y",
                           "99999999999999999999999999d",
                           "1ms",
                           "2026-01-02"}) {
    std::int64_t seconds = -7;
    EXPECT_FALSE(parse_duration(text, &seconds)) << text;
    EXPECT_EQ(seconds, -7) << text;
  }
}

TEST(TimeText, ReadsDeadlines) {
  std::int64_t time_s = 0;
  std::string error;
  ASSERT_TRUE(parse_deadline("90d", 1767312000, &time_s, &error));
  EXPECT_EQ(time_s, 1767312000 + 7776000);
  ASSERT_TRUE(parse_deadline("2026-01-02", 5, &time_s, &error));
  EXPECT_EQ(time_s, 1767312000);
  EXPECT_TRUE(error.empty());
}

TEST(TimeText, RefusesDeadlinesThatCouldMeanTwoThings) {
  for (const char *text : {"1767312000", "90", "0", "", "soon", "90 d", "2026-02-30"}) {
    std::int64_t time_s = -7;
    std::string error;
    EXPECT_FALSE(parse_deadline(text, 0, &time_s, &error)) << text;
    EXPECT_EQ(error.find('"' + std::string(text) + "\" is neither"), 0U) << error;
    EXPECT_NE(error.find("such as 90d"), std::string::npos) << error;
    EXPECT_EQ(time_s, -7);
  }
}

TEST(TimeText, RefusesDeadlinesBeyondTheLastYear) {
  for (const std::int64_t now_s : {kLast, kLast - 59, std::numeric_limits<std::int64_t>::max(),
                                   std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}}) {
    std::int64_t time_s = 0;
    std::string error;
    EXPECT_FALSE(parse_deadline("1m", now_s, &time_s, &error)) << now_s;
    EXPECT_FALSE(error.empty());
  }
  std::int64_t time_s = 0;
  std::string error;
  EXPECT_TRUE(parse_deadline("1m", kLast - 60, &time_s, &error));
  EXPECT_EQ(time_s, kLast);
}

TEST(TimeText, SaysHowLong) {
  struct {
    std::int64_t seconds;
    const char *text;
  } const cases[] = {{-5, "just now"},
                     {0, "just now"},
                     {59, "just now"},
                     {60, "1m"},
                     {725, "12m"},
                     {3599, "59m"},
                     {3600, "1h"},
                     {3660, "1h 1m"},
                     {86399, "23h 59m"},
                     {86400, "1d"},
                     {86400 + 3599, "1d"},
                     {3 * 86400 + 4 * 3600, "3d 4h"},
                     {400 * 86400LL, "400d"},
                     {std::numeric_limits<std::int64_t>::max(), "106751991167300d 15h"}};
  for (const auto &test : cases) {
    EXPECT_EQ(to_words(test.seconds), test.text) << test.seconds;
  }
}

}  // namespace
}  // namespace keyward
