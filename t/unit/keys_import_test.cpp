// An import: checked against itself and against the store, then written whole or not at all.
#include "keys/import_batch.hpp"

#include "keys_fixture.hpp"

namespace keyward::test {
namespace {

using Kind = keys::ImportProblem::Kind;
using keys::PlainKey;

class KeysImport : public KeysTest {
 protected:
  static constexpr std::size_t kCandidates = 2;

  void add(std::uint32_t line, const KeyRecord &record) {
    keys::ImportedKey key;
    key.record = record;
    keys::ImportBatch::prepare(&key);
    batch_.add(line, std::move(key));
  }
  // "LINE KIND" of each problem.
  std::vector<std::pair<std::uint32_t, Kind>> problems() {
    std::vector<std::pair<std::uint32_t, Kind>> found;
    answer_ = batch_.check(writer_.reader(), kCandidates, [&](const keys::ImportProblem &problem) {
      found.emplace_back(problem.line, problem.kind);
      last_ = problem;
      last_id_ = problem.id;
    });
    return found;
  }
  Result write() {
    return result([&](WriteTxn &txn) { return batch_.write(txn, kCandidates, {}); });
  }
  static KeyRecord legacy(int n, const std::string &hash_end) {
    KeyRecord record = legacy_key(n, "abcd");
    record.verifier.replace(record.verifier.size() - hash_end.size(), hash_end.size(), hash_end);
    return record;
  }

  keys::ImportBatch batch_;
  Answer answer_;
  keys::ImportProblem last_;
  std::string last_id_;
};

TEST_F(KeysImport, AllOrNothing) {
  KeyRecord without_id = sha256_key(3);
  without_id.id.clear();
  without_id.plan = "pro";
  add(1, sha256_key(2));
  add(2, bcrypt_key(1));
  add(3, without_id);
  EXPECT_TRUE(problems().empty());
  EXPECT_EQ(3U, batch_.size());
  EXPECT_EQ(std::set<std::string>{"pro"}, batch_.plans());
  EXPECT_EQ(Result::done, write());
  EXPECT_EQ(encode(sha256_key(2)), encode(key(id_of(2))));
  CredentialReader::Stats stats;
  ASSERT_STORE_OK(writer_.reader().stats(&stats));
  EXPECT_EQ(3U, stats.keys);
  EXPECT_EQ(Result::store_failed, write());  // they are there already
  ASSERT_STORE_OK(writer_.reader().stats(&stats));
  EXPECT_EQ(3U, stats.keys);
}

TEST_F(KeysImport, WhatIsTwiceInIt) {
  add(1, bcrypt_key(1));
  KeyRecord same_id = bcrypt_key(2), same_key = bcrypt_key(1);
  same_id.id = id_of(1);
  same_key.id = id_of(3);
  add(4, same_id);
  add(6, same_key);
  EXPECT_EQ((std::vector<std::pair<std::uint32_t, Kind>>{{4, Kind::id_twice}, {6, Kind::key_twice}}), problems());
  EXPECT_EQ(1U, last_.other_line);
}

TEST_F(KeysImport, WhatTheStoreHas) {
  ASSERT_STORE_OK(StoreTest::add(writer_, 1, 2));
  add(1, bcrypt_key(1));
  EXPECT_EQ((std::vector<std::pair<std::uint32_t, Kind>>{{1, Kind::id_taken}}), problems());
  EXPECT_FALSE(last_.is_revoked);
  keys::Revoked revoked;
  EXPECT_EQ(Result::done, result([&](WriteTxn &txn) { return keys::revoke(txn, {}, id_of(1), kNow, &revoked); }));
  KeyRecord same_key = bcrypt_key(1);
  same_key.id = id_of(3);
  batch_ = {};
  add(2, same_key);
  EXPECT_EQ((std::vector<std::pair<std::uint32_t, Kind>>{{2, Kind::key_taken}}), problems());
  EXPECT_EQ(id_of(1), last_id_);
  EXPECT_TRUE(last_.is_revoked);
}

TEST_F(KeysImport, Prefixes) {
  EXPECT_EQ(Result::done, result([&](WriteTxn &txn) { return Answer(txn.add_key(legacy(1, "u"))); }));
  add(1, legacy(2, "u"));
  add(2, legacy(3, "C"));
  add(3, legacy(4, "G"));
  EXPECT_EQ((std::vector<std::pair<std::uint32_t, Kind>>{{1, Kind::hash_twice}, {3, Kind::prefix_full}}), problems());
  EXPECT_EQ(1U, last_.stored);
}

TEST_F(KeysImport, KeysThatCameMeanwhile) {
  add(1, legacy(2, "C"));
  add(2, legacy(3, "G"));
  EXPECT_TRUE(problems().empty());
  EXPECT_EQ(Result::done, result([&](WriteTxn &txn) { return Answer(txn.add_key(legacy(1, "u"))); }));
  EXPECT_EQ(Result::store_failed, write());
}

TEST_F(KeysImport, PlainKeys) {
  keys::ImportRules rules;
  rules.formats = {default_key_format()};
  const auto take = [&](const std::string &text, keys::ImportedKey *key) {
    *key = {};
    return keys::take_plain_key(text, rules, key);
  };
  keys::ImportedKey key;
  const std::string strong = "sk_live_4eC39HqLyjWDarjtT1zdp7dc9XyZabcd", own = default_key_format().mint();
  EXPECT_EQ(PlainKey::not_sendable, take("", &key));
  EXPECT_EQ(PlainKey::not_sendable, take("with blank" + strong, &key));
  EXPECT_EQ(PlainKey::too_long, take(strong + strong, &key));
  EXPECT_EQ(PlainKey::weak, take("secret", &key));
  EXPECT_EQ(PlainKey::taken, take(own, &key));
  EXPECT_EQ("kw_", key.record.preview.substr(0, 3));
  EXPECT_EQ(PlainKey::taken, take(strong, &key));
  EXPECT_EQ("sk_live_", key.record.preview.substr(0, 8));
  EXPECT_EQ(strong, key.key.view());  // waits for bcrypt
  EXPECT_TRUE(key.record.verifier.empty());
  EXPECT_EQ(locator_of(sha256(strong)), key.record.locator);
  rules.weak = true;
  EXPECT_EQ(PlainKey::taken, take("secret", &key));
  rules.verifier.kind = VerifierKind::sha256;
  EXPECT_EQ(PlainKey::taken, take(strong + strong, &key));
  EXPECT_TRUE(key.key.empty());
  EXPECT_EQ(view_of(sha256(strong + strong)), key.record.verifier);
}

TEST_F(KeysImport, PlainKeysAreHashed) {
  keys::ImportRules rules;
  rules.weak = true;
  for (std::uint32_t line = 1; line <= 3; ++line) {
    keys::ImportedKey imported;
    imported.uses = line;
    ASSERT_EQ(PlainKey::taken, keys::take_plain_key("plain" + std::to_string(line), rules, &imported));
    imported.record.id = "k" + std::to_string(line);
    keys::ImportBatch::prepare(&imported);
    batch_.add(line, std::move(imported));
  }
  EXPECT_EQ(3U, batch_.plain_keys());
  EXPECT_TRUE(problems().empty());
  ASSERT_TRUE(batch_.hash(kMinBcryptCost, [](std::size_t) {}));
  ASSERT_EQ(Result::done, write());
  EXPECT_EQ(Match::yes, bcrypt_matches("plain2", key("k2").verifier));
  const auto usage = batch_.usage(writer_.reader().seal());
  ASSERT_EQ(3U, usage.size());
  EXPECT_EQ(2U, usage[1].uses);
  EXPECT_EQ(writer_.reader().seal().usage_name("k2"), usage[1].key);
}

TEST(NewId, IsOneThatUrlsAndArgumentsTake) {
  for (const char *text : {"a", "Z9", "_", "key_0Bq3", "a-b.c~d:e@f"}) {
    EXPECT_TRUE(is_new_id(text)) << text;
  }
  for (const char *text : {"", "-a", ".a", "~a", ":a", "@a", "a/b", "a b", "a,b", "a\"", "a%", "a+b"}) {
    EXPECT_FALSE(is_new_id(text)) << text;
  }
  EXPECT_TRUE(is_new_id(std::string(kMaxIdBytes, 'x')));
  EXPECT_FALSE(is_new_id(std::string(kMaxIdBytes + 1, 'x')));
}

}  // namespace
}  // namespace keyward::test
