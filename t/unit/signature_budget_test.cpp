// What may be verified on an event loop, and for whom.
#include "decide/signature_budget.hpp"

#include <gtest/gtest.h>

namespace keyward {
namespace {

constexpr std::string_view kHere = "here", kThere = "there";

TEST(SignatureBudget, AQuietTimeSavesUpAMillisecond) {
  SignatureBudget budget;
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(budget.admits(100, kHere, 5000)) << i;
  }
  EXPECT_FALSE(budget.admits(1, kHere, 5000));
  EXPECT_TRUE(budget.admits(100, kHere, 5001)) << "a tenth of each millisecond";
  EXPECT_FALSE(budget.admits(100, kHere, 5001));
  int admitted = 0;
  for (int i = 0; i < 100; ++i) {
    admitted += budget.admits(100, kHere, 1'000'000) ? 1 : 0;
  }
  EXPECT_EQ(admitted, 10) << "and no more than that, however long it was quiet";
}

TEST(SignatureBudget, WhatIsRefusedIsNotPaidFor) {
  SignatureBudget budget;
  EXPECT_FALSE(budget.admits(SignatureBudget::kMostUs + 1, kHere, 5000)) << "too slow at any time";
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(budget.admits(100, kHere, 5000)) << i;
  }
}

TEST(SignatureBudget, WhoSentAWrongOneComesBehindOthersForAWhile) {
  SignatureBudget budget;
  budget.note_wrong(kHere, 5000);
  EXPECT_TRUE(budget.is_suspect(kHere, 5000));
  EXPECT_FALSE(budget.is_suspect(kThere, 5000));
  EXPECT_FALSE(budget.admits(1, kHere, 5000));
  EXPECT_TRUE(budget.admits(1, kThere, 5000));
  EXPECT_FALSE(budget.admits(1, kHere, 5000 + SignatureBudget::kSuspectMs - 1));
  EXPECT_TRUE(budget.admits(1, kHere, 5000 + SignatureBudget::kSuspectMs));
}

TEST(SignatureBudget, AProcessWithNothingElseToDoHasAllTheTime) {
  SignatureBudget budget = SignatureBudget::unlimited();
  budget.note_wrong(kHere, 5000);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(budget.admits(100000, kHere, 5000));
  }
}

}  // namespace
}  // namespace keyward
