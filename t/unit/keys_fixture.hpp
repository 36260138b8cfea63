// A store with the operations on keys, and callers of each kind.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/networks.hpp"
#include "keys/caller.hpp"
#include "keys/change.hpp"
#include "keys/create.hpp"
#include "keys/key_state.hpp"
#include "keys/plans.hpp"
#include "keys/subjects.hpp"
#include "store_fixture.hpp"

namespace keyward::test {

using keys::Answer;
using keys::Caller;
using keys::Excess;
using keys::Result;

inline OptionalList<std::string> scopes(std::vector<std::string> items) { return {true, std::move(items)}; }
inline OptionalList<Rate> limits(std::vector<Rate> items) { return {true, std::move(items)}; }

inline std::string networks(const std::vector<std::string> &texts) {
  std::vector<Network> list;
  std::string error, packed;
  for (const auto &text : texts) {
    EXPECT_TRUE(parse_network(text, &list.emplace_back(), &error)) << error;
  }
  EXPECT_TRUE(pack_networks(std::move(list), &packed));
  return packed;
}

class KeysTest : public StoreTest {
 protected:
  static constexpr std::int64_t kNow = 1800000000;

  KeysTest() : StoreTest(true) {}

  void SetUp() override {
    StoreTest::SetUp();
    ASSERT_STORE_OK(writer_.open(store_));
  }

  Answer run(const std::function<Answer(WriteTxn &)> &operation) {
    return keys::in_transaction(writer_, Author(), 0, operation);
  }
  Result result(const std::function<Answer(WriteTxn &)> &operation) { return run(operation).result; }

  static keys::MintedKey minted() {
    keys::MintedKey key;
    EXPECT_TRUE(keys::mint({default_key_format(), {VerifierKind::sha256, 0}}, &key));
    return key;
  }
  static keys::CreateRequest request(const std::string &subject = {}) {
    keys::CreateRequest asked;
    asked.name = "a key";
    asked.subject = subject;
    asked.now_s = kNow;
    return asked;
  }
  Answer create(const Caller &caller, const keys::CreateRequest &asked) {
    const auto key = minted();
    return run([&](WriteTxn &txn) { return keys::create(txn, caller, asked, key, &created_); });
  }
  // The id of a key that the operator has made.
  std::string make(const keys::CreateRequest &asked) {
    const Answer answer = create({}, asked);
    EXPECT_EQ(Result::done, answer.result) << answer.status.text;
    return created_.record.id;
  }
  // One by its record, whatever that says.
  std::string make_record(const std::function<void(KeyRecord *)> &fill) {
    KeyRecord key = minted().record;
    key.name = "a key";
    key.created_at_s = key.changed_at_s = kNow - 100;
    fill(&key);
    EXPECT_EQ(Result::done, result([&](WriteTxn &txn) { return Answer(txn.add_key(key)); }));
    return key.id;
  }
  KeyRecord key(const std::string &id) {
    KeyRecord record;
    EXPECT_EQ(Result::done, result([&](WriteTxn &txn) { return Answer(txn.get_key(id, &record)); }));
    return record;
  }
  void plan(
      const std::string &name, const std::function<void(keys::PlanRequest *)> &fill = [](auto *) {}) {
    keys::PlanRequest asked;
    asked.name = name;
    fill(&asked);
    keys::PlanSet set;
    EXPECT_EQ(Result::done, result([&](WriteTxn &txn) { return keys::set_plan(txn, asked, &set); }));
  }
  void subject(
      const std::string &name, const std::function<void(keys::SubjectRequest *)> &fill = [](auto *) {}) {
    keys::SubjectRequest asked;
    asked.subject = name;
    asked.now_s = kNow;
    fill(&asked);
    keys::SubjectSet set;
    EXPECT_EQ(Result::done, result([&](WriteTxn &txn) { return keys::set_subject(txn, {}, asked, &set); }));
  }

  // A key as a request brought it: what it may do is read from its record.
  Caller key_caller(const std::string &id, bool all_subjects = false) {
    const KeyRecord record = key(id);
    Principal &who = callers_.emplace_back();
    who.kind = Kind::key;
    who.key_id = id;
    who.subject = record.subject;
    who.grants = Grants::all();  // not what counts
    return {&who, all_subjects, &policy_};
  }
  Caller token_caller(const std::string &subject, const std::string &grants, std::vector<Rate> rates = {},
                      bool all_subjects = false) {
    Principal &who = callers_.emplace_back();
    who.kind = Kind::token;
    who.subject = subject;
    who.grants = grants == "*" ? Grants::all() : Grants(grants, policy_.implications);
    who.has_limits = !rates.empty();
    who.limits = std::move(rates);
    who.stands_until_s = kNow + 60;
    return {&who, all_subjects, &policy_};
  }

  CredentialWriter writer_;
  Policy policy_;
  keys::Created created_;
  std::deque<Principal> callers_;
};

}  // namespace keyward::test
