// What has to hold beside scopes.
#include "decide/requirements.hpp"

#include "decide_fixture.hpp"

namespace keyward {
namespace {

using RequirementsTest = test::DecideTest;

std::string a_key() { return default_key_format().mint(); }

bool holds(std::string_view value) {
  const RequirementDemand one{&value, 1};
  Demand demand;
  demand.requirements = &one;
  demand.requirement_count = 1;
  return check_requirements(demand) == Reason::none;
}

TEST(Requirements, AreMetByAnythingButNothingZeroAndFalse) {
  for (const char *met : {"1", "true", "00", "0.0", "FALSE", " ", "no", "a,b", "null"}) {
    EXPECT_TRUE(holds(met)) << met;
  }
  for (const char *unmet : {"", "0", "false"}) {
    EXPECT_FALSE(holds(unmet)) << unmet;
  }
  EXPECT_EQ(check_requirements(Demand()), Reason::none);
}

TEST_F(RequirementsTest, AllHaveToHoldAndTheFirstThatDoesNotIsTheReason) {
  accepted_.anonymous = true;
  const std::string_view good[] = {"1", "x"}, bad[] = {"1", "0"}, empty[] = {""};
  place_.requirements = {{good, 2}};
  EXPECT_EQ(ask_anew(""), Reason::none) << "they are asked of nobody, too";
  place_.requirements = {{good, 2}, {bad, 2, Reason::no_access}, {empty, 1}};
  EXPECT_EQ(ask_anew(""), Reason::no_access);
  place_.requirements = {{good, 2}, {empty, 1}, {bad, 2, Reason::no_access}};
  EXPECT_EQ(ask_anew(""), Reason::requirement_failed);
}

TEST_F(RequirementsTest, ComeAfterScopesAndBeforeLimits) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  record.scopes = {true, {"posts:read"}};
  put(record);
  const std::string_view empty[] = {""}, read[] = {"posts:read"}, write[] = {"posts:write"};
  ConfiguredLimit limit;
  limit.rate = {1, 60};
  place_.limits = {limit};
  place_.has_scope_rules = true;
  place_.scopes = {{false, write, 1}};
  place_.requirements = {{empty, 1}};
  EXPECT_EQ(ask_anew(key), Reason::insufficient_scope);
  place_.scopes = {{false, read, 1}};
  EXPECT_EQ(ask_anew(key), Reason::requirement_failed);
  place_.requirements.clear();
  EXPECT_EQ(ask_anew(key), Reason::none) << "what was refused has paid nothing";
  EXPECT_EQ(ask_anew(key), Reason::rate_limited);
}

TEST_F(RequirementsTest, AreNotAskedOfAPreflightNorOfWhoIsRefusedAnyway) {
  const std::string_view empty[] = {""};
  place_.requirements = {{empty, 1, Reason::no_access}};
  preflight_ = true;
  EXPECT_EQ(ask_anew(""), Reason::none);
  preflight_ = false;
  EXPECT_EQ(ask_anew(""), Reason::missing_credential);
}

}  // namespace
}  // namespace keyward
