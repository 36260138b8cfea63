// Decisions, reason by reason, without a server.
#include "decide/decide.hpp"
#include "base/networks.hpp"

#include <gtest/gtest.h>

#include <set>

#include "auth/shared_subjects.hpp"
#include "decide_fixture.hpp"
#include "jwt_fixture.hpp"

namespace keyward {
namespace {

using test::DecideTest;
using test::SharedMemory;

std::string a_key() { return default_key_format().mint(); }

ConfiguredLimit limit_of(std::uint32_t count, CountBy by = CountBy::key, std::uint64_t identity = 11) {
  ConfiguredLimit terms;
  terms.rate = {count, 60};
  terms.by = by;
  terms.identity = identity;
  return terms;
}

TEST_F(DecideTest, NobodyIsRefusedWhereAnonymousIsNotAccepted) {
  EXPECT_EQ(ask(""), Reason::missing_credential);
  EXPECT_EQ(outcome_.kind, Kind::anonymous);
  accepted_.anonymous = true;
  EXPECT_EQ(ask(""), Reason::none);
}

TEST_F(DecideTest, APreflightPassesWithoutScopesAndLimits) {
  accepted_.preflight = preflight_ = true;
  place_.has_scope_rules = true;
  place_.limits = {limit_of(1)};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask_anew(""), Reason::none);
  }
}

TEST_F(DecideTest, WhatHasNoFormIsToldAsWhatIsAccepted) {
  EXPECT_EQ(ask("nonsense"), Reason::invalid_key);
  EXPECT_EQ(outcome_.kind, Kind::none);
  accepted_.key = false;
  EXPECT_EQ(ask("nonsense"), Reason::invalid_token);
}

TEST_F(DecideTest, AKeyThatNobodyHasIsInvalid) {
  EXPECT_EQ(ask(a_key()), Reason::invalid_key);
  EXPECT_EQ(outcome_.kind, Kind::key);
  std::string mistyped = a_key();
  mistyped.back() = mistyped.back() == 'a' ? 'b' : 'a';
  EXPECT_EQ(ask(mistyped), Reason::invalid_key);
}

TEST_F(DecideTest, AKeyIsWhoTheStoreSaysItIs) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  record.subject = "alice";
  put(record);
  for (int i = 0; i < 2; ++i) {  // looked up, and remembered
    EXPECT_EQ(ask_anew(key), Reason::none);
    ASSERT_TRUE(outcome_.principal);
    EXPECT_EQ(outcome_.principal->subject, "alice");
    EXPECT_EQ(outcome_.recognised_key_id(), "key_a");
    EXPECT_EQ(outcome_.named(), nullptr) << "nothing was done with it yet";
    outcome_.decision = Decision::allowed;
    EXPECT_NE(outcome_.named(), nullptr);
  }
}

TEST_F(DecideTest, AChangeHoldsForTheNextDecision) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  put(record);
  EXPECT_EQ(ask_anew(key), Reason::none);
  record.state = KeyState::revoked;
  put(record);
  EXPECT_EQ(ask_anew(key), Reason::revoked_key);
  EXPECT_FALSE(outcome_.principal);
  EXPECT_EQ(outcome_.recognised_key_id(), "key_a");
  EXPECT_TRUE(background_.runs.empty());
}

TEST_F(DecideTest, AKeysStateAndTimesAreReasons) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  const auto expect = [&](Reason reason) {
    put(record);
    EXPECT_EQ(ask_anew(key), reason);
    record = record_of(key);
  };
  record.state = KeyState::suspended;
  expect(Reason::suspended_key);
  record.state = KeyState::pending;
  record.pkce_challenge = std::string(43, 'a');
  expect(Reason::pending_key);
  record.expires_at_s = kNow_s;
  expect(Reason::expired_key);
  record.expires_at_s = kNow_s + 1;
  expect(Reason::none);
  record.overlap_until_s = kNow_s;
  expect(Reason::expired_key);
}

TEST_F(DecideTest, APendingKeyIsTakenOnlyWhereItIsActivated) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  record.state = KeyState::pending;
  record.pkce_challenge = std::string(43, 'a');
  put(record);
  accepted_.pending = true;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ask(key), Reason::none);
    EXPECT_TRUE(outcome_.principal->pending);
  }
  // What was admitted there is remembered nowhere.
  accepted_.pending = false;
  EXPECT_EQ(ask(key), Reason::pending_key);
  EXPECT_EQ(outcome_.principal, nullptr);
  outcome_ = Outcome();
  accepted_.pending = true;
  EXPECT_EQ(ask(key), Reason::none);
  outcome_.decision = Decision::allowed;
  EXPECT_EQ(judge_subrequest(&outcome_), Reason::not_accepted);
  // Other states aren't opened by it.
  for (const KeyState state : {KeyState::suspended, KeyState::revoked}) {
    record.state = state;
    put(record);
    EXPECT_NE(ask(key), Reason::none);
  }
}

TEST_F(DecideTest, ABlockedSubjectsKeyIsRefused) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  record.subject = "alice";
  put(record);
  SubjectRecord subject;
  subject.subject = "alice";
  subject.state = SubjectState::blocked;
  put(subject);
  EXPECT_EQ(ask(key), Reason::blocked_subject);
  EXPECT_EQ(outcome_.recognised_key_id(), "key_a");
}

TEST(Question, CountsWhoHasAnIpv6NetworkAsOne) {
  Question asked;
  std::string address;
  ASSERT_TRUE(parse_address("2001:db8:1:2:3:4:5:6", &address));
  asked.address = address;
  EXPECT_EQ(asked.counted_address(), address.substr(0, 8));
  ASSERT_TRUE(parse_address("192.0.2.7", &address));
  asked.address = address;
  EXPECT_EQ(asked.counted_address(), address);
  asked.address = {};
  EXPECT_EQ(asked.counted_address(), "unix");
}

TEST_F(DecideTest, AKeyIsUsedFromItsAddressesOnly) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  std::vector<Network> networks(2);
  std::string error;
  ASSERT_TRUE(parse_network("10.0.0.0/8", &networks[0], &error) &&
              parse_network("2001:db8::/32", &networks[1], &error));
  ASSERT_TRUE(pack_networks(networks, &record.allow_from));
  put(record);
  const auto from = [&](const char *address) {
    EXPECT_TRUE(parse_address(address, &address_));
    return ask_anew(key);
  };
  EXPECT_EQ(from("10.1.2.3"), Reason::none);
  // It is remembered now, and the address is another's each time.
  EXPECT_EQ(from("11.1.2.3"), Reason::address_not_allowed);
  ASSERT_TRUE(outcome_.principal) << "it is known who it is";
  EXPECT_EQ(outcome_.named(), nullptr);
  EXPECT_EQ(from("::ffff:10.1.2.3"), Reason::none);
  EXPECT_EQ(from("2001:db8::1"), Reason::none);
  EXPECT_EQ(from("2001:db9::1"), Reason::address_not_allowed);
  address_.clear();
  EXPECT_EQ(ask_anew(key), Reason::address_not_allowed);
  // A location that takes no keys says so first; a plan without access, too.
  accepted_.key = false;
  EXPECT_EQ(ask_anew(key), Reason::not_accepted);
  accepted_.key = true;
  record.plan = "gone";
  put(record);
  EXPECT_EQ(from("10.1.2.3"), Reason::no_access);
  record.plan.clear();
  record.allow_from.clear();
  put(record);
  address_.clear();
  EXPECT_EQ(ask_anew(key), Reason::none);
}

TEST_F(DecideTest, APlanThatIsNowhereGivesNoAccess) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  record.plan = "gone";
  put(record);
  EXPECT_EQ(ask(key), Reason::no_access);
  ASSERT_TRUE(outcome_.principal) << "it is known who it is";
}

TEST_F(DecideTest, AGoodKeyIsNotAcceptedWhereOnlyTokensAre) {
  const std::string key = a_key();
  put(record_of(key));
  accepted_.key = false;
  EXPECT_EQ(ask(key), Reason::not_accepted);
}

TEST_F(DecideTest, WithoutAStoreNoKeyIsGood) {
  const std::string key = a_key();
  put(record_of(key));
  reader_ = nullptr;
  EXPECT_EQ(ask(key), Reason::invalid_key);
}

TEST_F(DecideTest, AStoreThatCannotBeReadRefuses) {
  CredentialReader closed;
  reader_ = &closed;
  EXPECT_EQ(ask(a_key()), Reason::store_error);
  EXPECT_EQ(outcome_.retry_after_s, 1U);
  EXPECT_EQ(background_.store_troubles, 1);
}

TEST_F(DecideTest, BcryptIsWaitedForAndItsAnswerCounts) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  record.verifier_kind = VerifierKind::bcrypt;
  record.verifier = test::kBcryptHash;
  put(record);
  EXPECT_EQ(ask(key), kWaits);
  ASSERT_EQ(background_.runs.size(), 1U);
  EXPECT_EQ(background_.runs[0].hash, test::kBcryptHash);
  answer(false);
  EXPECT_EQ(ask(key), Reason::invalid_key);
  EXPECT_EQ(ask_anew(key), kWaits) << "a refusal isn't remembered";
  answer(true);
  EXPECT_EQ(ask(key), Reason::none);
  EXPECT_EQ(background_.runs.size(), 2U);
}

TEST_F(DecideTest, ARunThatCannotBeHadIsBusy) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  record.verifier_kind = VerifierKind::bcrypt;
  record.verifier = test::kBcryptHash;
  put(record);
  background_.full = true;
  EXPECT_EQ(ask(key), Reason::busy);
  EXPECT_EQ(outcome_.retry_after_s, 1U);
  background_.full = false;
  EXPECT_EQ(ask_anew(key), kWaits);
  state_->wait_expired = true;
  EXPECT_EQ(ask(key), Reason::busy) << "it has waited as long as it may";
  EXPECT_EQ(ask_anew(key), kWaits);
  state_->wait_failed = true;
  EXPECT_EQ(ask(key), Reason::busy) << "bcrypt had no memory";
}

// A change of the record during the run: what it said was about another verifier.
TEST_F(DecideTest, AnAnswerIsAboutTheRecordAsItWas) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  record.verifier_kind = VerifierKind::bcrypt;
  record.verifier = test::kBcryptHash;
  put(record);
  EXPECT_EQ(ask(key), kWaits);
  answer(true);
  record.name = "another";
  put(record);
  EXPECT_EQ(ask(key), kWaits);
}

TEST_F(DecideTest, ALegacyKeyIsFoundByItsPrefixAndFiledAnew) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  record.verifier_kind = VerifierKind::legacy_prefix;
  record.verifier = test::kBcryptHash;
  record.indexed = false;
  record.locator = {};
  record.legacy_prefix = key.substr(0, 8);
  put(record);
  EXPECT_EQ(ask(key), kWaits);
  EXPECT_TRUE(background_.runs.at(0).candidate);
  answer(true);
  EXPECT_EQ(ask(key), Reason::none);
  EXPECT_EQ(background_.refiled, std::vector<std::string>{"key_a"});
}

TEST_F(DecideTest, LegacyFailuresAreFewAndForgivenToWhoWasRight) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  record.verifier_kind = VerifierKind::legacy_prefix;
  record.verifier = test::kBcryptHash;
  record.indexed = false;
  record.locator = {};
  record.legacy_prefix = key.substr(0, 8);
  put(record);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(ask_anew(key), kWaits) << i;
    answer(false);
    EXPECT_EQ(ask(key), Reason::invalid_key);
  }
  EXPECT_EQ(ask_anew(key), Reason::busy) << "ten wrong ones in a minute";
  now_ms_ += 61'000;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(ask_anew(key), kWaits) << i;
    state_->verifying->count = 0;
    background_.full = true;  // given back
    EXPECT_EQ(ask(key), Reason::busy);
    background_.full = false;
  }
}

TEST_F(DecideTest, WrongSecretsOfAnAddressAreCounted) {
  place_.failure_limits = {limit_of(3, CountBy::failures)};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask_anew(a_key()), Reason::invalid_key);
  }
  EXPECT_EQ(ask_anew(a_key()), Reason::too_many_failures);
  EXPECT_EQ(outcome_.retry_after_s, 60U);
  const std::string key = a_key();
  put(record_of(key));
  EXPECT_EQ(ask_anew(key), Reason::too_many_failures) << "it was never proved";
  address_ = "there";
  EXPECT_EQ(ask_anew(key), Reason::none);
  address_ = "here";
  EXPECT_EQ(ask_anew(key), Reason::none) << "a key that was proved isn't held up by others' failures";
}

TEST_F(DecideTest, ScopesAreAskedOfWhoIsKnown) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  record.scopes = {true, {"posts:read"}};
  put(record);
  const std::string_view read[] = {"posts:read"}, both[] = {"posts:read", "posts:write"}, broken[] = {""};
  place_.has_scope_rules = true;
  EXPECT_EQ(ask_anew(key), Reason::method_not_covered) << "rules, and none of them covers the method";
  EXPECT_EQ(ask_anew(""), Reason::missing_credential);
  accepted_.anonymous = true;
  EXPECT_EQ(ask_anew(""), Reason::missing_credential) << "a scope is a demand for a credential";
  place_.scopes = {{false, read, 1}};
  EXPECT_EQ(ask_anew(key), Reason::none);
  place_.scopes = {{true, both, 2}};
  EXPECT_EQ(ask_anew(key), Reason::none);
  place_.scopes = {{false, read, 1}, {false, both, 2}};
  EXPECT_EQ(ask_anew(key), Reason::insufficient_scope);
  EXPECT_EQ(outcome_.required_scope, "posts:read posts:write");
  place_.scopes = {{false, broken, 1}};
  EXPECT_EQ(ask_anew(key), Reason::insufficient_scope) << "what a variable made no scope nobody has";
}

class DecideCredits : public DecideTest {
 protected:
  DecideCredits() : shared_(std::size_t{256} * 1024) {
    zone_.credits = CreditTable::create(shared_.data(), shared_.size());
    zone_.credits->set_loaded(now_ms_);
    Plan plan;
    plan.name = "pro";
    plan.credits = {10, 86400};
    policy_.plans["pro"] = plan;
  }

  static ConfiguredLimit cost_of(std::uint32_t cost, std::uint8_t refund = 0) {
    ConfiguredLimit limit;
    limit.kind = LimitKind::credits;
    limit.cost = cost;
    limit.refund = refund;
    return limit;
  }
  std::string a_pro_key(const std::string &id = "key_a") {
    const std::string key = a_key();
    KeyRecord record = record_of(key, id);
    record.plan = "pro";
    put(record);
    return key;
  }
  // A new request; the one before has ended.
  Conclusion begin(const std::string &key) {
    place_.paid = std::make_unique<PaidCredits>();
    return ask_anew(key);
  }

  SharedMemory shared_;
};

TEST_F(DecideCredits, TakesWhatAllCostTogether) {
  const std::string key = a_pro_key();
  place_.limits = {cost_of(3), cost_of(1)};
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(place_.paid->left(), 6U);
  EXPECT_TRUE(outcome_.knows_credits);
  EXPECT_EQ(ask(key), Reason::none) << "the same request at another place";
  EXPECT_EQ(place_.paid->left(), 6U);
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(begin(key), Reason::insufficient_credits);
  EXPECT_EQ(place_.paid->left(), 2U);
}

TEST_F(DecideCredits, WhoHasNoBalanceIsRefused) {
  const std::string key = a_key();
  put(record_of(key));
  place_.limits = {cost_of(1)};
  EXPECT_EQ(begin(key), Reason::insufficient_credits);
  accepted_.anonymous = true;
  EXPECT_EQ(begin(""), Reason::insufficient_credits);
  preflight_ = true;
  accepted_.preflight = true;
  EXPECT_EQ(begin(""), Reason::none) << "nothing is charged of a preflight";
}

TEST_F(DecideCredits, AllOrNothingWithLimits) {
  const std::string key = a_pro_key();
  place_.limits = {limit_of(2), cost_of(4)};
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(begin(key), Reason::rate_limited);
  EXPECT_EQ(place_.paid->left(), 2U);
  place_.limits = {limit_of(5, CountBy::key, 12), cost_of(4)};
  EXPECT_EQ(begin(key), Reason::insufficient_credits);
  EXPECT_EQ(outcome_.limit.state.remaining, 5U) << "no window is charged";
  place_.limits = {limit_of(5, CountBy::key, 12), cost_of(2)};
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(outcome_.limit.state.remaining, 4U);
}

TEST_F(DecideCredits, ASubjectsRecordSaysWhatWasGranted) {
  SubjectRecord subject;
  subject.subject = "alice";
  subject.credits = {5, 5, 3, 0};
  put(subject);
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  record.subject = "alice";
  put(record);
  place_.limits = {cost_of(2)};
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(begin(key), Reason::insufficient_credits);
  subject.credits = {6, 5, 3, 1};
  put(subject);
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(place_.paid->left(), 0U);
}

TEST_F(DecideCredits, ShadowTakesNothing) {
  const std::string key = a_pro_key();
  place_.limits = {cost_of(8)};
  outcome_.in_shadow = true;
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(begin(key), Reason::none);
  place_.limits = {cost_of(11)};
  EXPECT_EQ(begin(key), Reason::insufficient_credits);
  outcome_.in_shadow = false;
  place_.limits = {cost_of(10)};
  EXPECT_EQ(begin(key), Reason::none);
}

TEST_F(DecideCredits, WhatComesOfItGivesBackWhatItSays) {
  const std::string key = a_pro_key();
  place_.limits = {cost_of(3, kRefundServerError), cost_of(2, kRefundServerError | kRefundError), cost_of(1)};
  EXPECT_EQ(begin(key), Reason::none);
  place_.paid->come_to(kRefundError);
  place_.paid->settle();
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(place_.paid->left(), 0U);
  place_.paid->come_to(kRefundServerError);
  place_.paid->settle();
  place_.limits = {cost_of(6)};
  EXPECT_EQ(begin(key), Reason::insufficient_credits);
  EXPECT_EQ(place_.paid->left(), 5U);
}

TEST_F(DecideCredits, WhereNobodyCanSayItIsOurFailure) {
  const std::string key = a_pro_key();
  place_.limits = {limit_of(5), cost_of(1)};
  now_ms_ += CreditTable::kMaxUnsavedMs;
  EXPECT_EQ(begin(key), Reason::store_error);
  EXPECT_EQ(outcome_.retry_after_s, 1U);
  EXPECT_EQ(outcome_.limit.state.remaining, 5U);
  EXPECT_FALSE(outcome_.knows_credits);
  EXPECT_EQ(background_.no_credits.size(), 1U);
  zone_.credits = nullptr;
  EXPECT_EQ(begin(key), Reason::store_error);
  place_.paid.reset();
  EXPECT_EQ(ask_anew(key), Reason::internal_error);
}

// Limits of so many at once, whose requests are as many as there are `held`.
class DecideConcurrency : public DecideTest {
 protected:
  DecideConcurrency() : shared_(std::size_t{256} * 1024) {
    zone_.concurrency = ConcurrencyTable::create(shared_.data(), shared_.size());
    member_ = zone_.concurrency->join();
    zone_.member = &member_;
  }
  ~DecideConcurrency() override {
    requests_.clear();
    place_.held.reset();
  }

  static ConfiguredLimit at_once(std::uint32_t most, CountBy by = CountBy::key, std::uint64_t identity = 21) {
    ConfiguredLimit limit = limit_of(most, by, identity);
    limit.kind = LimitKind::concurrency;
    return limit;
  }
  // A new request, while those before go on.
  Conclusion begin(const std::string &key) {
    requests_.push_back(std::move(place_.held));
    place_.held = std::make_unique<HeldPlaces>();
    return ask_anew(key);
  }
  void end_all() {
    requests_.clear();
    place_.held = std::make_unique<HeldPlaces>();
  }

  SharedMemory shared_;
  ConcurrencyTable::Member member_;
  std::vector<std::unique_ptr<HeldPlaces>> requests_;
};

TEST_F(DecideConcurrency, SoManyAtOnceAndNoMore) {
  const std::string key = a_key();
  put(record_of(key));
  place_.limits = {at_once(2)};
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(begin(key), Reason::too_many_concurrent);
  EXPECT_EQ(outcome_.retry_after_s, 1U);
  end_all();
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(ask(key), Reason::none) << "the same request at another place";
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(begin(key), Reason::too_many_concurrent);
}

TEST_F(DecideConcurrency, AllOrNothingWithOtherLimits) {
  const std::string key = a_key();
  put(record_of(key));
  place_.limits = {limit_of(3), at_once(1), at_once(5, CountBy::address, 22)};
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(begin(key), Reason::too_many_concurrent);
  EXPECT_EQ(outcome_.limit.state.remaining, 2U) << "nothing is charged";
  end_all();
  EXPECT_EQ(begin(key), Reason::none);
  end_all();
  EXPECT_EQ(begin(key), Reason::none);
  end_all();
  EXPECT_EQ(begin(key), Reason::rate_limited);
  place_.limits = {at_once(1)};
  EXPECT_EQ(begin(key), Reason::none);
}

TEST_F(DecideConcurrency, WhatWasGivenEarlierStaysWhenALaterPlaceRefuses) {
  const std::string key = a_key();
  put(record_of(key));
  place_.limits = {at_once(1)};
  EXPECT_EQ(begin(key), Reason::none);
  place_.limits = {limit_of(1, CountBy::key, 12), at_once(1), at_once(1, CountBy::key, 22)};
  EXPECT_EQ(ask(key), Reason::none);
  state_ = std::make_unique<RequestState>();  // as if it had paid nothing
  EXPECT_EQ(ask(key), Reason::rate_limited);
  EXPECT_EQ(begin(key), Reason::too_many_concurrent);
}

TEST_F(DecideConcurrency, OfAPlan) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  record.plan = "two";
  put(record);
  Plan plan;
  plan.name = "two";
  plan.concurrency = 2;
  policy_.plans["two"] = plan;
  const std::string other = a_key();
  put(record_of(other, "key_b"));
  place_.limits = {at_once(0)};
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(begin(key), Reason::none);
  EXPECT_EQ(begin(key), Reason::too_many_concurrent);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(begin(other), Reason::none) << "nobody says how many";
  }
}

TEST_F(DecideConcurrency, WithoutRoomItIsBusyAndNeverAPass) {
  const std::string key = a_key();
  put(record_of(key));
  place_.limits = {at_once(2)};
  zone_.member = nullptr;
  EXPECT_EQ(begin(key), Reason::busy);
  EXPECT_EQ(background_.no_places, 1);
  place_.held.reset();
  EXPECT_EQ(ask_anew(key), Reason::internal_error);
}

TEST_F(DecideConcurrency, ARefusalForAnotherReasonTakesNone) {
  const std::string key = a_key();
  put(record_of(key));
  place_.limits = {at_once(1)};
  place_.has_scope_rules = true;
  EXPECT_EQ(begin(key), Reason::method_not_covered);
  place_.has_scope_rules = false;
  EXPECT_EQ(begin(key), Reason::none);
}

TEST_F(DecideTest, TheSameRequestAgainAndAgain) {
  const std::string key = a_key(), other = a_key();
  put(record_of(key));
  put(record_of(other, "key_b"));
  place_.limits = {limit_of(2, CountBy::repeat)};
  EXPECT_EQ(ask_anew(key), Reason::none);
  EXPECT_EQ(ask(key), Reason::none) << "one request at two places";
  EXPECT_EQ(ask_anew(key), Reason::none);
  EXPECT_EQ(ask_anew(key), Reason::repeated_request);
  EXPECT_EQ(outcome_.retry_after_s, 60U);
  EXPECT_EQ(ask_anew(other), Reason::none) << "of another principal";
  place_.request = {"POST", "/", {}};
  EXPECT_EQ(ask_anew(key), Reason::none);
  place_.request = {"GET", "/?a", {}};
  EXPECT_EQ(ask_anew(key), Reason::none);
  place_.request = {"GET", "/", {}};
  EXPECT_EQ(ask_anew(key), Reason::repeated_request);
  place_.request = {"GET", "/", "what is in it"};
  EXPECT_EQ(ask_anew(key), Reason::none);
  EXPECT_EQ(ask_anew(key), Reason::none);
  EXPECT_EQ(ask_anew(key), Reason::repeated_request);
  place_.request.content = "something else";
  EXPECT_EQ(ask_anew(key), Reason::none);
  place_.limits = {limit_of(1, CountBy::key, 12), limit_of(2, CountBy::repeat)};
  place_.request = {"GET", "/b", {}};
  EXPECT_EQ(ask_anew(key), Reason::none);
  EXPECT_EQ(ask_anew(key), Reason::rate_limited) << "the one that refuses is told";
  accepted_.anonymous = true;
  place_.limits = {limit_of(1, CountBy::repeat, 13)};
  EXPECT_EQ(ask_anew(""), Reason::none);
  EXPECT_EQ(ask_anew(""), Reason::repeated_request);
  address_ = "there";
  EXPECT_EQ(ask_anew(""), Reason::none);
}

TEST_F(DecideTest, ByToolCountsAPrincipalForEachRule) {
  const std::string key = a_key(), other = a_key();
  put(record_of(key));
  put(record_of(other, "key_b"));
  place_.limits = {limit_of(1, CountBy::tool)};
  place_.who = "tools/call:a";
  EXPECT_EQ(ask_anew(key), Reason::none);
  EXPECT_EQ(ask_anew(key), Reason::rate_limited);
  EXPECT_EQ(ask_anew(other), Reason::none) << "another principal";
  place_.who = "tools/call:b";
  EXPECT_EQ(ask_anew(key), Reason::none) << "another rule";
  EXPECT_EQ(ask_anew(key), Reason::rate_limited);
  accepted_.anonymous = true;
  EXPECT_EQ(ask_anew(""), Reason::none);
  EXPECT_EQ(ask_anew(""), Reason::rate_limited);
  address_ = "there";
  EXPECT_EQ(ask_anew(""), Reason::none) << "of nobody the address counts";
  place_.who = "";
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask_anew(key), Reason::none) << "what has no rule";
  }
}

TEST_F(DecideTest, ARefusalOfAMessageNamesAllThatItNeeds) {
  const std::string key = a_key();
  KeyRecord record = record_of(key);
  record.scopes = {true, {"a:a", "c:c"}};
  put(record);
  const std::string_view first[] = {"a:a", "b:b"}, second[] = {"c:c", "d:d"}, third[] = {"b:b", "e:e"};
  place_.has_scope_rules = true;
  place_.scopes = {{false, first, 2}, {true, second, 2}, {false, third, 2}};
  EXPECT_EQ(ask_anew(key), Reason::insufficient_scope);
  EXPECT_EQ(outcome_.required_scope, "a:a b:b");
  place_.tells_all_scopes = true;
  EXPECT_EQ(ask_anew(key), Reason::insufficient_scope);
  EXPECT_EQ(outcome_.required_scope, "a:a b:b e:e") << "each once, and none of those of which one is there";
}

TEST_F(DecideTest, WhatRulesSayAgainstAMessageHoldsForWhoeverAsks) {
  const std::string key = a_key();
  put(record_of(key));
  place_.has_scope_rules = true;
  place_.uncovered = Reason::not_accepted;
  place_.limits = {limit_of(1)};
  EXPECT_EQ(ask_anew(key), Reason::not_accepted);
  EXPECT_EQ(ask_anew(key), Reason::not_accepted) << "nothing was charged";
  EXPECT_EQ(ask_anew(""), Reason::missing_credential);
}

TEST_F(DecideTest, ADemandThatCannotBeCollectedRefuses) {
  accepted_.anonymous = true;
  place_.fails = true;
  EXPECT_EQ(ask(""), Reason::internal_error);
}

TEST_F(DecideTest, LimitsAreChargedAllOrNone) {
  const std::string key = a_key();
  put(record_of(key));
  place_.limits = {limit_of(5), limit_of(2, CountBy::address, 12)};
  EXPECT_EQ(ask_anew(key), Reason::none);
  EXPECT_EQ(outcome_.limit.state.remaining, 1U) << "the tightest one";
  EXPECT_EQ(ask_anew(key), Reason::none);
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(ask_anew(key), Reason::rate_limited);
    EXPECT_EQ(outcome_.retry_after_s, 60U);
  }
  place_.limits.pop_back();
  EXPECT_EQ(ask_anew(key), Reason::none) << "what the second refused was given back to the first";
  EXPECT_EQ(outcome_.limit.state.remaining, 2U);
}

TEST_F(DecideTest, ARequestPaysOnceInAWindow) {
  const std::string key = a_key();
  put(record_of(key));
  place_.limits = {limit_of(2)};
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ask(key), Reason::none) << "redirected from place to place";
  }
  EXPECT_EQ(outcome_.limit.state.remaining, 1U);
  EXPECT_EQ(ask_anew(key), Reason::none);
  EXPECT_EQ(ask_anew(key), Reason::rate_limited);
}

TEST_F(DecideTest, WhatShadowChargesPaysForNobody) {
  const std::string key = a_key();
  put(record_of(key));
  place_.limits = {limit_of(4)};
  outcome_.in_shadow = true;
  EXPECT_EQ(ask(key), Reason::none);
  outcome_.in_shadow = false;
  EXPECT_EQ(ask(key), Reason::none);
  EXPECT_EQ(outcome_.limit.state.remaining, 2U) << "counted by both";
}

TEST_F(DecideTest, ALimitOfPlansWithoutAnyIsNoAccess) {
  const std::string key = a_key();
  put(record_of(key));
  ConfiguredLimit terms = limit_of(1);
  terms.kind = LimitKind::plan;
  place_.limits = {terms};
  EXPECT_EQ(ask_anew(key), Reason::no_access);
  Plan plan;
  plan.name = "free";
  plan.limits = {{1, 60}};
  policy_.plans["free"] = plan;
  place_.limits[0].default_plan = "free";
  EXPECT_EQ(ask_anew(key), Reason::none);
  EXPECT_EQ(outcome_.limit.name, "free");
  EXPECT_EQ(ask_anew(key), Reason::rate_limited);
}

TEST_F(DecideTest, ByAVariableWithoutAValueNobodyIsCounted) {
  accepted_.anonymous = true;
  place_.limits = {limit_of(1, CountBy::variable)};
  EXPECT_EQ(ask_anew(""), Reason::none);
  EXPECT_EQ(ask_anew(""), Reason::none);
  place_.who = "tenant";
  EXPECT_EQ(ask_anew(""), Reason::none);
  EXPECT_EQ(ask_anew(""), Reason::rate_limited);
}

TEST_F(DecideTest, AKnownPrincipalThatIsRefusedIsToldItsLimitAndPaysNothing) {
  const std::string key = a_key();
  put(record_of(key));
  place_.limits = {limit_of(5)};
  place_.has_scope_rules = true;
  EXPECT_EQ(ask_anew(key), Reason::method_not_covered);
  EXPECT_TRUE(outcome_.limit.known);
  EXPECT_EQ(outcome_.limit.state.remaining, 5U);
  place_.has_scope_rules = false;
  EXPECT_EQ(ask_anew(key), Reason::none);
  EXPECT_EQ(outcome_.limit.state.remaining, 4U);
}

// For answers that tell of every limit, and for the names of those that refuse.
TEST_F(DecideTest, EveryLimitIsListedWhereSomebodyAsksOrOneRefuses) {
  const std::string key = a_key();
  put(record_of(key));
  place_.limits = {limit_of(5), limit_of(2, CountBy::key, 12), limit_of(9, CountBy::key, 13)};
  place_.limits[0].name = "a";
  place_.limits[1].name = "b";
  place_.limits[2].name = "c";
  const auto remaining = [&] {
    std::string text;
    for (const SeenLimit &limit : *outcome_.every_limit) {
      text += std::string(limit.name) + std::to_string(limit.state.remaining) + (limit.state.admitted ? " " : "! ");
    }
    return text;
  };
  EXPECT_EQ(ask_anew(key), Reason::none);
  EXPECT_EQ(outcome_.every_limit, nullptr) << "nobody has asked";
  tells_limits_ = true;
  EXPECT_EQ(ask_anew(key), Reason::none);
  EXPECT_EQ(remaining(), "a3 b0 c7 ");
  for (const bool tells : {true, false}) {
    tells_limits_ = tells;
    EXPECT_EQ(ask_anew(key), Reason::rate_limited);
    EXPECT_EQ(outcome_.limit.name, "b");
    // As they stand once a has got back what was taken.
    EXPECT_EQ(remaining(), "a3 b0! c7 ");
  }
  tells_limits_ = true;
  place_.has_scope_rules = true;
  EXPECT_EQ(ask_anew(key), Reason::method_not_covered);
  EXPECT_EQ(remaining(), "a3 b0! c7 ");
}

TEST_F(DecideTest, UsesAreCountedOnceForARequest) {
  const std::string key = a_key();
  put(record_of(key));
  EXPECT_EQ(ask(key), Reason::none);
  EXPECT_EQ(ask(key), Reason::none);
  EXPECT_EQ(zone_.decisions(0), 2U);
  UsageDelta delta[4];
  ASSERT_EQ(zone_.keys->drain(delta, 4), 1U);
  EXPECT_EQ(delta[0].uses, 1U);
  place_.has_scope_rules = true;
  EXPECT_EQ(ask_anew(key), Reason::method_not_covered);
  ASSERT_EQ(zone_.keys->drain(delta, 4), 1U);
  EXPECT_EQ(delta[0].refusal, static_cast<std::uint8_t>(Reason::method_not_covered));
}

// --- tokens ----------------------------------------------------------------------------------------------------

TEST_F(DecideTest, ASubrequestPassesWithItsMainRequestOnly) {
  EXPECT_EQ(judge_subrequest(nullptr), Reason::not_accepted);
  Outcome outcome;
  for (const Decision decision : {Decision::none, Decision::refused, Decision::shadow, Decision::off}) {
    outcome.decision = decision;
    EXPECT_EQ(judge_subrequest(&outcome), Reason::not_accepted);
  }
  outcome.decision = Decision::allowed;
  EXPECT_EQ(judge_subrequest(&outcome), Reason::none);
}

TEST(Present, WhatBrowsersSendUnaskedMayBeAnotherSites) {
  const KeyFormats formats;
  const IssuerList none;
  const Forms forms{&formats, &none, true};
  const auto of = [&](SourceKind kind, bool any_site, bool cross) {
    Source source{};
    source.kind = kind;
    source.cross_site = any_site;
    int asked = 0;
    const Credential credential = present(Reason::none, &source, "x", forms, Accepted(), [&](const Source &) {
      ++asked;
      return cross;
    });
    EXPECT_EQ(asked, source.is_ambient() && !any_site ? 1 : 0);
    return credential.fault;
  };
  EXPECT_EQ(of(SourceKind::cookie, false, true), Reason::cross_site);
  EXPECT_EQ(of(SourceKind::basic, false, true), Reason::cross_site);
  EXPECT_NE(of(SourceKind::cookie, true, true), Reason::cross_site) << "csrf=off";
  EXPECT_NE(of(SourceKind::cookie, false, false), Reason::cross_site);
  EXPECT_NE(of(SourceKind::bearer, false, true), Reason::cross_site) << "sent by intent";
  const auto never = [](const Source &) { return true; };
  EXPECT_EQ(present(Reason::none, nullptr, "", forms, Accepted(), never).kind, Kind::anonymous);
  EXPECT_EQ(present(Reason::invalid_request, nullptr, "", forms, Accepted(), never).fault, Reason::invalid_request);
}

class DecideTokenTest : public DecideTest {
 protected:
  DecideTokenTest() {
    init_crypto();
    test::FakeIssuers::One one;
    one.rules = test::issuer_named("auth");
    one.keys = std::make_shared<const jwt::KeySet>(test::set_of(test::Signer::shared(test::KeyType::ed25519)));
    issuers_.all.push_back(one);
    every_issuer_ = {0};
    accepted_.issuers = &every_issuer_;
    std::vector<const jwt::Issuer *> rules = {&issuers_.all[0].rules};
    issuers_.all[0].shared_subjects = SharedSubjects(rules, 0);
  }

  static std::string token_with(const std::string &claims) {
    return test::Signer::shared(test::KeyType::ed25519).token(crypto::Algorithm::eddsa, claims);
  }
};

TEST_F(DecideTokenTest, ATokenIsWhoItsClaimsSay) {
  const std::string token = token_with(R"({"sub":"alice","exp":1700003600})");
  EXPECT_EQ(ask_anew(token), Reason::none);
  ASSERT_TRUE(outcome_.principal);
  EXPECT_EQ(outcome_.principal->subject, "alice");
  EXPECT_EQ(outcome_.kind, Kind::token);
  EXPECT_EQ(ask_anew(token), Reason::none) << "remembered";
}

TEST_F(DecideTokenTest, EachFaultOfATokenIsItsReason) {
  EXPECT_EQ(ask_anew(token_with(R"({"sub":"alice","exp":1699999000})")), Reason::expired_token);
  EXPECT_EQ(outcome_.issuer, &issuers_.all[0].rules);
  const test::Signer other = test::Signer::make(test::KeyType::ed25519);
  EXPECT_EQ(ask_anew(other.token(crypto::Algorithm::eddsa, R"({"sub":"alice","exp":1700003600})")),
            Reason::invalid_token);
  EXPECT_EQ(outcome_.issuer, nullptr);
  EXPECT_NE(outcome_.token_cause, jwt::Cause::none);
  EXPECT_EQ(ask_anew("a.b"), Reason::invalid_key) << "that has no token's form";
  EXPECT_EQ(ask_anew("a!.b.c"), Reason::invalid_key);
  EXPECT_EQ(outcome_.kind, Kind::none);
}

TEST_F(DecideTokenTest, AGoodTokenIsNotAcceptedWhereOnlyKeysAre) {
  accepted_.issuers = nullptr;
  EXPECT_EQ(ask_anew(token_with(R"({"sub":"alice","exp":1700003600})")), Reason::not_accepted);
  EXPECT_EQ(ask_anew(token_with(R"({"sub":"alice","exp":1699999000})")), Reason::expired_token);
}

TEST_F(DecideTokenTest, WhereAResourceIsNamedItIsTheAudienceOfIssuersWithoutOne) {
  const std::vector<std::string> origin = {"https://a.example", "https://a.example/"};
  IssuerList bound = every_issuer_;
  bound.bind_to(origin, {&issuers_.all[0].rules});
  EXPECT_FALSE(bound == every_issuer_) << "what is remembered of one must not pass by the other";
  IssuerList same = every_issuer_;
  same.bind_to(origin, {&issuers_.all[0].rules});
  EXPECT_TRUE(bound == same);
  const auto token_for = [](const std::string &audience) {
    return token_with(R"({"sub":"alice","exp":1700003600)" + audience + "}");
  };
  const std::string without = token_for(""), other = token_for(R"(,"aud":"https://b.example")");
  const std::string good = token_for(R"(,"aud":"https://a.example")"),
                    slash = token_for(R"(,"aud":["x","https://a.example/"])");
  for (int again = 0; again < 2; ++again) {
    for (const std::string &token : {without, other, good, slash}) {
      accepted_.issuers = &every_issuer_;
      EXPECT_EQ(ask_anew(token), Reason::none);
      accepted_.issuers = &bound;
      EXPECT_EQ(ask_anew(token), token == good || token == slash ? Reason::none : Reason::invalid_token);
    }
  }
  EXPECT_EQ(issuers_.all[0].rules.audiences, std::vector<std::string>());
  issuers_.all[0].rules.audiences = {"https://b.example"};
  IssuerList own = every_issuer_;
  own.bind_to(origin, {&issuers_.all[0].rules});
  EXPECT_TRUE(own == every_issuer_) << "its own audience holds everywhere";
}

TEST_F(DecideTokenTest, WithoutKeysOfItsIssuerItWaitsForThem) {
  issuers_.all[0].keys = nullptr;
  const std::string token = token_with(R"({"sub":"alice","exp":1700003600})");
  EXPECT_EQ(ask_anew(token), Reason::keys_unavailable);
  EXPECT_EQ(background_.awaited, std::vector<std::size_t>{0});
  EXPECT_EQ(outcome_.retry_after_s, 7U);
  background_.keys.conclusion = kWaits;
  EXPECT_EQ(ask_anew(token), kWaits);
  background_.keys = {Reason::invalid_token, 0};
  EXPECT_EQ(ask_anew(token), Reason::invalid_token);
}

TEST_F(DecideTokenTest, TheStoreHasTheLastWord) {
  const std::string token = token_with(R"({"sub":"alice","jti":"t1","iat":1699999999,"exp":1700003600})");
  EXPECT_EQ(ask_anew(token), Reason::none);
  SubjectRecord subject;
  subject.subject = "alice";
  subject.state = SubjectState::blocked;
  put(subject);
  EXPECT_EQ(ask_anew(token), Reason::blocked_subject) << "also of a remembered token";
  subject.state = SubjectState::active;
  put(subject);
  EXPECT_EQ(ask_anew(token), Reason::none);
  issuers_.all[0].rules.subject_required = true;
  EXPECT_EQ(ask_anew(token), Reason::none);
  ASSERT_STORE_OK(writer_.run(1000, Author(), [](WriteTxn &txn) { return txn.remove_subject("alice"); }));
  EXPECT_EQ(ask_anew(token), Reason::unprovisioned);
  accepted_.unprovisioned = true;
  EXPECT_EQ(ask_anew(token), Reason::none);
}

TEST_F(DecideTokenTest, ForgedOnesOfAnAddressAreCounted) {
  place_.failure_limits = {limit_of(2, CountBy::failures)};
  const std::string good = token_with(R"({"sub":"alice","exp":1700003600})");
  std::string forged = good;
  forged[forged.size() - 4] = forged[forged.size() - 4] == 'A' ? 'B' : 'A';
  EXPECT_EQ(ask_anew(forged), Reason::invalid_token);
  EXPECT_EQ(ask_anew(forged), Reason::invalid_token);
  EXPECT_EQ(ask_anew(forged), Reason::too_many_failures);
  EXPECT_EQ(ask_anew(good), Reason::too_many_failures);
}

// --- forms -----------------------------------------------------------------------------------------------------

TEST_F(DecideTest, WhatBeginsWithAPrefixIsAKeyAndTheRestMayBeOneThatOthersMade) {
  KeyFormat any;
  std::string error;
  ASSERT_TRUE(parse_key_format(std::vector<std::string_view>{"any", "min=5"}, &any, &error));
  ASSERT_TRUE(formats_.add(any, &error)) << error;
  for (const char *key : {"12|abcdefgh", "abc.def.ghi", "a b+.c.d"}) {
    put(record_of(key, "key_" + std::string(1, key[1] == '2' ? 'x' : key[1] == 'b' ? 'y' : 'z')));
  }
  EXPECT_EQ(ask("12|abcdefgh"), Reason::none);
  EXPECT_EQ(outcome_.kind, Kind::key);
  EXPECT_EQ(ask("abc.def.ghi"), Reason::none) << "no issuer: nothing is a token";
  EXPECT_EQ(ask("a b+.c.d"), Reason::invalid_key) << "no field has it";
  EXPECT_EQ(ask("12|abcdefgi"), Reason::invalid_key);
  EXPECT_EQ(ask("12|a"), Reason::invalid_key) << "too short";
  EXPECT_EQ(ask("kw_abcdefghijk"), Reason::invalid_key) << "it begins like another format's";
  every_issuer_ = {0};
  issuers_.all.resize(1);
  put(record_of("abc.d+f.ghi", "key_p"));
  EXPECT_EQ(ask("abc.def.ghi"), Reason::invalid_token) << "three base64url parts";
  EXPECT_EQ(outcome_.kind, Kind::token);
  EXPECT_EQ(ask("abc.d+f.ghi"), Reason::none) << "no token has such a part";
}

TEST_F(DecideTest, AFormlessCredentialIsToldByWhatIsAccepted) {
  EXPECT_EQ(ask("nonsense"), Reason::invalid_key);
  accepted_.key = false;
  EXPECT_EQ(ask("nonsense"), Reason::invalid_token);
  accepted_.key_names = 2;
  EXPECT_EQ(ask("nonsense"), Reason::invalid_key);
}

TEST_F(DecideTest, KeysAreAcceptedByTheNameOfTheirFormat) {
  std::string error;
  for (const char *words : {"live_ hex=32 name=live", "test_ hex=32", "live_ hex=40 name=live"}) {
    KeyFormat format;
    ASSERT_TRUE(parse_key_format(words, &format, &error) && formats_.add(format, &error)) << error;
  }
  const std::string live = "live_" + std::string(32, 'a'), long_live = "live_" + std::string(40, 'a'),
                    test = "test_" + std::string(32, 'a'), own = a_key();
  put(record_of(live, "key_l"));
  put(record_of(long_live, "key_m"));
  put(record_of(test, "key_t"));
  put(record_of(own, "key_o"));
  accepted_.key = false;
  accepted_.key_names = formats_.bit_of("live");
  EXPECT_EQ(ask_anew(live), Reason::none);
  EXPECT_EQ(ask_anew(long_live), Reason::none) << "it shares the name";
  EXPECT_EQ(ask_anew(test), Reason::not_accepted);
  EXPECT_EQ(ask_anew(test), Reason::not_accepted) << "remembered";
  EXPECT_EQ(ask_anew(own), Reason::not_accepted);
  EXPECT_EQ(ask_anew("test_" + std::string(32, 'b')), Reason::invalid_key) << "only a good key is told so";
  accepted_.key_names |= formats_.bit_of("test_");
  EXPECT_EQ(ask_anew(test), Reason::none);
}

TEST_F(DecideTest, NothingIsATokenWhereNobodyIssuesAny) {
  const std::string text = "eyJh.eyJz.c2ln";
  const Forms forms{&formats_, &every_issuer_, true};
  EXPECT_EQ(Kind::none, classify(text, forms, accepted_).kind);
  EXPECT_EQ(ask(text), Reason::invalid_key);
  EXPECT_NE(std::string::npos, why_formless(text, forms).find("no keyward_issuer is configured"));
  EXPECT_EQ(std::string::npos, why_formless("a word", forms).find("keyward_issuer"));
  accepted_.key = false;
  EXPECT_EQ(ask(text), Reason::invalid_token);
  every_issuer_ = {0};
  EXPECT_EQ(Kind::token, classify(text, forms, accepted_).kind);
}

TEST_F(DecideTest, ANameThatMayBeACredentialIsKnown) {
  const Forms forms{&formats_, &every_issuer_, true};
  const std::string key = a_key();
  for (const std::string &text : {key, std::string("kw_x"), "xx_" + key.substr(3), '"' + key + '"', "Bearer " + key,
                                  std::string("eyJh.eyJz.c2ln"), key.substr(0, 30) + "\xff"}) {
    EXPECT_TRUE(may_be_credential(text, forms)) << text;
  }
  for (const char *text : {"", "alice", "john.q.public", "alice.miller@department.example.com", "DOMAIN\\alice",
                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_FALSE(may_be_credential(text, forms)) << text;
  }
}

// Signatures beside the event loop.
class SignatureTest : public DecideTokenTest {
 protected:
  SignatureTest() { signatures_ = SignatureBudget(); }

  // What a thread does with the last run.
  void check(bool fails = false) {
    auto checked = std::make_shared<CheckedToken>();
    checked->name = background_.last.name;
    checked->key_sets = background_.last.key_sets;
    checked->failed = fails;
    jwt::ParsedToken token = jwt::parse_token(text_);
    jwt::verify_token(background_.last.accepted, &token, kNow_s, &checked->checks);
    state_->checked = checked;
  }
  void use_up() {
    while (signatures_.admits(1, "elsewhere", now_ms_)) {
    }
  }
  static std::string forged(const std::string &members) {
    return test::Signer::make(test::KeyType::ed25519)
        .token(crypto::Algorithm::eddsa, R"({"sub":"alice","exp":1700003600)" + members + "}");
  }

  const std::string good_ = token_with(R"({"sub":"alice","exp":1700003600})");
};

TEST_F(SignatureTest, AFirstTokenOfAQuietEdgeWaitsForNothing) {
  EXPECT_EQ(ask_anew(good_), Reason::none);
  EXPECT_TRUE(background_.signature_runs.empty());
}

TEST_F(SignatureTest, BeyondTheBudgetAThreadLooks) {
  use_up();
  EXPECT_EQ(ask_anew(good_), kWaits);
  ASSERT_EQ(background_.signature_runs.size(), 1U);
  EXPECT_EQ(background_.signature_runs[0].token, good_);
  EXPECT_FALSE(background_.signature_runs[0].suspect);
  check();
  EXPECT_EQ(ask(good_), Reason::none);
  EXPECT_EQ(ask_anew(good_), Reason::none) << "remembered";
  EXPECT_EQ(background_.signature_runs.size(), 1U);
}

TEST_F(SignatureTest, WhatAThreadFoundIsOfThatTokenAndThoseKeysOnly) {
  use_up();
  EXPECT_EQ(ask_anew(good_), kWaits);
  check();
  EXPECT_EQ(ask(token_with(R"({"sub":"bob","exp":1700003600})")), kWaits) << "another token";
  ask(good_);
  EXPECT_EQ(ask_anew(forged("")), kWaits);
  check();
  EXPECT_EQ(ask(text_), Reason::invalid_token);
  // Its key was replaced while it waited.
  const std::string second = token_with(R"({"sub":"carol","exp":1700003600})");
  address_ = "there";
  EXPECT_EQ(ask_anew(second), kWaits);
  check();
  issuers_.all[0].keys = std::make_shared<const jwt::KeySet>(test::set_of(test::Signer::make(test::KeyType::ed25519)));
  EXPECT_EQ(ask(second), kWaits);
  check();
  EXPECT_EQ(ask(second), Reason::invalid_token);
}

TEST_F(SignatureTest, AnAddressThatSentAWrongOneIsASuspect) {
  EXPECT_EQ(ask_anew(forged("")), Reason::invalid_token) << "the first one, while there is time";
  EXPECT_EQ(ask_anew(good_), kWaits);
  EXPECT_TRUE(background_.signature_runs.back().suspect);
  address_ = "there";
  EXPECT_EQ(ask_anew(good_), Reason::none);
}

TEST_F(SignatureTest, WhatNobodyWouldTakeIsRefusedUnseen) {
  use_up();
  issuers_.all[0].rules.audiences = {"api"};
  EXPECT_EQ(ask_anew(forged(R"(,"aud":"web")")), Reason::invalid_token);
  EXPECT_EQ(ask_anew(test::Signer::make(test::KeyType::ed25519)
                         .token(crypto::Algorithm::eddsa, R"({"sub":"alice","aud":"api","exp":1699999000})")),
            Reason::expired_token);
  EXPECT_EQ(outcome_.issuer, &issuers_.all[0].rules);
  EXPECT_FALSE(outcome_.principal);
  EXPECT_TRUE(background_.signature_runs.empty());
  EXPECT_FALSE(signatures_.is_suspect(address_, now_ms_)) << "nobody has looked at a signature";
}

TEST_F(SignatureTest, OfIssuersThatAudiencesTellApartItIsTheOneThatItNames) {
  use_up();
  issuers_.all[0].rules.audiences = {"api"};
  issuers_.all.push_back(issuers_.all[0]);
  issuers_.all[1].rules.name = "other";
  issuers_.all[1].rules.audiences = {"web"};
  every_issuer_ = {0, 1};
  const auto token = [](const std::string &audience, const char *expiry) {
    return test::Signer::make(test::KeyType::ed25519)
        .token(crypto::Algorithm::eddsa, R"({"sub":"alice","aud":")" + audience + R"(","exp":)" + expiry + "}");
  };
  for (const std::size_t place : {0U, 1U}) {
    EXPECT_EQ(ask_anew(token(place == 0 ? "api" : "web", "1699999000")), Reason::expired_token);
    EXPECT_EQ(outcome_.issuer, &issuers_.all[place].rules);
  }
  EXPECT_EQ(ask_anew(token("neither", "1699999000")), Reason::invalid_token);
  EXPECT_TRUE(background_.signature_runs.empty());
  EXPECT_EQ(ask_anew(token("api", "1700003600")), kWaits) << "its signature decides";
}

TEST_F(SignatureTest, WhatCannotBeLookedAtIsNoPassAndNo401) {
  use_up();
  background_.full = true;
  EXPECT_EQ(ask_anew(good_), Reason::busy);
  EXPECT_EQ(outcome_.retry_after_s, 1U);
  background_.full = false;
  EXPECT_EQ(ask_anew(good_), kWaits);
  state_->wait_expired = true;
  EXPECT_EQ(ask(good_), Reason::busy);
  EXPECT_EQ(ask_anew(good_), kWaits);
  check(true);
  EXPECT_EQ(ask(good_), Reason::internal_error);
}

TEST_F(SignatureTest, ASlowOneIsNeverLookedAtOnTheLoop) {
  const test::Signer &slow = test::Signer::shared(test::KeyType::p384);
  issuers_.all[0].keys = std::make_shared<const jwt::KeySet>(test::set_of(slow));
  EXPECT_EQ(ask_anew(slow.token(crypto::Algorithm::es384, R"({"sub":"alice","exp":1700003600})")), kWaits);
  check();
  EXPECT_EQ(ask(text_), Reason::none);
}

}  // namespace
}  // namespace keyward
