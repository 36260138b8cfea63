// Journal entries on disk: what encode() writes is read back, and nothing else is read at all.
#include "store/records/journal.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "base/digest.hpp"

namespace keyward {
namespace {

Author command_author() {
  Author author;
  author.kind = AuthorKind::command;
  author.command = "key revoke";
  author.user = "root";
  author.has_login = true;
  author.login = "alice";
  author.login_uid = 1000;
  return author;
}

Author api_author() {
  Author author;
  author.kind = AuthorKind::api;
  author.subject = "J\xc3\xbcrgen";
  author.issuer = "auth";
  author.address = "2001:db8::1";
  return author;
}

JournalEntry full_entry() {
  JournalEntry entry;
  entry.position = 3;
  entry.at_s = 1800000000;
  entry.author = command_author();
  entry.operation = Operation::key_changed;
  entry.name = "key_1";
  entry.owner = "alice";
  entry.changes = {
      {Field::name, {}, "laptop"}, {Field::scopes, "posts:read posts:write", ""}, {Field::plan, "pro", {}}};
  std::sort(entry.changes.begin(), entry.changes.end(),
            [](const FieldChange &a, const FieldChange &b) { return a.field < b.field; });
  return entry;
}

JournalEntry import_entry() {
  JournalEntry entry;
  entry.operation = Operation::keys_imported;
  entry.ids = {"a", "key_0001", "key_0002", "key_00025", "other"};
  return entry;
}

void expect_equal(const JournalEntry &a, const JournalEntry &b) {
  EXPECT_EQ(encode(a), encode(b));
  EXPECT_EQ(a.position, b.position);
  EXPECT_EQ(a.at_s, b.at_s);
  EXPECT_EQ(a.operation, b.operation);
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.owner, b.owner);
  EXPECT_EQ(a.ids, b.ids);
  EXPECT_EQ(a.author.kind, b.author.kind);
  EXPECT_EQ(a.author.command, b.author.command);
  EXPECT_EQ(a.author.uid, b.author.uid);
  EXPECT_EQ(a.author.user, b.author.user);
  EXPECT_EQ(a.author.has_login, b.author.has_login);
  EXPECT_EQ(a.author.login_uid, b.author.login_uid);
  EXPECT_EQ(a.author.login, b.author.login);
  EXPECT_EQ(a.author.key_id, b.author.key_id);
  EXPECT_EQ(a.author.subject, b.author.subject);
  EXPECT_EQ(a.author.issuer, b.author.issuer);
  EXPECT_EQ(a.author.address, b.author.address);
  ASSERT_EQ(a.changes.size(), b.changes.size());
  for (std::size_t i = 0; i < a.changes.size(); ++i) {
    EXPECT_EQ(a.changes[i].field, b.changes[i].field);
    EXPECT_EQ(a.changes[i].before, b.changes[i].before);
    EXPECT_EQ(a.changes[i].after, b.changes[i].after);
  }
}

bool decodes(const JournalEntry &entry) {
  JournalEntry read;
  const std::string content = encode(entry);
  if (content.empty() || !decode(content, &read)) {
    return false;
  }
  expect_equal(entry, read);
  return true;
}

template <typename Change>
bool decodes_with(Change change, JournalEntry entry = full_entry()) {
  change(entry);
  return decodes(entry);
}

TEST(JournalEntry, IsReadBack) {
  EXPECT_TRUE(decodes(full_entry()));
  EXPECT_TRUE(decodes(import_entry()));
  EXPECT_TRUE(decodes_with([](JournalEntry &e) { e.author = api_author(); }));
  EXPECT_TRUE(decodes_with([](JournalEntry &e) { e.author = Author::worker(); }));
  EXPECT_TRUE(decodes_with([](JournalEntry &e) {
    e.author.has_login = false;
    e.author.login = "";
    e.author.login_uid = 0;
  }));
  EXPECT_TRUE(decodes_with([](JournalEntry &e) { e.changes.clear(); }));
  EXPECT_TRUE(decodes_with([](JournalEntry &e) {
    e.operation = Operation::token_denied;
    e.name = std::string("any \x01 bytes \xff");
    e.owner = "";
  }));
  EXPECT_TRUE(decodes_with([](JournalEntry &e) {
    e.operation = Operation::store_restored;
    e.name = e.owner = "";
  }));
}

TEST(JournalEntry, EachOperationAndFieldHasItsName) {
  for (int i = 1; i <= static_cast<int>(kLastOperation); ++i) {
    EXPECT_FALSE(to_text(static_cast<Operation>(i)).empty()) << i;
  }
  for (int i = 1; i <= static_cast<int>(kLastField); ++i) {
    EXPECT_FALSE(to_text(static_cast<Field>(i)).empty()) << i;
  }
  EXPECT_EQ("key_created", to_text(Operation::key_created));
  EXPECT_EQ("subject_denied", to_text(Operation::subject_denied));
  EXPECT_EQ("limits_reset", to_text(kLastOperation));
  EXPECT_EQ("state", to_text(Field::state));
  EXPECT_EQ("meta", to_text(kLastField));
  EXPECT_TRUE(to_text(Operation{}).empty());
}

TEST(JournalEntry, WhatIsNotValidIsNotWritten) {
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.operation = Operation{}; }));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.operation = static_cast<Operation>(200); }));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.name = ""; }));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.name = "two words"; }));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.at_s = -1; }));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.author.user = "a\nb"; }));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.author.user.assign(256, 'a'); }));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.author.has_login = false; }));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.changes[0].after = "a\x01"; }));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.changes[0].before = e.changes[0].after; }));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { std::swap(e.changes[0], e.changes[1]); }));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.changes[0].after->assign(9000, 'a'); }));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.ids = {"a"}; }));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.operation = Operation::subject_changed; })) << "it has an owner";
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.ids.clear(); }, import_entry()));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { std::swap(e.ids[0], e.ids[1]); }, import_entry()));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.ids[1] = e.ids[0]; }, import_entry()));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.name = "key_1"; }, import_entry()));
  EXPECT_FALSE(decodes_with([](JournalEntry &e) { e.ids.resize(kMaxEntryIds + 1, "z"); }, import_entry()));
}

TEST(JournalEntry, NothingButWhatWasWrittenIsRead) {
  std::mt19937 random(7);
  for (const JournalEntry &entry : {full_entry(), import_entry()}) {
    const std::string content = encode(entry);
    JournalEntry read;
    for (std::size_t length = 0; length < content.size(); ++length) {
      EXPECT_FALSE(decode(std::string_view(content).substr(0, length), &read)) << length;
    }
    EXPECT_FALSE(decode(content + 'x', &read));
    EXPECT_FALSE(decode(std::string_view(), &read));
    for (int i = 0; i < 20000; ++i) {
      std::string changed = content;
      for (int n = 0; n < 3; ++n) {
        changed[random() % changed.size()] = static_cast<char>(random());
      }
      if (decode(changed, &read)) {
        ASSERT_EQ(changed, encode(read));
      }
    }
  }
}

TEST(JournalEntry, IdsOfAnImportTakeLittle) {
  JournalEntry entry;
  entry.operation = Operation::keys_imported;
  for (int i = 0; i < 1000; ++i) {
    entry.ids.push_back(new_id("key_", 1800000000000));
  }
  std::sort(entry.ids.begin(), entry.ids.end());
  EXPECT_TRUE(decodes(entry));
  EXPECT_LT(encode(entry).size(), 1000U * 20);
}

TEST(JournalKey, SortsAsNumbersDo) {
  std::uint64_t number = 0;
  EXPECT_LT(view_of(journal_key(255)), view_of(journal_key(256)));
  EXPECT_LT(view_of(journal_key(1)), view_of(journal_key(std::uint64_t{1} << 63)));
  EXPECT_TRUE(parse_journal_key(view_of(journal_key(0x0102030405060708)), &number));
  EXPECT_EQ(0x0102030405060708U, number);
  EXPECT_FALSE(parse_journal_key("1234567", &number));
  EXPECT_FALSE(parse_journal_key("123456789", &number));
  EXPECT_FALSE(parse_journal_key(view_of(journal_key(0)), &number));
}

TEST(JournalState, IsReadBack) {
  const JournalState state{12, 7};
  JournalState read;
  ASSERT_TRUE(decode(encode(state), &read));
  EXPECT_EQ(12U, read.next);
  EXPECT_EQ(7U, read.entries);
  EXPECT_FALSE(decode(encode(JournalState{7, 7}), &read)) << "fewer numbers than entries";
  EXPECT_FALSE(decode(encode(state) + "x", &read));
  EXPECT_FALSE(decode("", &read));
  EXPECT_LT(number_by_time(4102444800), std::uint64_t{1} << 53) << "exact in JSON";
}

KeyRecord key_with(const std::function<void(KeyRecord &)> &change) {
  KeyRecord key;
  key.id = "key_1";
  key.subject = "alice";
  change(key);
  return key;
}

TEST(JournalChanges, SayWhatWasDoneToAKey) {
  const auto none = [](KeyRecord &) {};
  const KeyRecord key = key_with(none);
  const auto operation = [&key](const std::function<void(KeyRecord &)> &change) {
    return operation_of(key, key_with(change));
  };
  EXPECT_EQ(Operation::key_revoked, operation([](KeyRecord &k) { k.state = KeyState::revoked; }));
  EXPECT_EQ(Operation::key_suspended, operation([](KeyRecord &k) { k.state = KeyState::suspended; }));
  EXPECT_EQ(Operation::key_rotated, operation([](KeyRecord &k) { k.successor = "key_2"; }));
  EXPECT_EQ(Operation::key_refiled, operation([](KeyRecord &k) { k.indexed = true; }));
  EXPECT_EQ(Operation::key_changed, operation([](KeyRecord &k) { k.plan = "pro"; }));
  const auto from = [&key](KeyState state) {
    return operation_of(key_with([state](KeyRecord &k) { k.state = state; }), key);
  };
  EXPECT_EQ(Operation::key_resumed, from(KeyState::suspended));
  EXPECT_EQ(Operation::key_activated, from(KeyState::pending));
}

TEST(JournalChanges, TellNoListFromAnEmptyOne) {
  const KeyRecord key = key_with([](KeyRecord &) {});
  const KeyRecord narrowed = key_with([](KeyRecord &k) { k.scopes = {true, {}}; });
  const std::vector<FieldChange> changes = changes_between(&key, &narrowed);
  ASSERT_EQ(1U, changes.size());
  EXPECT_EQ(Field::scopes, changes[0].field);
  EXPECT_FALSE(changes[0].before.has_value());
  EXPECT_EQ("", changes[0].after.value());
  EXPECT_TRUE(changes_between(&key, &key).empty());
}

TEST(JournalChanges, HaveNoSecret) {
  const KeyRecord key = key_with([](KeyRecord &k) {
    k.verifier = "the verifier";
    k.locator = {'l', 'o', 'c', 'a', 't', 'o', 'r'};
    k.legacy_prefix = "the prefix";
    k.preview = "the preview";
    k.pkce_challenge = "the challenge";
  });
  for (const FieldChange &change : changes_between(nullptr, &key)) {
    EXPECT_EQ(std::string::npos, change.after.value_or("").find("the ")) << to_text(change.field);
    EXPECT_EQ(std::string::npos, change.after.value_or("").find("locator")) << to_text(change.field);
  }
}

TEST(JournalChanges, OfADenialNameTheIssuer) {
  const DenialEntry before{"auth", 100, 0, 1}, after{"auth", 200, 0, 2};
  const std::vector<FieldChange> changes = changes_between(&before, after);
  ASSERT_EQ(2U, changes.size());
  EXPECT_EQ(Field::issuer, changes[0].field);
  EXPECT_EQ("auth", changes[0].after.value());
  EXPECT_EQ(Field::not_before, changes[1].field);
  EXPECT_EQ("1970-01-01T00:01:40Z", changes[1].before.value());
}

}  // namespace
}  // namespace keyward
