// A list that is full says so, and what it makes is whole.
#include "base/inline_list.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace keyward {
namespace {

struct Item {
  std::uint32_t cost = 1;
  const char *name = nullptr;
};

TEST(InlineList, BeginsEmpty) {
  InlineList<Item, 3> list;
  EXPECT_EQ(list.size(), 0U);
  EXPECT_EQ(list.begin(), list.end());
}

TEST(InlineList, MakesElementsWithTheirDefaults) {
  InlineList<Item, 3> list;
  Item *item = list.push();
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(item->cost, 1U);
  EXPECT_EQ(item->name, nullptr);
  item->cost = 7;
  ASSERT_NE(list.push(), nullptr);
  EXPECT_EQ(list[0].cost, 7U);
  EXPECT_EQ(list[1].cost, 1U);
}

TEST(InlineList, RefusesOneTooMany) {
  InlineList<Item, 2> list;
  ASSERT_NE(list.push(), nullptr);
  ASSERT_NE(list.push(), nullptr);
  EXPECT_EQ(list.push(), nullptr);
  EXPECT_EQ(list.size(), 2U);
  EXPECT_EQ(list.end() - list.begin(), 2);
}

}  // namespace
}  // namespace keyward
