// Names of windows: apart, and spread over the table.
#include "limit/window_name.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/digest.hpp"
#include "limit/windows.hpp"
#include "shared_memory.hpp"

namespace keyward {
namespace {

constexpr DigestKey kSecret = {7};
constexpr std::uint64_t kPlan = 0x0123'4567'89ab'cdef;

Digest who(std::size_t n) { return keyed_digest(kSecret, std::to_string(n)); }

TEST(WindowName, IsAnotherForEachPrincipalAndLimit) {
  std::set<Digest> names;
  for (std::size_t n = 0; n < 50; ++n) {
    for (std::size_t i = 0; i < 8; ++i) {
      names.insert(window_name(who(n), limit_identity(kPlan, i)));
      names.insert(window_name(who(n), limit_identity(kPlan + 1, i)));
    }
  }
  EXPECT_EQ(names.size(), 50U * 8 * 2);
}

// A plan's limits all have one identity with a number: were only its low bits to differ, they would share two buckets.
TEST(WindowName, FillsATableEvenlyWithThePlansOfManyLimits) {
  test::SharedMemory memory(1U << 20);
  WindowTable *table = WindowTable::create(memory.data(), memory.size());
  ASSERT_NE(table, nullptr);
  constexpr std::size_t kLimits = 8;
  const std::size_t principals = table->stats(1000).slots * 3 / 4 / kLimits;
  for (std::size_t n = 0; n < principals; ++n) {
    for (std::size_t i = 0; i < kLimits; ++i) {
      Charge charge;
      charge.limit_name = limit_identity(kPlan, i);
      charge.name = window_name(who(n), charge.limit_name);
      charge.rate = {5, 3600};
      ASSERT_FALSE(table->charge(charge, 1000).overflow) << n << " of " << principals;
    }
  }
}

}  // namespace
}  // namespace keyward
