// Which keys a list shows.
#include "keys/key_filter.hpp"

#include <gtest/gtest.h>

namespace keyward::keys {
namespace {

constexpr std::int64_t kNow = 1000;

KeyView a_key() {
  KeyView key;
  key.name = "Build Server";
  key.plan = "pro";
  key.created_at_s = 100;
  return key;
}

TEST(KeyFilter, ByNamePlanAndState) {
  KeyFilter filter;
  filter.now_s = kNow;
  KeyView key = a_key();
  EXPECT_TRUE(filter.fits(key) && filter.fits(key, {}));
  for (const char *part : {"build server", "SERVER", "d s", "B"}) {
    filter.name = part;
    EXPECT_TRUE(filter.fits(key)) << part;
  }
  filter.name = "servers";
  EXPECT_FALSE(filter.fits(key));
  filter.name.clear();
  filter.plan = "Pro";
  EXPECT_FALSE(filter.fits(key));
  filter.plan = "pro";
  EXPECT_TRUE(filter.fits(key));
  filter.state = "active";
  EXPECT_TRUE(filter.fits(key));
  key.expires_at_s = kNow;
  EXPECT_FALSE(filter.fits(key));
  filter.state = "expired";
  EXPECT_TRUE(filter.fits(key));
  key.state = KeyState::revoked;
  EXPECT_FALSE(filter.fits(key));
}

TEST(KeyFilter, ByComingExpiryAndDisuse) {
  KeyFilter filter;
  filter.now_s = kNow;
  filter.expires_before_s = kNow + 10;
  KeyView key = a_key();
  EXPECT_FALSE(filter.fits(key));  // never
  for (const auto &[end_s, fits] :
       {std::pair<std::int64_t, bool>(kNow, false), {kNow + 1, true}, {kNow + 10, true}, {kNow + 11, false}}) {
    key.expires_at_s = end_s;
    EXPECT_EQ(fits, filter.fits(key)) << end_s;
  }
  EXPECT_FALSE(filter.looks_at_use());
  filter.unused_since_s = 500;
  EXPECT_TRUE(filter.looks_at_use());
  UsageRecord usage;
  EXPECT_TRUE(filter.fits(key, usage));  // never used, and made before
  usage.last_used_s = 499;
  EXPECT_TRUE(filter.fits(key, usage));
  usage.last_used_s = 500;
  EXPECT_FALSE(filter.fits(key, usage));
  key.created_at_s = 600;
  EXPECT_FALSE(filter.fits(key, {}));
}

}  // namespace
}  // namespace keyward::keys
