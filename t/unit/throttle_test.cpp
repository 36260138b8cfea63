// What keeps the log from being flooded: at most once in so long, and a failure once.
#include "base/throttle.hpp"

#include <gtest/gtest.h>

#include "base/last_failure.hpp"

namespace keyward {
namespace {

TEST(Throttle, AdmitsOncePerInterval) {
  Throttle throttle(1000);
  EXPECT_TRUE(throttle.admits(0));
  EXPECT_FALSE(throttle.admits(0));
  EXPECT_FALSE(throttle.admits(999));
  EXPECT_TRUE(throttle.admits(1000));
  EXPECT_FALSE(throttle.admits(1999));
  EXPECT_TRUE(throttle.admits(50000));
}

TEST(Throttle, WhatIsNotAdmittedPutsNothingOff) {
  Throttle throttle(10);
  EXPECT_TRUE(throttle.admits(100));
  for (std::uint64_t now = 101; now < 110; ++now) {
    EXPECT_FALSE(throttle.admits(now));
  }
  EXPECT_TRUE(throttle.admits(110));
}

TEST(LastFailure, IsNewsWhenItBecomesAnother) {
  LastFailure failure;
  EXPECT_TRUE(failure.is_none());
  EXPECT_FALSE(failure.becomes(""));
  EXPECT_TRUE(failure.becomes("the disk is full"));
  EXPECT_FALSE(failure.becomes("the disk is full"));
  EXPECT_TRUE(failure.becomes("no such file"));
  EXPECT_FALSE(failure.is_none());
  EXPECT_TRUE(failure.becomes(""));
  EXPECT_TRUE(failure.is_none());
}

}  // namespace
}  // namespace keyward
