// No result may exceed its caller.
#include <algorithm>
#include <random>

#include "keys_fixture.hpp"

namespace keyward::test {
namespace {

using KeysBound = KeysTest;

Principal may(const std::string &grants, std::vector<Rate> rates = {}, std::int64_t until_s = INT64_MAX) {
  Principal who;
  who.kind = Kind::key;
  who.grants = grants == "*" ? Grants::all() : Grants(grants, {});
  who.has_limits = !rates.empty();
  who.limits = std::move(rates);
  who.stands_until_s = until_s;
  return who;
}

TEST(ExcessOf, Scopes) {
  const auto in = [](const char *result, const char *caller) { return keys::excess_of(may(result), may(caller)); };
  EXPECT_EQ(Excess::none, in("a b", "b a c"));
  EXPECT_EQ(Excess::none, in("", "a"));
  EXPECT_EQ(Excess::none, in("", ""));
  EXPECT_EQ(Excess::none, in("a:b a:b:*", "a:*"));
  EXPECT_EQ(Excess::none, in("*", "*"));
  EXPECT_EQ(Excess::scopes, in("a", ""));
  EXPECT_EQ(Excess::scopes, in("a b", "a"));
  EXPECT_EQ(Excess::scopes, in("a:*", "a:b a:c"));
  EXPECT_EQ(Excess::scopes, in("*", "a:*"));
}

TEST(ExcessOf, ImpliedScopes) {
  const Implications implications = {{"full", {"mcp:*"}}, {"mcp:admin", {"keys"}}};
  Principal caller = may(""), result = may("");
  caller.grants = Grants("full", implications);
  result.grants = Grants("mcp:read keys", implications);
  EXPECT_EQ(Excess::none, keys::excess_of(result, caller));
  caller.grants = Grants("mcp:read keys", implications);
  result.grants = Grants("mcp:admin", implications);
  EXPECT_EQ(Excess::scopes, keys::excess_of(result, caller));
  caller.grants = Grants("mcp:read", implications);
  result.grants = Grants("full", implications);
  EXPECT_EQ(Excess::scopes, keys::excess_of(result, caller));
}

TEST(ExcessOf, Limits) {
  const Rate minute{60, 60}, more{61, 60}, less{59, 60}, hour{60, 3600};
  const auto in = [](std::vector<Rate> result, std::vector<Rate> caller) {
    return keys::excess_of(may("a", std::move(result)), may("a", std::move(caller)));
  };
  EXPECT_EQ(Excess::none, in({}, {}));
  EXPECT_EQ(Excess::none, in({more}, {}));
  EXPECT_EQ(Excess::none, in({minute}, {minute}));
  EXPECT_EQ(Excess::none, in({less, hour}, {minute}));
  EXPECT_EQ(Excess::none, in({more, less}, {minute}));  // all of them hold
  EXPECT_EQ(Excess::limits, in({}, {minute}));
  EXPECT_EQ(Excess::limits, in({more}, {minute}));
  EXPECT_EQ(Excess::limits, in({hour}, {minute}));  // another window
  EXPECT_EQ(Excess::limits, in({minute}, {minute, hour}));
}

TEST(ExcessOf, Addresses) {
  Principal caller = may("a"), result = may("a");
  result.allow_from = networks({"192.0.2.0/24"});
  EXPECT_EQ(Excess::none, keys::excess_of(result, caller));
  caller.allow_from = networks({"192.0.0.0/16"});
  EXPECT_EQ(Excess::none, keys::excess_of(result, caller));
  EXPECT_EQ(Excess::addresses, keys::excess_of(caller, result));
  result.allow_from.clear();
  EXPECT_EQ(Excess::addresses, keys::excess_of(result, caller));
}

TEST(ExcessOf, Concurrency) {
  const auto in = [](std::uint32_t result, std::uint32_t caller) {
    Principal one = may("a"), other = may("a");
    one.concurrency = result;
    other.concurrency = caller;
    return keys::excess_of(one, other);
  };
  EXPECT_EQ(Excess::none, in(0, 0));
  EXPECT_EQ(Excess::none, in(5, 0));
  EXPECT_EQ(Excess::none, in(5, 5));
  EXPECT_EQ(Excess::concurrency, in(6, 5));
  EXPECT_EQ(Excess::concurrency, in(0, 5));
}

TEST(ExcessOf, Expiry) {
  Principal caller = may("a", {}, 1000);
  EXPECT_EQ(Excess::none, keys::excess_of(may("a", {}, 1000), caller));
  EXPECT_EQ(Excess::expiry, keys::excess_of(may("a", {}, 1001), caller));
  EXPECT_EQ(Excess::expiry, keys::excess_of(may("a"), caller));
  caller.kind = Kind::token;
  EXPECT_EQ(Excess::none, keys::excess_of(may("a"), caller));
}

TEST_F(KeysBound, ACallersOwnRecordIsReadAgain) {
  auto asked = request("alice");
  asked.scopes = scopes({"a"});
  const auto id = make(asked);
  const Caller caller = key_caller(id);
  EXPECT_EQ(Result::done, create(caller, request()).result);
  EXPECT_EQ(scopes({"a"}).items, created_.record.scopes.items);
  keys::Revoked revoked;
  EXPECT_EQ(Result::done, result([&](WriteTxn &txn) { return keys::revoke(txn, {}, id, kNow, &revoked); }));
  EXPECT_EQ(Result::caller_ended, create(caller, request()).result);
  Principal unknown = *caller.principal;
  unknown.key_id = "key_gone";
  EXPECT_EQ(Result::caller_ended, create({&unknown, false, &policy_}, request()).result);
}

TEST_F(KeysBound, ACallersAddressesAreItsKeys) {
  auto asked = request("alice");
  asked.allow_from = networks({"192.0.0.0/16"});
  const Caller caller = key_caller(make(asked));
  EXPECT_EQ(Result::done, create(caller, request()).result);
  EXPECT_EQ(asked.allow_from, created_.record.allow_from);
  auto narrower = request();
  narrower.allow_from = networks({"192.0.2.7"});
  EXPECT_EQ(Result::done, create(caller, narrower).result);
  narrower.allow_from = networks({"192.0.2.7", "198.51.100.1"});
  EXPECT_EQ(Excess::addresses, create(caller, narrower).excess);
}

TEST_F(KeysBound, ACallersConcurrencyIsItsKeys) {
  plan("wide", [](keys::PlanRequest *asked) { asked->concurrency = 5; });
  subject("alice", [](keys::SubjectRequest *asked) { asked->plan = "wide"; });
  auto asked = request("alice");
  const Caller by_plan = key_caller(make(asked));
  EXPECT_EQ(Result::done, create(by_plan, request()).result);
  EXPECT_EQ(0U, created_.record.concurrency);
  asked.concurrency = 2;
  const auto id = make(asked);
  const Caller own = key_caller(id);
  EXPECT_EQ(Result::done, create(own, request()).result);
  EXPECT_EQ(2U, created_.record.concurrency);
  auto more = request();
  more.concurrency = 1;  // only administrators write numbers down
  EXPECT_EQ(Result::not_permitted, create(own, more).result);
  const Caller administrator = key_caller(id, true);
  EXPECT_EQ(Result::done, create(administrator, more).result);
  more.concurrency = 3;
  EXPECT_EQ(Excess::concurrency, create(administrator, more).excess);
}

TEST_F(KeysBound, ACallerThatHasEnded) {
  const auto ended = [&](const std::function<void(KeyRecord *)> &fill) {
    const auto id = make_record([&](KeyRecord *key) {
      key->subject = "alice";
      fill(key);
    });
    return create(key_caller(id), request()).result;
  };
  EXPECT_EQ(Result::done, ended([](KeyRecord *) {}));
  EXPECT_EQ(Result::caller_ended, ended([](KeyRecord *key) { key->state = KeyState::suspended; }));
  EXPECT_EQ(Result::caller_ended, ended([](KeyRecord *key) { key->state = KeyState::pending; }));
  EXPECT_EQ(Result::caller_ended, ended([](KeyRecord *key) { key->expires_at_s = kNow; }));
  EXPECT_EQ(Result::caller_ended, ended([](KeyRecord *key) { key->overlap_until_s = kNow + 100; }));
  Caller late = token_caller("alice", "*");
  Principal over = *late.principal;
  over.stands_until_s = kNow;
  EXPECT_EQ(Result::caller_ended, create({&over, false, &policy_}, request()).result);
  subject("alice", [](keys::SubjectRequest *asked) { asked->state = SubjectState::blocked; });
  EXPECT_EQ(Result::caller_ended, ended([](KeyRecord *) {}));
  EXPECT_EQ(Result::caller_ended, create(token_caller("alice", "*"), request()).result);
}

TEST_F(KeysBound, ATokenThatWasRevokedMeanwhileChangesNothing) {
  Caller caller = token_caller("alice", "*");
  keys::CallersToken token{"auth", "alice", "j1", true, kNow - 100, 30};
  caller.token = &token;
  EXPECT_EQ(Result::done, create(caller, request()).result);
  const auto deny = [this](DenialKind kind, const char *name, const DenialEntry &entry) {
    EXPECT_EQ(Result::done, result([&](WriteTxn &txn) { return Answer(txn.deny_token(kind, name, entry, kNow)); }));
  };
  DenialEntry other{"auth", 0, 0, kNow};
  deny(DenialKind::jti, "j2", other);
  EXPECT_EQ(Result::done, create(caller, request()).result);
  deny(DenialKind::jti, "j1", other);
  EXPECT_EQ(Result::caller_ended, create(caller, request()).result);
  token.jti = "j3";
  EXPECT_EQ(Result::done, create(caller, request()).result);
  other.not_before_s = kNow - 50;
  deny(DenialKind::subject, "alice", other);
  EXPECT_EQ(Result::caller_ended, create(caller, request()).result);
  token.issued_at_s = kNow;
  EXPECT_EQ(Result::done, create(caller, request()).result);
  token.issuer = "another";
  token.issued_at_s = kNow - 100;
  EXPECT_EQ(Result::done, create(caller, request()).result);
}

TEST_F(KeysBound, WhoMayNothing) {
  EXPECT_EQ(Result::not_permitted, create(token_caller("", "*"), request()).result);
  EXPECT_EQ(Result::done, create(token_caller("", "*", {}, true), request()).result);
  Principal who = *token_caller("alice", "*").principal;
  who.own_subject = true;  // another's alice
  EXPECT_EQ(Result::not_permitted, create({&who, false, &policy_}, request()).result);
  who = *token_caller("alice", "*").principal;
  who.entry = Entry::closed;
  EXPECT_EQ(Result::not_permitted, create({&who, true, &policy_}, request()).result);
  for (const Kind kind : {Kind::none, Kind::anonymous}) {
    who = *token_caller("alice", "*").principal;
    who.kind = kind;
    EXPECT_EQ(Result::not_permitted, create({&who, true, &policy_}, request()).result);
  }
}

TEST_F(KeysBound, WhatIsLeftOutIsTheCallersOwn) {
  auto asked = request("alice");
  asked.scopes = scopes({"a", "b:*"});
  asked.limits = limits({{10, 60}});
  asked.expires_at_s = kNow + 1000;
  const Caller caller = key_caller(make(asked));
  ASSERT_EQ(Result::done, create(caller, request()).result);
  const KeyRecord &key = created_.record;
  EXPECT_EQ("alice", key.subject);
  EXPECT_EQ(asked.scopes.items, key.scopes.items);
  EXPECT_EQ(asked.limits.items, key.limits.items);
  EXPECT_EQ(kNow + 1000, key.expires_at_s);
}

TEST_F(KeysBound, OfAllScopesNoneAreWritten) {
  const Caller caller = token_caller("alice", "*");
  ASSERT_EQ(Result::done, create(caller, request()).result);
  EXPECT_FALSE(created_.record.scopes.present);
  EXPECT_EQ(0, created_.record.expires_at_s);  // the end of a session isn't that of its keys
}

TEST_F(KeysBound, NarrowerIsFine) {
  const Caller caller = token_caller("alice", "a b:*", {{60, 60}}, true);
  auto asked = request("bob");
  asked.scopes = scopes({"b:c"});
  asked.limits = limits({{30, 60}, {5, 1}});
  EXPECT_EQ(Result::done, create(caller, asked).result);
  asked.scopes = scopes({});
  EXPECT_EQ(Result::done, create(caller, asked).result);
}

TEST_F(KeysBound, MoreIsRefused) {
  const auto excess = [this](const Caller &caller, const std::function<void(keys::CreateRequest *)> &fill) {
    auto asked = request("alice");
    fill(&asked);
    const Answer answer = create(caller, asked);
    EXPECT_EQ(Result::exceeds_caller, answer.result);
    return answer.excess;
  };
  const Caller token = token_caller("alice", "a b:*", {{60, 60}}, true);
  EXPECT_EQ(Excess::scopes, excess(token, [](auto *asked) { asked->scopes = scopes({"a", "c"}); }));
  EXPECT_EQ(Excess::scopes, excess(token, [](auto *asked) { asked->scopes = scopes({"*"}); }));
  EXPECT_EQ(Excess::limits, excess(token, [](auto *asked) { asked->limits = limits({}); }));
  EXPECT_EQ(Excess::limits, excess(token, [](auto *asked) { asked->limits = limits({{61, 60}}); }));
  auto asked = request("alice");
  asked.expires_at_s = kNow + 10;
  const Caller key = key_caller(make(asked));
  EXPECT_EQ(Excess::expiry, excess(key, [](auto *of) { of->expires_at_s = kNow + 11; }));
  // A scope that something else implies.
  policy_.implications = {{"full", {"secret"}}};
  EXPECT_EQ(Excess::scopes, excess(token_caller("alice", "secret"), [](auto *of) { of->scopes = scopes({"full"}); }));
}

// A plan that narrows it today may be a wider one tomorrow.
TEST_F(KeysBound, ScopesThatAPlanTakesAwayAreRefusedAllTheSame) {
  plan("narrow", [](keys::PlanRequest *asked) { asked->scopes = scopes({"a"}); });
  subject("alice", [](keys::SubjectRequest *asked) { asked->plan = "narrow"; });
  auto asked = request();
  asked.scopes = scopes({"*"});
  EXPECT_EQ(Excess::scopes, create(token_caller("alice", "a"), asked).excess);
  asked.scopes = scopes({"a"});
  EXPECT_EQ(Result::done, create(token_caller("alice", "a"), asked).result);
}

TEST_F(KeysBound, TheSubjectsPlanUnlessItExceedsTheCallers) {
  plan("pro", [](keys::PlanRequest *asked) { asked->limits = limits({{600, 60}}); });
  plan("free", [](keys::PlanRequest *asked) { asked->limits = limits({{60, 60}}); });
  subject("alice", [](keys::SubjectRequest *asked) { asked->plan = "pro"; });
  ASSERT_EQ(Result::done, create(key_caller(make(request("alice"))), request()).result);
  EXPECT_EQ("", created_.record.plan);
  EXPECT_EQ("pro", created_.plan);
  auto asked = request("alice");
  asked.plan = "free";
  ASSERT_EQ(Result::done, create(key_caller(make(asked)), request()).result);
  EXPECT_EQ("free", created_.record.plan);
  EXPECT_FALSE(created_.record.limits.present);
  // Limits of its own are the new key's, too, also where the plan has the same today.
  asked = request("alice");
  asked.limits = limits({{600, 60}});
  ASSERT_EQ(Result::done, create(key_caller(make(asked)), request()).result);
  EXPECT_TRUE(created_.record.limits.present);
  // Limits, and no plan that has them.
  ASSERT_EQ(Result::done, create(token_caller("alice", "*", {{5, 60}}), request()).result);
  EXPECT_EQ(limits({{5, 60}}).items, created_.record.limits.items);
}

TEST_F(KeysBound, WhatIsForAdministrators) {
  const Caller self = token_caller("alice", "*");
  const Caller admin = token_caller("alice", "*", {}, true);
  auto asked = request("bob");
  EXPECT_EQ(Result::not_permitted, create(self, asked).result);
  EXPECT_EQ(Result::done, create(admin, asked).result);
  asked = request("alice");
  EXPECT_EQ(Result::done, create(self, asked).result);
  asked.plan = "pro";
  EXPECT_EQ(Result::not_permitted, create(self, asked).result);
  EXPECT_EQ(Result::done, create(admin, asked).result);
  asked = request();
  asked.limits = limits({{1, 1}});
  EXPECT_EQ(Result::not_permitted, create(self, asked).result);
  EXPECT_EQ(Result::done, create(admin, asked).result);
}

TEST_F(KeysBound, ManyScopesThatNoRecordHolds) {
  std::string grants;
  for (int i = 0; i < 600; ++i) {
    grants += (i == 0 ? "scope:" : " scope:") + std::to_string(i);
  }
  EXPECT_EQ(Result::invalid, create(token_caller("alice", grants), request()).result);
}

TEST_F(KeysBound, Rotation) {
  auto asked = request("alice");
  asked.scopes = scopes({"a"});
  asked.expires_at_s = kNow + 50;
  const auto narrow = make(asked), other = make(asked);
  asked.scopes = scopes({"a", "b"});
  const auto broad = make(asked);
  asked.scopes = scopes({"a"});
  asked.expires_at_s = 0;
  const auto lasting = make(asked);
  const auto foreign = make(request("bob"));
  const auto rotate = [&](const Caller &caller, const std::string &id) {
    keys::Rotated rotated;
    const auto key = minted();
    return run([&](WriteTxn &txn) { return keys::rotate(txn, caller, {id, 0, kNow}, key, &rotated); });
  };
  EXPECT_EQ(Excess::scopes, rotate(key_caller(narrow), broad).excess);
  EXPECT_EQ(Excess::expiry, rotate(key_caller(narrow), lasting).excess);
  EXPECT_EQ(Result::not_found, rotate(key_caller(broad), foreign).result);
  EXPECT_EQ(Result::done, rotate(key_caller(narrow), other).result);
  EXPECT_EQ(Result::done, rotate(key_caller(broad), narrow).result);
  EXPECT_EQ(KeyState::revoked, key(narrow).state);
  EXPECT_EQ(KeyState::active, key(broad).state);
  EXPECT_EQ(Result::done, rotate(key_caller(broad), broad).result);  // itself
  EXPECT_EQ(Result::caller_ended, rotate(key_caller(broad), lasting).result);
}

TEST_F(KeysBound, OthersKeysAreNotFound) {
  const auto id = make(request("bob"));
  const Caller self = token_caller("alice", "*"), admin = token_caller("alice", "*", {}, true);
  KeyRecord record;
  keys::Revoked revoked;
  keys::Changed changed;
  keys::ChangeRequest asked;
  asked.id = id;
  asked.name = "mine";
  asked.now_s = kNow;
  const auto all = [&](const Caller &caller) {
    return std::vector<Result>{
        result([&](WriteTxn &txn) { return keys::suspend(txn, caller, id, kNow, &record); }),
        result([&](WriteTxn &txn) { return keys::resume(txn, caller, id, kNow, &record); }),
        result([&](WriteTxn &txn) { return keys::change(txn, caller, asked, &changed); }),
        result([&](WriteTxn &txn) { return keys::revoke(txn, caller, id, kNow, &revoked); }),
    };
  };
  EXPECT_EQ(std::vector<Result>(4, Result::not_found), all(self));
  EXPECT_EQ(std::vector<Result>(4, Result::done), all(admin));
}

TEST_F(KeysBound, ResumingIsForAdministratorsWithinTheirBound) {
  auto asked = request("alice");
  asked.scopes = scopes({"a", "b"});
  const auto id = make(asked);
  KeyRecord record;
  EXPECT_EQ(Result::done, result([&](WriteTxn &txn) { return keys::suspend(txn, {}, id, kNow, &record); }));
  const auto resume = [&](const Caller &caller) {
    return result([&](WriteTxn &txn) { return keys::resume(txn, caller, id, kNow, &record); });
  };
  EXPECT_EQ(Result::not_permitted, resume(token_caller("alice", "*")));
  EXPECT_EQ(Result::exceeds_caller, resume(token_caller("admin", "a", {}, true)));
  EXPECT_EQ(Result::done, resume(token_caller("admin", "a b", {}, true)));
}

TEST_F(KeysBound, ASubjectResumesWhatItHasSuspendedWithinItsBound) {
  auto asked = request("alice");
  asked.scopes = scopes({"a", "b"});
  const auto id = make(asked);
  KeyRecord record;
  const auto suspend = [&](const Caller &caller) {
    return result([&](WriteTxn &txn) { return keys::suspend(txn, caller, id, kNow, &record); });
  };
  const auto resume = [&](const Caller &caller) {
    return result([&](WriteTxn &txn) { return keys::resume(txn, caller, id, kNow, &record); });
  };
  EXPECT_EQ(Result::done, suspend(token_caller("alice", "")));
  EXPECT_EQ(Result::unchanged, suspend(token_caller("alice", "")));
  EXPECT_TRUE(key(id).suspended_by_subject);
  EXPECT_EQ(Result::exceeds_caller, resume(token_caller("alice", "a")));
  EXPECT_EQ(Result::done, resume(token_caller("alice", "a b")));
  EXPECT_FALSE(key(id).suspended_by_subject);
  // Whoever else suspends it takes it over.
  for (const Caller &other : {Caller(), token_caller("admin", "*", {}, true)}) {
    EXPECT_EQ(Result::done, suspend(token_caller("alice", "")));
    EXPECT_EQ(Result::done, suspend(other));
    EXPECT_EQ(Result::unchanged, suspend(other));
    EXPECT_EQ(Result::unchanged, suspend(token_caller("alice", "")));
    EXPECT_EQ(Result::not_permitted, resume(token_caller("alice", "*")));
    EXPECT_EQ(Result::done, resume(other));
  }
}

TEST_F(KeysBound, NobodyGetsBeyondMaxKeysBySuspending) {
  plan("one", [](keys::PlanRequest *asked) { asked->max_keys.emplace(1U); });
  subject("alice", [](keys::SubjectRequest *asked) { asked->plan = "one"; });
  const Caller admin = token_caller("admin", "*", {}, true);
  const auto id = make(request("alice"));
  KeyRecord record;
  const auto suspend = [&](WriteTxn &txn) { return keys::suspend(txn, admin, id, kNow, &record); };
  EXPECT_EQ(Result::done, result(suspend));
  EXPECT_EQ(Result::done, result([&](WriteTxn &txn) { return keys::resume(txn, admin, id, kNow, &record); }));
  EXPECT_EQ(Result::done, result(suspend));
  EXPECT_EQ(Result::too_many_keys, create(admin, request("alice")).result);
  EXPECT_EQ(1U, created_.keys);
  EXPECT_EQ(1U, created_.max_keys);
  EXPECT_EQ(Result::too_many_keys, create({}, request("alice")).result);
  // There were two before the plan allowed one only.
  make_record([](KeyRecord *key) { key->subject = "alice"; });
  EXPECT_EQ(Result::too_many_keys, result([&](WriteTxn &txn) { return keys::resume(txn, admin, id, kNow, &record); }));
  EXPECT_EQ(Result::too_many_keys, result([&](WriteTxn &txn) { return keys::resume(txn, {}, id, kNow, &record); }));
}

TEST_F(KeysBound, PlansOfTheConfigurationCount) {
  Plan owned;
  owned.name = "few";
  owned.has_max_keys = true;
  owned.max_keys = 1;
  owned.has_scopes = true;
  owned.scopes = "a";
  policy_.plans["few"] = owned;
  policy_.default_plan = "few";
  const Caller caller = token_caller("alice", "a");
  EXPECT_EQ(Result::done, create(caller, request()).result);
  EXPECT_EQ(Result::too_many_keys, create(caller, request()).result);
  EXPECT_EQ("few", created_.plan);
}

// Whatever is asked for: a key that was made may do nothing that its caller may not, as a request would find it.
TEST_F(KeysBound, RandomRequestsNeverExceedTheirCaller) {
  std::mt19937 random(1);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  const std::vector<std::string> world = {"a", "b", "a:x", "a:y", "full", "z"};
  const std::vector<std::string> grants = {"a", "b", "a:*", "a:x", "full", "*"};
  policy_.implications = {{"full", {"a", "a:*"}}, {"a:y", {"z"}}};
  const auto pick_scopes = [&] {
    OptionalList<std::string> list{below(3) != 0, {}};
    for (std::size_t i = below(4); list.present && i > 0; --i) {
      list.items.push_back(grants[below(grants.size())]);
    }
    return list;
  };
  const auto pick_limits = [&] {
    OptionalList<Rate> list{below(2) != 0, {}};
    for (std::size_t i = below(3); list.present && i > 0; --i) {
      list.items.push_back({static_cast<std::uint32_t>(1 + below(3)), below(2) == 0 ? 60U : 3600U});
    }
    return list;
  };
  const auto pick_plan = [&] { return std::string(below(2) == 0 ? "" : below(2) == 0 ? "p" : "q"); };
  const auto found = [&](const std::string &id) {
    Principal who;
    CredentialReader::FoundKey key;
    const Snapshot snapshot(writer_.reader());
    EXPECT_EQ(StoreCode::ok, writer_.reader().find_key_by_id(id, &key));
    EXPECT_EQ(Built::ok, build_key_principal(writer_.reader(), key, policy_, &who));
    return who;
  };
  int made = 0, refused = 0;
  for (int round = 0; round < 300; ++round) {
    for (const char *name : {"p", "q"}) {
      plan(name, [&](keys::PlanRequest *asked) {
        asked->scopes = pick_scopes();
        asked->limits = pick_limits();
        asked->is_default = below(4) == 0;
      });
    }
    subject("alice", [&](keys::SubjectRequest *asked) {
      asked->plan = pick_plan();
      asked->scopes = pick_scopes();
    });
    const auto pick_request = [&](const std::string &of) {
      auto asked = request(of);
      asked.plan = pick_plan();
      asked.scopes = pick_scopes();
      asked.limits = pick_limits();
      asked.expires_at_s = below(2) == 0 ? 0 : kNow + 1 + static_cast<std::int64_t>(below(3));
      return asked;
    };
    const std::string caller = make(pick_request("alice"));
    const bool is_admin = below(2) == 0;
    auto asked = pick_request(is_admin && below(2) == 0 ? "bob" : "");
    if (!is_admin) {
      asked.plan.clear();
      asked.limits = {};
    }
    const Principal bound = found(caller);
    const Answer answer = create(key_caller(caller, is_admin), asked);
    if (answer.result != Result::done) {
      ASSERT_EQ(Result::exceeds_caller, answer.result);
      ++refused;
      continue;
    }
    ++made;
    const Principal key = found(created_.record.id);
    for (const std::string &scope : world) {
      ASSERT_TRUE(!key.grants.covers(scope) || bound.grants.covers(scope)) << scope << ' ' << round;
    }
    for (const Rate &rate : bound.limits) {
      ASSERT_TRUE(
          std::any_of(key.limits.begin(), key.limits.end(),
                      [&](const Rate &own) { return own.window_s == rate.window_s && own.count <= rate.count; }))
          << to_text(rate) << ' ' << round;
    }
    ASSERT_LE(key.stands_until_s, bound.stands_until_s);
  }
  EXPECT_GT(made, 50);
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace keyward::test
