// Creating and rotating keys, as the operator.
#include <fstream>

#include "keys_fixture.hpp"

namespace keyward::test {
namespace {

class KeysCreate : public KeysTest {
 protected:
  Answer rotate(const std::string &id, std::int64_t overlap_s = 100) {
    const auto key = minted();
    return run([&](WriteTxn &txn) { return keys::rotate(txn, {}, {id, overlap_s, kNow}, key, &rotated_); });
  }
  keys::Rotated rotated_;
};
using KeysMint = KeysTest;

TEST_F(KeysMint, WhatFollowsFromTheText) {
  keys::MintedKey key;
  ASSERT_TRUE(keys::mint({default_key_format(), {VerifierKind::bcrypt, 4}}, &key));
  EXPECT_EQ("key_", key.record.id.substr(0, 4));
  EXPECT_EQ(Match::yes, bcrypt_matches(key.text.view(), key.record.verifier));
  EXPECT_TRUE(key.record.indexed);
  EXPECT_EQ(locator_of(sha256(key.text.view())), key.record.locator);
  EXPECT_EQ(preview_of(key.text.view(), "kw_"), key.record.preview);
  ASSERT_TRUE(keys::mint({default_key_format(), {VerifierKind::sha256, 0}}, &key));
  EXPECT_EQ(view_of(sha256(key.text.view())), key.record.verifier);
  EXPECT_EQ(VerifierKind::sha256, key.record.verifier_kind);
}

TEST_F(KeysMint, BcryptSeesTheWholeKey) {
  keys::Minting minting{default_key_format(), {}};
  EXPECT_TRUE(keys::is_possible(minting));
  minting.format.random_length = 200;
  EXPECT_FALSE(keys::is_possible(minting));
  minting.verifier.kind = VerifierKind::sha256;
  EXPECT_TRUE(keys::is_possible(minting));
}

TEST_F(KeysMint, ASuccessorIsStoredAsItsPredecessor) {
  for (const VerifierKind kind : {VerifierKind::bcrypt, VerifierKind::sha256, VerifierKind::legacy_prefix}) {
    KeyRecord old;
    old.verifier_kind = kind;
    keys::Minting minting{default_key_format(), {}};
    keys::follow(old, &minting);
    EXPECT_EQ(kind == VerifierKind::sha256 ? VerifierKind::sha256 : VerifierKind::bcrypt, minting.verifier.kind);
  }
}

TEST_F(KeysCreate, WhatIsAskedFor) {
  auto asked = request("alice");
  asked.plan = "elsewhere";
  asked.scopes = scopes({"a", "b:*"});
  asked.limits = limits({{60, 60}});
  asked.expires_at_s = kNow + 1;
  const KeyRecord record = key(make(asked));
  EXPECT_EQ(encode(created_.record), encode(record));
  EXPECT_EQ(asked.name, record.name);
  EXPECT_EQ("alice", record.subject);
  EXPECT_EQ("elsewhere", record.plan);
  EXPECT_EQ(asked.scopes.items, record.scopes.items);
  EXPECT_EQ(asked.limits.items, record.limits.items);
  EXPECT_EQ(kNow + 1, record.expires_at_s);
  EXPECT_EQ(kNow, record.created_at_s);
  EXPECT_EQ(kNow, record.changed_at_s);
  EXPECT_EQ(KeyState::active, record.state);
}

TEST_F(KeysCreate, WhatNoRecordMayHave) {
  const auto refused = [this](const std::function<void(keys::CreateRequest *)> &fill) {
    auto asked = request("alice");
    fill(&asked);
    return create({}, asked).result;
  };
  EXPECT_EQ(Result::done, refused([](auto *) {}));
  EXPECT_EQ(Result::invalid, refused([](auto *asked) { asked->name.clear(); }));
  EXPECT_EQ(Result::invalid, refused([](auto *asked) { asked->name = "a\nb"; }));
  EXPECT_EQ(Result::invalid, refused([](auto *asked) { asked->subject = " a"; }));
  EXPECT_EQ(Result::invalid, refused([](auto *asked) { asked->plan = "a b"; }));
  EXPECT_EQ(Result::invalid, refused([](auto *asked) { asked->scopes = scopes({"a*"}); }));
  EXPECT_EQ(Result::invalid, refused([](auto *asked) { asked->scopes = scopes({"a b"}); }));
  EXPECT_EQ(Result::invalid, refused([](auto *asked) { asked->limits = limits({{0, 60}}); }));
  EXPECT_EQ(Result::invalid, refused([](auto *asked) { asked->limits = limits(std::vector<Rate>(9, {1, 1})); }));
  EXPECT_EQ(Result::past_expiry, refused([](auto *asked) { asked->expires_at_s = kNow; }));
}

TEST_F(KeysCreate, NoIdAndNoTextTwice) {
  auto minted_key = minted();
  const auto add = [&] {
    return run([&](WriteTxn &txn) { return keys::create(txn, {}, request(), minted_key, &created_); });
  };
  EXPECT_EQ(Result::done, add().result);
  EXPECT_EQ(Result::store_failed, add().result);
  EXPECT_EQ(StoreCode::exists, add().status.code);
  minted_key.record.id = "key_another";
  EXPECT_EQ(StoreCode::exists, add().status.code);
}

TEST_F(KeysCreate, WhatIsToldOfItsSubject) {
  make(request());
  EXPECT_FALSE(created_.new_subject);
  make(request("alice"));
  EXPECT_TRUE(created_.new_subject);
  make(request("alice"));
  EXPECT_FALSE(created_.new_subject);
  subject("bob", [](keys::SubjectRequest *asked) { asked->state = SubjectState::blocked; });
  EXPECT_FALSE(created_.subject_blocked);
  make(request("bob"));
  EXPECT_FALSE(created_.new_subject);
  EXPECT_TRUE(created_.subject_blocked);
}

TEST_F(KeysCreate, WhatNothingNarrows) {
  auto asked = request("alice");
  make(asked);
  EXPECT_TRUE(created_.is_unlimited);
  asked.scopes = scopes({});
  make(asked);
  EXPECT_FALSE(created_.is_unlimited);
  asked.scopes = {};
  asked.plan = "elsewhere";
  make(asked);
  EXPECT_FALSE(created_.is_unlimited);
  subject("alice", [](keys::SubjectRequest *of) { of->scopes = scopes({"a"}); });
  make(request("alice"));
  EXPECT_FALSE(created_.is_unlimited);
  plan("some", [](keys::PlanRequest *of) { of->is_default = true; });
  make(request());
  EXPECT_FALSE(created_.is_unlimited);
}

TEST_F(KeysCreate, MaxKeysOfWhichPlan) {
  plan("one", [](keys::PlanRequest *asked) { asked->max_keys.emplace(1U); });
  plan("wide");
  const auto create_for = [this](const std::string &who, const std::string &of = {}) {
    auto asked = request(who);
    asked.plan = of;
    return create({}, asked).result;
  };
  EXPECT_EQ(Result::done, create_for("alice", "one"));
  EXPECT_EQ(Result::too_many_keys, create_for("alice", "one"));
  EXPECT_EQ("one", created_.plan);
  EXPECT_EQ(1U, created_.keys);
  EXPECT_EQ(1U, created_.max_keys);
  EXPECT_EQ(Result::done, create_for("alice"));  // of no plan
  subject("bob", [](keys::SubjectRequest *asked) { asked->plan = "one"; });
  EXPECT_EQ(Result::done, create_for("bob"));
  EXPECT_EQ(Result::too_many_keys, create_for("bob"));
  EXPECT_EQ(Result::done, create_for("bob", "wide"));
  plan("one", [](keys::PlanRequest *asked) { asked->is_default = true; });
  EXPECT_EQ(Result::done, create_for("carol"));
  EXPECT_EQ(Result::too_many_keys, create_for("carol"));
  EXPECT_EQ(Result::done, create_for("carol", "elsewhere"));
  EXPECT_EQ(Result::done, create_for(""));  // nobody's keys aren't counted
  EXPECT_EQ(Result::done, create_for("", "one"));
  EXPECT_EQ(Result::done, create_for("", "one"));
}

TEST_F(KeysCreate, WhichKeysAreCounted) {
  plan("one", [](keys::PlanRequest *asked) { asked->max_keys.emplace(1U); });
  int number = 0;
  const auto leaves_room = [&](const std::function<void(KeyRecord *)> &fill) {
    const std::string who = "user_" + std::to_string(++number);
    make_record([&](KeyRecord *key) {
      key->subject = who;
      fill(key);
    });
    auto asked = request(who);
    asked.plan = "one";
    return create({}, asked).result == Result::done;
  };
  EXPECT_FALSE(leaves_room([](KeyRecord *) {}));
  EXPECT_FALSE(leaves_room([](KeyRecord *key) { key->state = KeyState::pending; }));
  EXPECT_FALSE(leaves_room([](KeyRecord *key) { key->expires_at_s = kNow + 1; }));
  EXPECT_FALSE(leaves_room([](KeyRecord *key) { key->state = KeyState::suspended; }));
  EXPECT_TRUE(leaves_room([](KeyRecord *key) { key->state = KeyState::revoked; }));
  EXPECT_TRUE(leaves_room([](KeyRecord *key) { key->expires_at_s = kNow; }));
  EXPECT_TRUE(leaves_room([](KeyRecord *key) { key->overlap_until_s = kNow + 100; }));
}

TEST_F(KeysCreate, ARefusalChangesNothing) {
  plan("none", [](keys::PlanRequest *asked) { asked->max_keys.emplace(0U); });
  auto asked = request("alice");
  asked.plan = "none";
  EXPECT_EQ(Result::too_many_keys, create({}, asked).result);
  CredentialReader::Stats stats;
  ASSERT_STORE_OK(writer_.reader().stats(&stats));
  EXPECT_EQ(0U, stats.keys);
}

TEST_F(KeysCreate, AStoreThatFails) {
  CredentialWriter closed;
  const Answer answer = keys::in_transaction(closed, Author(), 0, [](WriteTxn &) { return Answer(); });
  EXPECT_EQ(Result::store_failed, answer.result);
  EXPECT_EQ(StoreCode::io, answer.status.code);
  EXPECT_FALSE(answer.status.text.empty());
}

TEST_F(KeysCreate, AddressesMetaAndConcurrencyAreInherited) {
  auto asked = request("alice");
  asked.allow_from = networks({"192.0.2.0/24"});
  asked.meta = R"({"a":1})";
  asked.concurrency = 3;
  const auto id = make(asked);
  EXPECT_EQ(asked.allow_from, key(id).allow_from);
  keys::Rotated rotated;
  const auto successor = minted();
  EXPECT_EQ(Result::done, result([&](WriteTxn &txn) {
              return keys::rotate(txn, {}, {id, 100, kNow}, successor, &rotated);
            }));
  EXPECT_EQ(asked.allow_from, key(rotated.record.id).allow_from);
  EXPECT_EQ(asked.meta, key(rotated.record.id).meta);
  EXPECT_EQ(3U, key(id).concurrency);
  EXPECT_EQ(3U, key(rotated.record.id).concurrency);
}

TEST_F(KeysCreate, ASuccessorHasTheSameTerms) {
  plan("one", [](keys::PlanRequest *asked) { asked->max_keys.emplace(1U); });
  auto asked = request("alice");
  asked.plan = "one";
  asked.scopes = scopes({"a"});
  asked.limits = limits({{60, 60}});
  asked.expires_at_s = kNow + 1000;
  const auto first = make(asked);
  ASSERT_EQ(Result::done, rotate(first).result);
  const KeyRecord old = key(first), record = key(rotated_.record.id);
  EXPECT_EQ(record.id, old.successor);
  EXPECT_EQ(kNow + 100, old.overlap_until_s);
  EXPECT_EQ(KeyState::active, old.state);
  EXPECT_EQ(first, record.predecessor);
  EXPECT_EQ(first, record.counter_id);
  EXPECT_EQ(asked.name, record.name);
  EXPECT_EQ("alice", record.subject);
  EXPECT_EQ("one", record.plan);
  EXPECT_EQ(asked.scopes.items, record.scopes.items);
  EXPECT_EQ(asked.limits.items, record.limits.items);
  EXPECT_EQ(asked.expires_at_s, record.expires_at_s);
  EXPECT_EQ(0, record.overlap_until_s);
  EXPECT_NE(old.locator, record.locator);
  ASSERT_EQ(Result::done, rotate(record.id).result);
  EXPECT_EQ(first, rotated_.record.counter_id);
}

TEST_F(KeysCreate, WithoutOverlapItEndsAndItsPredecessorsDo) {
  const auto first = make(request());
  ASSERT_EQ(Result::done, rotate(first).result);
  const auto second = rotated_.record.id;
  ASSERT_EQ(Result::done, rotate(second, 0).result);
  EXPECT_EQ(0, rotated_.old.overlap_until_s);
  EXPECT_EQ(KeyState::revoked, key(first).state);
  EXPECT_EQ(KeyState::revoked, key(second).state);
  EXPECT_EQ(rotated_.record.id, key(second).successor);
}

TEST_F(KeysCreate, WhatCantBeRotated) {
  const auto rotated = make(request());
  ASSERT_EQ(Result::done, rotate(rotated).result);
  const auto successor = rotated_.record.id;
  EXPECT_EQ(Result::rotated_already, rotate(rotated).result);
  EXPECT_EQ(successor, rotated_.old.successor);
  EXPECT_EQ(Result::not_found, rotate("key_none").result);
  EXPECT_EQ(Result::not_found, rotate("no id").result);
  const auto refused = [this](const std::function<void(KeyRecord *)> &fill) {
    const auto id = make_record(fill);
    KeyRecord seen;
    const Result ahead = keys::look_ahead(writer_.reader(), id, kNow, &seen).result;
    const Result now = rotate(id).result;
    EXPECT_EQ(ahead, now);
    EXPECT_EQ(id, seen.id);
    return now;
  };
  EXPECT_EQ(Result::wrong_state, refused([](KeyRecord *key) { key->state = KeyState::suspended; }));
  EXPECT_EQ(Result::wrong_state, refused([](KeyRecord *key) { key->state = KeyState::pending; }));
  EXPECT_EQ(Result::wrong_state, refused([](KeyRecord *key) { key->state = KeyState::revoked; }));
  EXPECT_EQ(Result::wrong_state, refused([](KeyRecord *key) { key->expires_at_s = kNow; }));
  EXPECT_EQ(Result::done, refused([](KeyRecord *key) { key->expires_at_s = kNow + 1; }));
  KeyRecord seen;
  EXPECT_EQ(Result::not_found, keys::look_ahead(writer_.reader(), "no id", kNow, &seen).result);
  EXPECT_EQ(Result::not_found, keys::look_ahead(writer_.reader(), "key_none", kNow, &seen).result);
}

TEST(KeyState, InEffect) {
  constexpr std::int64_t kNow = 1000;
  KeyRecord key;
  const auto in_effect = [&] { return keys::effective_state(key, kNow); };
  EXPECT_EQ("active", in_effect());
  EXPECT_TRUE(keys::is_active(key, kNow));
  key.expires_at_s = kNow + 1;
  EXPECT_EQ("active", in_effect());
  key.expires_at_s = kNow;
  EXPECT_EQ("expired", in_effect());
  EXPECT_FALSE(keys::is_active(key, kNow));
  key.expires_at_s = 0;
  key.overlap_until_s = kNow;
  EXPECT_EQ("expired", in_effect());
  for (const auto &[state, text] :
       {std::pair(KeyState::suspended, "suspended"), {KeyState::pending, "pending"}, {KeyState::revoked, "revoked"}}) {
    key.state = state;
    key.created_at_s = kNow - keys::kPendingSeconds + 1;
    EXPECT_EQ(text, in_effect());
    EXPECT_FALSE(keys::is_active(key, kNow));
  }
  key.state = KeyState::pending;
  key.created_at_s = kNow - keys::kPendingSeconds;
  EXPECT_EQ("revoked", in_effect());
}

}  // namespace
}  // namespace keyward::test
