// Subjects, plans and the denylist.
#include "keys/denials.hpp"

#include "keys_fixture.hpp"

namespace keyward::test {
namespace {

class KeysSubjects : public KeysTest {
 protected:
  Answer set(const std::string &name, const std::function<void(keys::SubjectRequest *)> &fill,
             const Caller &caller = {}) {
    keys::SubjectRequest asked;
    asked.subject = name;
    asked.now_s = kNow;
    fill(&asked);
    return run([&](WriteTxn &txn) { return keys::set_subject(txn, caller, asked, &set_); });
  }
  Result set_state(const std::string &name, SubjectState state, bool create = false, const Caller &caller = {}) {
    return result([&](WriteTxn &txn) {
      return keys::set_subject_state(txn, caller, {name, state, create, kNow}, &state_);
    });
  }
  Result remove(const std::string &name, const Caller &caller = {}) {
    return result([&](WriteTxn &txn) { return keys::remove_subject(txn, caller, name, kNow, &key_); });
  }
  Result state_of(const std::string &name, SubjectState *state) {
    SubjectRecord record;
    const Result found = result([&](WriteTxn &txn) { return Answer(txn.get_subject(name, &record)); });
    *state = record.state;
    return found;
  }

  keys::SubjectSet set_;
  keys::StateSet state_;
  std::string key_;
};

TEST_F(KeysSubjects, OnlyWhatIsNamed) {
  ASSERT_EQ(Result::done, set("alice", [](auto *of) {
                            of->plan = "pro";
                            of->scopes = scopes({"a"});
                            of->state = SubjectState::blocked;
                          }).result);
  EXPECT_FALSE(set_.use.has_record);
  EXPECT_FALSE(set_.use.has_key);
  EXPECT_EQ(kNow, set_.record.created_at_s);
  ASSERT_EQ(Result::done, set("alice", [](auto *of) { of->plan = ""; }).result);
  EXPECT_TRUE(set_.use.has_record);
  EXPECT_EQ("", set_.record.plan);
  EXPECT_EQ(scopes({"a"}).items, set_.record.scopes.items);
  EXPECT_EQ(SubjectState::blocked, set_.record.state);
  ASSERT_EQ(Result::done, set("alice", [](auto *of) { of->scopes.emplace(); }).result);
  EXPECT_FALSE(set_.record.scopes.present);
  make(request("bob"));
  ASSERT_EQ(Result::done, set("bob", [](auto *) {}).result);
  EXPECT_TRUE(set_.use.has_key);
  EXPECT_EQ(Result::invalid, set(" a", [](auto *) {}).result);
  EXPECT_EQ(Result::invalid, set("a", [](auto *of) { of->plan = "a b"; }).result);
  EXPECT_EQ(Result::invalid, set("a", [](auto *of) { of->scopes = scopes({"a*"}); }).result);
}

TEST_F(KeysSubjects, Credits) {
  using Kind = keys::CreditChange::Kind;
  const auto change = [&](Kind kind, std::int64_t amount) {
    return set("alice", [&](auto *of) { of->credits = keys::CreditChange{kind, amount}; }).result;
  };
  ASSERT_EQ(Result::done, change(Kind::set, 5));
  const std::uint64_t first = set_.record.credits.changed;
  EXPECT_TRUE(set_.record.credits == (CreditGrant{first, first, 5, 0}));
  ASSERT_EQ(Result::done, change(Kind::add, 10));
  ASSERT_EQ(Result::done, change(Kind::add, -3));
  EXPECT_TRUE(set_.record.credits == (CreditGrant{first + 2, first, 5, 7}));
  ASSERT_EQ(Result::done, set("alice", [](auto *) {}).result);
  EXPECT_TRUE(set_.record.credits == (CreditGrant{first + 2, first, 5, 7})) << "what isn't named stays";
  ASSERT_EQ(Result::done, change(Kind::set, 0));
  EXPECT_TRUE(set_.record.credits == (CreditGrant{first + 3, first + 3, 0, 0}));
  ASSERT_EQ(Result::done, change(Kind::remove, 0));
  EXPECT_TRUE(set_.record.credits == (CreditGrant{first + 4, 0, 0, 0}));
  EXPECT_EQ(Result::invalid, change(Kind::set, -1));
  EXPECT_EQ(Result::invalid, change(Kind::set, static_cast<std::int64_t>(kMaxCredits) + 1));
  ASSERT_EQ(Result::done, change(Kind::add, static_cast<std::int64_t>(kMaxCredits)));
  EXPECT_EQ(Result::invalid, change(Kind::add, 1)) << "more than can be";
}

TEST_F(KeysSubjects, BlockedAndUnblocked) {
  SubjectState state = SubjectState::active;
  EXPECT_EQ(Result::not_found, set_state("alice", SubjectState::blocked));
  EXPECT_EQ(Result::not_found, set_state("alice", SubjectState::active));
  EXPECT_EQ(Result::invalid, set_state(" a", SubjectState::blocked));
  EXPECT_EQ(Result::not_found, state_of("alice", &state));
  make(request("alice"));
  EXPECT_EQ(Result::unchanged, set_state("alice", SubjectState::active));
  EXPECT_EQ(Result::not_found, state_of("alice", &state));  // an active one needs no record
  EXPECT_EQ(Result::done, set_state("alice", SubjectState::blocked));
  EXPECT_TRUE(state_.changed && state_.created);
  EXPECT_EQ(Result::done, state_of("alice", &state));
  EXPECT_EQ(SubjectState::blocked, state);
  EXPECT_EQ(Result::unchanged, set_state("alice", SubjectState::blocked));
  EXPECT_EQ(Result::done, set_state("alice", SubjectState::active));
  EXPECT_TRUE(state_.changed && !state_.created);
  EXPECT_EQ(Result::done, set_state("token-user", SubjectState::blocked, true));
  EXPECT_TRUE(state_.changed && state_.created);
  EXPECT_EQ(Result::done, set_state("other", SubjectState::active, true));
  EXPECT_TRUE(!state_.changed && state_.created);
}

TEST_F(KeysSubjects, Removed) {
  EXPECT_EQ(Result::not_found, remove("alice"));
  subject("alice");
  const auto id = make(request("alice"));
  EXPECT_EQ(Result::in_use, remove("alice"));
  EXPECT_EQ(id, key_);
  keys::Revoked revoked;
  EXPECT_EQ(Result::done, result([&](WriteTxn &txn) { return keys::revoke(txn, {}, id, kNow, &revoked); }));
  EXPECT_EQ(Result::done, remove("alice"));
  EXPECT_EQ(Result::not_found, remove("alice"));
}

TEST_F(KeysSubjects, ForAdministratorsAndNotTheirOwn) {
  make(request("alice"));
  const Caller self = token_caller("alice", "*"), admin = token_caller("alice", "*", {}, true);
  const Caller other = token_caller("carol", "*", {}, true);
  for (const Caller &caller : {self, admin}) {
    EXPECT_EQ(Result::not_permitted, set(
                                         "alice", [](auto *) {}, caller)
                                         .result);
    EXPECT_EQ(Result::not_permitted, set_state("alice", SubjectState::blocked, false, caller));
    EXPECT_EQ(Result::not_permitted, remove("alice", caller));
  }
  EXPECT_EQ(Result::not_permitted, set(
                                       "bob", [](auto *) {}, self)
                                       .result);
  EXPECT_EQ(Result::done, set(
                              "bob", [](auto *) {}, admin)
                              .result);
  EXPECT_EQ(Result::done, set_state("alice", SubjectState::blocked, false, other));
  EXPECT_EQ(Result::caller_ended, set(
                                      "bob", [](auto *) {}, admin)
                                      .result);
}

TEST_F(KeysSubjects, UnblockingBringsNobodyBackWhoMayMore) {
  const Caller admin = token_caller("admin", "a", {}, true);
  const auto unblock = [&] {
    set("bob", [](auto *of) { of->state = SubjectState::blocked; });
    return set(
               "bob", [](auto *of) { of->state = SubjectState::active; }, admin)
        .result;
  };
  EXPECT_EQ(Result::done, unblock());
  auto asked = request("bob");
  asked.scopes = scopes({"a"});
  make(asked);
  EXPECT_EQ(Result::done, unblock());
  asked.scopes = scopes({"a", "b"});
  const std::string wide = make(asked);
  EXPECT_EQ(Result::exceeds_caller, unblock());
  keys::Revoked revoked;
  EXPECT_EQ(Result::done, result([&](WriteTxn &txn) { return keys::revoke(txn, {}, wide, kNow, &revoked); }));
  EXPECT_EQ(Result::done, unblock());
}

TEST_F(KeysSubjects, NoFurtherThanTheCallerItself) {
  plan("wide", [](keys::PlanRequest *asked) { asked->scopes = scopes({"a", "b"}); });
  plan("narrow", [](keys::PlanRequest *asked) { asked->scopes = scopes({"a"}); });
  const Caller admin = token_caller("admin", "a", {}, true);
  EXPECT_EQ(Result::exceeds_caller, set(
                                        "bob", [](auto *of) { of->plan = "wide"; }, admin)
                                        .result);
  EXPECT_EQ(Result::exceeds_caller, set(
                                        "bob", [](auto *of) { of->scopes = scopes({"b"}); }, admin)
                                        .result);
  EXPECT_EQ(Result::done, set(
                              "bob", [](auto *of) { of->plan = "narrow"; }, admin)
                              .result);
  EXPECT_EQ(Result::exceeds_caller, set(
                                        "bob", [](auto *of) { of->plan = ""; }, admin)
                                        .result);
  EXPECT_EQ(Result::done, set(
                              "bob", [](auto *of) { of->state = SubjectState::blocked; }, admin)
                              .result);
}

class KeysPlans : public KeysTest {
 protected:
  Answer set(const std::string &name, const std::function<void(keys::PlanRequest *)> &fill) {
    keys::PlanRequest asked;
    asked.name = name;
    fill(&asked);
    return run([&](WriteTxn &txn) { return keys::set_plan(txn, asked, &set_); });
  }
  Result remove(const std::string &name) {
    return result([&](WriteTxn &txn) { return keys::remove_plan(txn, name, &user_); });
  }
  keys::PlanSet set_;
  PlanUser user_;
};

TEST_F(KeysPlans, OnlyWhatIsNamed) {
  ASSERT_EQ(Result::done, set("pro", [](auto *of) {
                            of->scopes = scopes({"a"});
                            of->limits = limits({{60, 60}});
                            of->max_keys.emplace(0U);
                            of->no_access = true;
                            of->is_default = true;
                          }).result);
  EXPECT_EQ("", set_.before.name);
  EXPECT_EQ("", set_.old_default);
  const PlanRecord whole = set_.record;
  ASSERT_EQ(Result::done, set("pro", [](auto *) {}).result);
  EXPECT_EQ(encode(whole), encode(set_.record));
  EXPECT_EQ(encode(whole), encode(set_.before));
  EXPECT_EQ("pro", set_.old_default);
  ASSERT_EQ(Result::done, set("pro", [](auto *of) {
                            of->scopes.emplace();
                            of->limits.emplace();
                            of->max_keys.emplace();
                            of->no_access = false;
                            of->is_default = false;
                            of->credits.emplace();
                          }).result);
  PlanRecord bare;
  bare.name = "pro";
  EXPECT_EQ(encode(bare), encode(set_.record));
  EXPECT_EQ(Result::invalid, set("a b", [](auto *) {}).result);
  EXPECT_EQ(Result::invalid, set("a", [](auto *of) { of->scopes = scopes({"a*"}); }).result);
  EXPECT_EQ(Result::invalid, set("a", [](auto *of) { of->limits = limits({{0, 1}}); }).result);
}

TEST_F(KeysPlans, Removed) {
  EXPECT_EQ(Result::not_found, remove("pro"));
  plan("pro");
  auto asked = request("alice");
  asked.plan = "pro";
  const auto id = make(asked);
  EXPECT_EQ(Result::in_use, remove("pro"));
  EXPECT_EQ(id, user_.name);
  EXPECT_FALSE(user_.is_subject);
  keys::Revoked revoked;
  EXPECT_EQ(Result::done, result([&](WriteTxn &txn) { return keys::revoke(txn, {}, id, kNow, &revoked); }));
  subject("alice", [](keys::SubjectRequest *of) { of->plan = "pro"; });
  EXPECT_EQ(Result::in_use, remove("pro"));
  EXPECT_TRUE(user_.is_subject);
  subject("alice", [](keys::SubjectRequest *of) { of->plan = ""; });
  EXPECT_EQ(Result::done, remove("pro"));
}

class KeysDenials : public KeysTest {
 protected:
  Result deny(const keys::DenialRequest &asked) {
    const Result denied = result([&](WriteTxn &txn) { return keys::deny_tokens(txn, asked, &entry_); });
    holds_ = keys::denial_in_effect(writer_.reader(), asked, entry_);
    return denied;
  }
  DenialEntry entry_, holds_;
};

TEST_F(KeysDenials, ByJtiAndBySubject) {
  EXPECT_EQ(Result::done, deny({DenialKind::jti, "1", "", kNow + 100, kNow}));
  EXPECT_EQ(0, entry_.not_before_s);
  EXPECT_EQ(kNow + 100, holds_.until_s);
  EXPECT_EQ(Result::done, deny({DenialKind::subject, "alice", "main", 0, kNow}));
  EXPECT_EQ(kNow, holds_.not_before_s);
  EXPECT_EQ(0, holds_.until_s);
  EXPECT_EQ("main", holds_.issuer);
  EXPECT_EQ(kNow, holds_.denied_at_s);
}

TEST_F(KeysDenials, WhatHoldsMayBeMore) {
  EXPECT_EQ(Result::done, deny({DenialKind::jti, "1", "", kNow + 100, kNow}));
  EXPECT_EQ(Result::done, deny({DenialKind::jti, "1", "main", kNow + 50, kNow}));
  EXPECT_EQ(kNow + 100, holds_.until_s);
  EXPECT_EQ(Result::done, deny({DenialKind::jti, "1", "", 0, kNow}));
  EXPECT_EQ(Result::done, deny({DenialKind::jti, "1", "main", kNow + 50, kNow}));
  EXPECT_EQ(0, holds_.until_s);
}

TEST_F(KeysDenials, WhatIsRefused) {
  EXPECT_EQ(Result::invalid, deny({DenialKind::jti, "", "", 0, kNow}));
  EXPECT_EQ(Result::invalid, deny({DenialKind::jti, std::string(kMaxJtiBytes + 1, 'x'), "", 0, kNow}));
  EXPECT_EQ(Result::invalid, deny({DenialKind::subject, " a", "", 0, kNow}));
  EXPECT_EQ(Result::past_expiry, deny({DenialKind::jti, "1", "", kNow, kNow}));
}

}  // namespace
}  // namespace keyward::test
