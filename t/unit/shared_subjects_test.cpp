#include "auth/shared_subjects.hpp"

#include <gtest/gtest.h>

namespace keyward {
namespace {

jwt::Issuer issuer_with(const std::string &prefix, bool shared) {
  jwt::Issuer issuer;
  issuer.subject_prefix = prefix;
  issuer.subject_shared = shared;
  return issuer;
}

struct Pair {
  const char *prefix[2];
  bool shared[2];
  const char *subject;
  bool reached[2];  // by the one, by the other; of texts that it can come to
  bool nowhere[2];
};

const Pair kPairs[] = {
    // Both say shared: one space, whatever the prefixes are.
    {{"", ""}, {true, true}, "u1", {true, true}, {false, false}},
    {{"", "b:"}, {true, true}, "b:u1", {true, true}, {false, false}},
    // Neither does: the first one's.
    {{"", ""}, {false, false}, "u1", {true, false}, {false, true}},
    {{"b:", "b:"}, {false, false}, "b:u1", {true, false}, {false, true}},
    // One does: that one's.
    {{"", ""}, {true, false}, "u1", {true, false}, {false, true}},
    {{"", ""}, {false, true}, "u1", {false, true}, {true, false}},
    // The longer prefix has what begins with it.
    {{"", "b:"}, {false, false}, "b:u1", {false, true}, {false, false}},
    {{"", "b:"}, {true, false}, "b:u1", {false, true}, {false, false}},
    {{"", "b:"}, {false, true}, "b:u1", {false, true}, {false, false}},
    {{"b", "b:"}, {true, false}, "b:u1", {false, true}, {false, false}},
    // And nothing else.
    {{"", "b:"}, {false, false}, "u1", {true, true}, {false, false}},
    {{"a:", "b:"}, {false, false}, "a:u1", {true, true}, {false, false}},
};

TEST(SubjectReachTest, TwoIssuersMeetOnlyWhereBothShare) {
  for (const Pair &pair : kPairs) {
    const jwt::Issuer one = issuer_with(pair.prefix[0], pair.shared[0]);
    const jwt::Issuer other = issuer_with(pair.prefix[1], pair.shared[1]);
    const std::vector<const jwt::Issuer *> issuers = {&one, &other};
    for (std::size_t i = 0; i < 2; ++i) {
      const SharedSubjects shared(issuers, i);
      EXPECT_EQ(shared.has(pair.subject), pair.reached[i]) << pair.prefix[0] << '|' << pair.prefix[1] << ' ' << i;
      EXPECT_EQ(shared.is_nowhere(), pair.nowhere[i]) << pair.prefix[0] << '|' << pair.prefix[1] << ' ' << i;
    }
    // The rule itself: what both can come to, both reach only if both say so.
    const auto can = [&](const jwt::Issuer &issuer) {
      return std::string_view(pair.subject).substr(0, issuer.subject_prefix.size()) == issuer.subject_prefix;
    };
    if (can(one) && can(other) && !(pair.shared[0] && pair.shared[1])) {
      EXPECT_FALSE(pair.reached[0] && pair.reached[1]);
    }
  }
}

TEST(SubjectReachTest, AnOnlyIssuerReachesEverything) {
  const jwt::Issuer issuer = issuer_with("", false);
  EXPECT_TRUE(SharedSubjects({&issuer}, 0).has("u1"));
  EXPECT_TRUE(SharedSubjects().has("u1"));
  EXPECT_FALSE(SharedSubjects({&issuer}, 0).is_nowhere());
}

TEST(SubjectReachTest, WhoRequiresARecordComesBeforeWhoWasFirst) {
  const jwt::Issuer first = issuer_with("", false);
  jwt::Issuer second = issuer_with("", false);
  second.subject_required = true;
  const std::vector<const jwt::Issuer *> issuers = {&first, &second};
  EXPECT_FALSE(SharedSubjects(issuers, 0).has("u1"));
  EXPECT_TRUE(SharedSubjects(issuers, 1).has("u1"));
  jwt::Issuer shared = issuer_with("", true);
  const std::vector<const jwt::Issuer *> with_shared = {&shared, &second};
  EXPECT_TRUE(SharedSubjects(with_shared, 0).has("u1"));
  EXPECT_FALSE(SharedSubjects(with_shared, 1).has("u1"));
}

TEST(SubjectReachTest, AThirdIssuerStaysOutside) {
  const jwt::Issuer a = issuer_with("", true), b = issuer_with("", true), c = issuer_with("", false);
  const std::vector<const jwt::Issuer *> issuers = {&a, &b, &c};
  EXPECT_TRUE(SharedSubjects(issuers, 0).has("u1"));
  EXPECT_TRUE(SharedSubjects(issuers, 1).has("u1"));
  EXPECT_FALSE(SharedSubjects(issuers, 2).has("u1"));
}

}  // namespace
}  // namespace keyward
