// What becomes of keys: changed, suspended, resumed, revoked, purged.
#include "keys_fixture.hpp"

namespace keyward::test {
namespace {

class KeysChange : public KeysTest {
 protected:
  Answer change(const std::string &id, const std::function<void(keys::ChangeRequest *)> &fill,
                const Caller &caller = {}) {
    keys::ChangeRequest asked;
    asked.id = id;
    asked.now_s = kNow;
    fill(&asked);
    return run([&](WriteTxn &txn) { return keys::change(txn, caller, asked, &changed_); });
  }
  Result suspend(const std::string &id) {
    return result([&](WriteTxn &txn) { return keys::suspend(txn, {}, id, kNow, &before_); });
  }
  Result resume(const std::string &id) {
    return result([&](WriteTxn &txn) { return keys::resume(txn, {}, id, kNow, &before_); });
  }
  Result revoke(const std::string &id) {
    return result([&](WriteTxn &txn) { return keys::revoke(txn, {}, id, kNow, &revoked_); });
  }
  std::string rotate(const std::string &id) {
    keys::Rotated rotated;
    const auto key = minted();
    EXPECT_EQ(Result::done, result([&](WriteTxn &txn) {
                return keys::rotate(txn, {}, {id, 100, kNow}, key, &rotated);
              }));
    return rotated.record.id;
  }

  keys::Changed changed_;
  keys::Revoked revoked_;
  KeyRecord before_;
};

TEST_F(KeysChange, OnlyWhatIsNamed) {
  auto asked = request("alice");
  asked.plan = "pro";
  asked.scopes = scopes({"a"});
  asked.limits = limits({{60, 60}});
  asked.expires_at_s = kNow + 100;
  const auto id = make(asked);
  KeyRecord expected = key(id);
  const auto is_expected = [&] { return encode(key(id)) == encode(expected); };
  EXPECT_EQ(Result::unchanged, change(id, [](auto *) {}).result);
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->name = "another"; }).result);
  expected.name = "another";
  EXPECT_TRUE(is_expected());
  EXPECT_EQ("a key", changed_.before.name);
  EXPECT_EQ(Result::unchanged, change(id, [](auto *of) { of->name = "another"; }).result);
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->plan = ""; }).result);
  expected.plan.clear();
  EXPECT_TRUE(is_expected());
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->scopes = scopes({"b", "c"}); }).result);
  expected.scopes = scopes({"b", "c"});
  EXPECT_TRUE(is_expected());
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->limits.emplace(); }).result);
  expected.limits = {};
  EXPECT_TRUE(is_expected());
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->expires_at_s = 0; }).result);
  expected.expires_at_s = 0;
  EXPECT_TRUE(is_expected());
}

TEST_F(KeysChange, WhatIsRefused) {
  const auto id = make(request("alice"));
  EXPECT_EQ(Result::not_found, change("key_none", [](auto *of) { of->name = "x"; }).result);
  EXPECT_EQ(Result::invalid, change(id, [](auto *of) { of->name = ""; }).result);
  EXPECT_EQ(Result::invalid, change(id, [](auto *of) { of->plan = "a b"; }).result);
  EXPECT_EQ(Result::invalid, change(id, [](auto *of) { of->scopes = scopes({"*a"}); }).result);
  EXPECT_EQ(Result::past_expiry, change(id, [](auto *of) { of->expires_at_s = kNow; }).result);
  rotate(id);
  EXPECT_EQ(Result::in_overlap, change(id, [](auto *of) { of->name = "x"; }).result);
  revoke(id);
  EXPECT_EQ(Result::wrong_state, change(id, [](auto *of) { of->name = "x"; }).result);
  EXPECT_EQ("a key", key(id).name);
}

TEST_F(KeysChange, AnImportedKeyMayHaveNoName) {
  const auto id = make_record([](KeyRecord *key) { key->name.clear(); });
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->scopes = scopes({"a"}); }).result);
  EXPECT_EQ(scopes({"a"}).items, key(id).scopes.items);
}

TEST_F(KeysChange, ARenewalFindsItsPlaceTaken) {
  plan("one", [](keys::PlanRequest *asked) { asked->max_keys.emplace(1U); });
  const auto id = make_record([](KeyRecord *key) {
    key->subject = "alice";
    key->plan = "one";
    key->expires_at_s = kNow;
  });
  const auto renew = [](keys::ChangeRequest *of) { of->expires_at_s = kNow + 10; };
  auto asked = request("alice");
  asked.plan = "one";
  const auto other = make(asked);
  EXPECT_EQ(Result::too_many_keys, change(id, renew).result);
  EXPECT_EQ("one", changed_.plan);
  EXPECT_EQ(1U, changed_.keys);
  EXPECT_EQ(1U, changed_.max_keys);
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->name = "renamed"; }).result);
  EXPECT_EQ(Result::done, change(other, [](auto *of) { of->expires_at_s = kNow + 10; }).result);
  revoke(other);
  EXPECT_EQ(Result::done, change(id, renew).result);
  EXPECT_EQ(kNow + 10, key(id).expires_at_s);
}

TEST_F(KeysChange, NarrowingASuccessorNarrowsItsPredecessors) {
  auto asked = request("alice");
  asked.scopes = scopes({"a", "b"});
  const auto first = make(asked), second = rotate(first), third = rotate(second);
  EXPECT_EQ(Result::done, change(third, [](auto *of) { of->name = "x"; }).result);
  EXPECT_TRUE(changed_.also.empty());
  EXPECT_EQ(Result::done, change(third, [](auto *of) { of->scopes = scopes({"a"}); }).result);
  EXPECT_EQ((std::vector<std::string>{second, first}), changed_.also);
  EXPECT_EQ(scopes({"a"}).items, key(first).scopes.items);
  EXPECT_EQ(scopes({"a"}).items, key(second).scopes.items);
  EXPECT_EQ(Result::done, change(third, [](auto *of) { of->scopes = scopes({"a", "c"}); }).result);
  EXPECT_TRUE(changed_.also.empty());  // wider is the successor only
  EXPECT_EQ(scopes({"a"}).items, key(second).scopes.items);
  EXPECT_EQ(Result::done, change(third, [](auto *of) { of->expires_at_s = kNow + 5; }).result);
  EXPECT_EQ(kNow + 5, key(first).expires_at_s);
  EXPECT_EQ(kNow + 100, key(first).overlap_until_s);
  EXPECT_EQ(Result::done, change(third, [](auto *of) { of->limits = limits({{1, 60}}); }).result);
  EXPECT_EQ(limits({{1, 60}}).items, key(second).limits.items);
}

TEST_F(KeysChange, AddressesAndMeta) {
  const auto id = make(request("alice"));
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->allow_from = networks({"192.0.2.0/24"}); }).result);
  EXPECT_EQ(networks({"192.0.2.0/24"}), key(id).allow_from);
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->meta = R"({"a":1})"; }).result);
  EXPECT_EQ(Result::unchanged, change(id, [](auto *of) { of->meta = R"({"a":1})"; }).result);
  EXPECT_EQ(R"({"a":1})", key(id).meta);
  EXPECT_EQ(Result::invalid, change(id, [](auto *of) { of->meta = "[]"; }).result);
  EXPECT_EQ(Result::invalid, change(id, [](auto *of) { of->allow_from = "x"; }).result);
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->allow_from = of->meta = ""; }).result);
  EXPECT_TRUE(key(id).allow_from.empty() && key(id).meta.empty());
}

TEST_F(KeysChange, AChangeIsDated) {
  const auto id = make_record([](KeyRecord *key) { key->name = "old"; });
  EXPECT_EQ(kNow - 100, key(id).changed_at_s);
  EXPECT_EQ(Result::unchanged, change(id, [](auto *of) { of->name = "old"; }).result);
  EXPECT_EQ(kNow - 100, key(id).changed_at_s);
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->name = "new"; }).result);
  EXPECT_EQ(kNow, key(id).changed_at_s);
}

TEST_F(KeysChange, ANarrowerPlanMustHaveRoom) {
  plan("one", [](keys::PlanRequest *asked) { asked->max_keys.emplace(1U); });
  const auto id = make(request("alice"));
  make(request("alice"));
  EXPECT_EQ(Result::too_many_keys, change(id, [](auto *of) { of->plan = "one"; }).result);
  EXPECT_TRUE(key(id).plan.empty());
  EXPECT_EQ(Result::done, suspend(id));
  EXPECT_EQ(Result::too_many_keys, change(id, [](auto *of) { of->plan = "one"; }).result);
}

// What a predecessor has beyond its successor is taken from it; nothing is given to it, whatever else the two differ in.
TEST_F(KeysChange, NarrowingGivesPredecessorsNothing) {
  auto asked = request("alice");
  asked.scopes = scopes({"a"});
  asked.limits = limits({{10, 60}, {100, 3600}});
  const auto old = make(asked), id = rotate(old);
  EXPECT_EQ(Result::done, change(id, [](auto *of) {
                            of->scopes = scopes({"a", "admin"});
                            of->limits = limits({{1000, 60}});
                          }).result);
  EXPECT_TRUE(changed_.also.empty());
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->expires_at_s = kNow + 5; }).result);
  EXPECT_EQ(std::vector<std::string>{old}, changed_.also);
  EXPECT_EQ(kNow + 5, key(old).expires_at_s);
  EXPECT_EQ(scopes({"a"}).items, key(old).scopes.items);
  EXPECT_EQ(limits({{10, 60}, {100, 3600}}).items, key(old).limits.items);
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->limits = limits({{5, 60}}); }).result);
  EXPECT_EQ(limits({{5, 60}, {100, 3600}}).items, key(old).limits.items);
  EXPECT_EQ(scopes({"a"}).items, key(old).scopes.items);
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->scopes = scopes({"admin"}); }).result);
  EXPECT_TRUE(key(old).scopes.present && key(old).scopes.items.empty());
}

TEST_F(KeysChange, NarrowingByAddress) {
  const auto old = make(request("alice")), id = rotate(old);
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->allow_from = networks({"10.0.0.0/8"}); }).result);
  EXPECT_EQ(networks({"10.0.0.0/8"}), key(old).allow_from);
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->allow_from = networks({"10.1.0.0/16", "::1"}); }).result);
  EXPECT_EQ(networks({"10.1.0.0/16"}), key(old).allow_from);
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->allow_from = ""; }).result);
  EXPECT_EQ(networks({"10.1.0.0/16"}), key(old).allow_from);
  // Nothing is left of it, and no list would mean everywhere.
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->allow_from = networks({"::1"}); }).result);
  EXPECT_EQ(std::vector<std::string>{old}, changed_.also);
  EXPECT_TRUE(has_ended(key(old), kNow));
}

TEST_F(KeysChange, NarrowingByConcurrency) {
  const auto old = make(request("alice")), id = rotate(old);
  const auto set = [&](std::uint32_t most) {
    EXPECT_EQ(Result::done, change(id, [most](auto *of) { of->concurrency = most; }).result);
    return key(old).concurrency;
  };
  EXPECT_EQ(5U, set(5));
  EXPECT_EQ(std::vector<std::string>{old}, changed_.also);
  EXPECT_EQ(5U, set(9));
  EXPECT_TRUE(changed_.also.empty());
  EXPECT_EQ(5U, set(0));
  EXPECT_EQ(2U, set(2));
  EXPECT_EQ(Result::unchanged, change(id, [](auto *of) { of->concurrency = 2; }).result);
  EXPECT_EQ(Result::invalid, change(id, [](auto *of) { of->concurrency = kMaxConcurrency + 1; }).result);
}

// Another plan of the successor's, which becomes the predecessor's where it is narrowed by scope: not with more at once.
TEST_F(KeysChange, AnotherPlanGivesAPredecessorNoMorePlaces) {
  plan("two", [](keys::PlanRequest *asked) { asked->concurrency = 2; });
  plan("nine", [](keys::PlanRequest *asked) { asked->concurrency = 9; });
  auto asked = request("alice");
  asked.plan = "two";
  const auto old = make(asked), id = rotate(old);
  EXPECT_EQ(Result::done, change(id, [](auto *of) {
                            of->plan = "nine";
                            of->scopes = scopes({"a"});
                          }).result);
  EXPECT_EQ("nine", key(old).plan);
  EXPECT_EQ(2U, key(old).concurrency);
}

TEST_F(KeysChange, APlanWithoutAccessIsOneForPredecessorsToo) {
  plan("closed", [](keys::PlanRequest *asked) { asked->no_access = true; });
  auto asked = request("alice");
  asked.limits = limits({{10, 60}});
  const auto old = make(asked), id = rotate(old);
  EXPECT_EQ(Result::done, change(id, [](auto *of) { of->plan = "closed"; }).result);
  EXPECT_EQ("closed", key(old).plan);
}

TEST_F(KeysChange, WhatASubjectMayChangeOfItsKeys) {
  auto asked = request("alice");
  asked.scopes = scopes({"a", "b"});
  asked.limits = limits({{60, 60}});
  asked.expires_at_s = kNow + 100;
  const auto id = make(asked);
  const Caller self = token_caller("alice", "*", {{60, 60}});
  const auto of_self = [&](const std::function<void(keys::ChangeRequest *)> &fill) {
    return change(id, fill, self).result;
  };
  EXPECT_EQ(Result::done, of_self([](auto *of) { of->name = "mine"; }));
  EXPECT_EQ(Result::done, of_self([](auto *of) { of->meta = R"({"a":1})"; }));
  EXPECT_EQ(Result::done, of_self([](auto *of) { of->allow_from = networks({"10.0.0.0/8"}); }));
  EXPECT_EQ(Result::done, of_self([](auto *of) { of->allow_from = networks({"10.1.0.0/16"}); }));
  EXPECT_EQ(Result::not_permitted, of_self([](auto *of) { of->allow_from = networks({"10.0.0.0/8"}); }));
  EXPECT_EQ(Result::not_permitted, of_self([](auto *of) { of->allow_from = ""; }));
  EXPECT_EQ(Result::not_permitted, of_self([](auto *of) { of->plan = "pro"; }));
  EXPECT_EQ(Result::not_permitted, of_self([](auto *of) { of->limits = limits({{1, 60}}); }));
  EXPECT_EQ(Result::not_permitted, of_self([](auto *of) { of->concurrency = 1; }));
  EXPECT_EQ(Result::not_permitted, of_self([](auto *of) { of->scopes.emplace(); }));
  EXPECT_EQ(Result::not_permitted, of_self([](auto *of) { of->scopes = scopes({"a", "c"}); }));
  EXPECT_EQ(Result::not_permitted, of_self([](auto *of) { of->expires_at_s = kNow + 101; }));
  EXPECT_EQ(Result::not_permitted, of_self([](auto *of) { of->expires_at_s = 0; }));
  EXPECT_EQ(Result::unchanged, of_self([](auto *of) { of->expires_at_s = kNow + 100; }));
  EXPECT_EQ(Result::done, of_self([](auto *of) { of->expires_at_s = kNow + 99; }));
  EXPECT_EQ(Result::done, of_self([](auto *of) { of->scopes = scopes({"a"}); }));
  EXPECT_EQ(Result::not_permitted, of_self([](auto *of) { of->scopes = scopes({"a", "b"}); }));
  EXPECT_EQ(Result::done, of_self([](auto *of) { of->scopes = scopes({}); }));
}

TEST_F(KeysChange, AChangeWithinItsCaller) {
  auto asked = request("alice");
  asked.scopes = scopes({"a", "b"});
  const auto id = make(asked);
  const Caller admin = token_caller("admin", "a", {}, true);
  EXPECT_EQ(Result::done, change(
                              id, [](auto *of) { of->name = "x"; }, admin)
                              .result);
  EXPECT_EQ(Result::exceeds_caller, change(
                                        id, [](auto *of) { of->scopes = scopes({"b"}); }, admin)
                                        .result);
  EXPECT_EQ(Result::exceeds_caller, change(
                                        id, [](auto *of) { of->expires_at_s = kNow + 1; }, admin)
                                        .result);
  EXPECT_EQ(Result::done, change(
                              id, [](auto *of) { of->scopes = scopes({"a"}); }, admin)
                              .result);
  EXPECT_EQ(Result::done, change(
                              id, [](auto *of) { of->expires_at_s = kNow + 1; }, admin)
                              .result);
  EXPECT_EQ(Result::exceeds_caller, change(
                                        id, [](auto *of) { of->scopes.emplace(); }, admin)
                                        .result);
}

TEST_F(KeysChange, SuspendedAndResumed) {
  const auto id = make(request());
  EXPECT_EQ(Result::unchanged, resume(id));
  EXPECT_EQ(Result::done, suspend(id));
  EXPECT_EQ(KeyState::active, before_.state);
  EXPECT_EQ(KeyState::suspended, key(id).state);
  EXPECT_EQ(kNow, key(id).changed_at_s);
  EXPECT_EQ(Result::unchanged, suspend(id));
  EXPECT_EQ(Result::done, resume(id));
  EXPECT_EQ(KeyState::active, key(id).state);
  for (const KeyState state : {KeyState::pending, KeyState::revoked}) {
    const auto other = make_record([&](KeyRecord *key) { key->state = state; });
    EXPECT_EQ(Result::wrong_state, suspend(other));
    EXPECT_EQ(state, before_.state);
    EXPECT_EQ(Result::wrong_state, resume(other));
    EXPECT_EQ(state, key(other).state);
  }
  EXPECT_EQ(Result::not_found, suspend("key_none"));
  EXPECT_EQ(Result::not_found, resume("no id"));
}

TEST_F(KeysChange, RevokedForGoodAndWithItsPredecessors) {
  const auto first = make(request()), second = rotate(first), third = rotate(second);
  EXPECT_EQ(Result::done, revoke(second));
  EXPECT_TRUE(revoked_.changed);
  EXPECT_EQ(std::vector<std::string>{first}, revoked_.also);
  EXPECT_EQ(KeyState::active, key(third).state);
  EXPECT_EQ(Result::unchanged, revoke(second));
  EXPECT_FALSE(revoked_.changed);
  EXPECT_EQ(second, revoked_.id);
  EXPECT_TRUE(revoked_.also.empty());
  EXPECT_EQ(Result::wrong_state, resume(second));
  EXPECT_EQ(Result::not_found, revoke("key_none"));
  EXPECT_EQ(Result::not_found, revoke("no id"));
}

TEST_F(KeysChange, ARevokedKeysPredecessorThatLivesEndsAfterAll) {
  const auto old = make_record([](KeyRecord *key) { key->overlap_until_s = kNow + 10; });
  const auto id = make_record([&](KeyRecord *key) {
    key->state = KeyState::revoked;
    key->predecessor = old;
  });
  EXPECT_EQ(Result::done, revoke(id));
  EXPECT_FALSE(revoked_.changed);
  EXPECT_EQ(std::vector<std::string>{old}, revoked_.also);
}

TEST_F(KeysChange, APredecessorThatIsGoneAndALoop) {
  const auto alone = make_record([](KeyRecord *key) { key->predecessor = "key_purged"; });
  EXPECT_EQ(Result::done, revoke(alone));
  make_record([](KeyRecord *key) {
    key->id = "a";
    key->predecessor = "b";
  });
  make_record([](KeyRecord *key) {
    key->id = "b";
    key->predecessor = "a";
  });
  EXPECT_EQ(Result::done, revoke("a"));
  EXPECT_EQ(std::vector<std::string>{"b"}, revoked_.also);
}

TEST_F(KeysChange, Purged) {
  const auto revoked_at = [this](std::int64_t time_s, KeyState state = KeyState::revoked) {
    return make_record([&](KeyRecord *key) {
      key->state = state;
      key->changed_at_s = time_s;
    });
  };
  const auto due = revoked_at(kNow - 1), late = revoked_at(kNow), alive = revoked_at(kNow - 1, KeyState::suspended);
  keys::PurgePage page;
  ASSERT_EQ(Result::done, keys::find_due(writer_.reader(), kNow, &page).result);
  EXPECT_FALSE(page.more);
  EXPECT_EQ(std::vector<std::string>{due}, page.ids);
  EXPECT_EQ(std::vector<Digest>{writer_.reader().seal().usage_name(due)}, page.usage_names);
  std::size_t purged = 0;
  ASSERT_EQ(Result::done, result([&](WriteTxn &txn) {
              return keys::purge(txn, {due, late, alive, "key_none"}, kNow, kNow, &purged);
            }));
  EXPECT_EQ(1U, purged);
  KeyRecord record;
  std::int64_t purged_at_s = 0;
  EXPECT_EQ(Result::not_found, result([&](WriteTxn &txn) { return Answer(txn.get_key(due, &record)); }));
  EXPECT_EQ(Result::done, result([&](WriteTxn &txn) { return Answer(txn.get_purge(due, &purged_at_s)); }));
  EXPECT_EQ(kNow, purged_at_s);
  EXPECT_EQ(KeyState::revoked, key(late).state);
  EXPECT_EQ(KeyState::suspended, key(alive).state);
}

}  // namespace
}  // namespace keyward::test
