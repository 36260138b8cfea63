// Days and months as numbers: leap years, month ends, and the ends of what there is.
#include "base/calendar.hpp"

#include <gtest/gtest.h>

#include "base/time_text.hpp"

namespace keyward {
namespace {

std::int64_t at(const char *text) {
  std::int64_t time_s = 0;
  EXPECT_TRUE(parse_time(text, &time_s)) << text;
  return time_s;
}

std::string end_text(Period period, const char *time) {
  return to_rfc3339(end_of(period, period_of(period, day_at(at(time)))));
}

TEST(Calendar, DaysAndMonthsEndWhereTheyDo) {
  struct {
    const char *time, *day_end, *month_end;
  } const cases[] = {
      {"1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", "1970-02-01T00:00:00Z"},
      {"2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z"},
      {"2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z", "2026-03-01T00:00:00Z"},
      {"2026-02-28T12:00:00Z", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"},
      {"2028-02-28T23:59:59Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"},
      {"2028-02-29T23:59:59Z", "2028-03-01T00:00:00Z", "2028-03-01T00:00:00Z"},
      {"2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
      {"2100-02-28T00:00:00Z", "2100-03-01T00:00:00Z", "2100-03-01T00:00:00Z"},
      {"2000-02-29T00:00:00Z", "2000-03-01T00:00:00Z", "2000-03-01T00:00:00Z"},
  };
  for (const auto &test : cases) {
    EXPECT_EQ(end_text(Period::day, test.time), test.day_end) << test.time;
    EXPECT_EQ(end_text(Period::month, test.time), test.month_end) << test.time;
  }
}

TEST(Calendar, EachPeriodBeginsWhereTheOneBeforeEnded) {
  for (const Period period : {Period::day, Period::month}) {
    for (std::uint32_t number = 0; number < (period == Period::day ? 150000U : 4800U); ++number) {
      const std::int64_t end_s = end_of(period, number);
      ASSERT_EQ(period_of(period, day_at(end_s)), number + 1);
      ASSERT_EQ(period_of(period, day_at(end_s - 1)), number);
    }
  }
}

TEST(Calendar, DatesAreReadBack) {
  for (std::int64_t day = 0; day < 400000; ++day) {
    const Date date = date_from(day);
    ASSERT_EQ(days_from(date), day);
    ASSERT_LE(date.day, days_in_month(date.year, date.month));
  }
}

TEST(Calendar, ATimeBeyondTheEndsHasTheNearestDay) {
  EXPECT_EQ(day_at(-1), 0U);
  EXPECT_EQ(day_at(INT64_MIN), 0U);
  EXPECT_EQ(day_at(INT64_MAX), 4000000U);
}

}  // namespace
}  // namespace keyward
