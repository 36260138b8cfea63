// A list that allocates only beyond its own room, and is bounded.
#include "base/spilling_list.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace keyward {
namespace {

TEST(SpillingList, KeepsItsElementsAsItGrows) {
  SpillingList<std::uint32_t, 4, 100> list;
  for (std::uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(list.size(), i);
    EXPECT_TRUE(list.push(i * i));
  }
  EXPECT_FALSE(list.push(1));
  ASSERT_EQ(list.size(), 100U);
  for (std::uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(list[i], i * i);
  }
  EXPECT_EQ(*(list.end() - 1), 99U * 99);
  list.truncate(3);
  EXPECT_EQ(list.size(), 3U);
  EXPECT_TRUE(list.push(7));
  EXPECT_EQ(list[3], 7U);
}

TEST(SpillingList, AppendsAllOrNothing) {
  SpillingList<char, 8, 50> list;
  const auto append = [&](std::string_view text) { return list.append(text.data(), text.size()); };
  const auto text = [&] { return std::string(list.begin(), list.end()); };
  EXPECT_TRUE(append(""));
  EXPECT_TRUE(append("12345678"));
  EXPECT_TRUE(append("9"));
  EXPECT_EQ(text(), "123456789");
  EXPECT_FALSE(append(std::string(42, 'x')));
  EXPECT_EQ(text(), "123456789");
  EXPECT_TRUE(append(std::string(41, 'x')));
  EXPECT_EQ(text(), "123456789" + std::string(41, 'x'));
  EXPECT_FALSE(append("y"));
}

}  // namespace
}  // namespace keyward
