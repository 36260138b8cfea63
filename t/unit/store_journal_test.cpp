// The journal in a store: each change has its entry, also where a writer is killed, a map is full, or the store is
// moved; and stores of before it.
#include <gmock/gmock.h>
#include <lmdb.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <map>

#include "base/hex.hpp"
#include "store/environment/environment.hpp"
#include "store/maintenance/maintenance.hpp"
#include "store/maintenance/upgrade.hpp"
#include "store_fixture.hpp"
#include "system_faults.hpp"

namespace keyward::test {
namespace {

using ::testing::ElementsAre;

const MoveProgress kQuiet = [](std::string_view, std::uint64_t, std::uint64_t) {};
constexpr std::int64_t kNow = 1800000000;

class StoreJournal : public StoreTest {
 protected:
  using Body = std::function<StoreStatus(WriteTxn &)>;

  StoreJournal() : StoreTest(true) {}

  StoreStatus write(const Body &body) { return write(kTester, body); }
  StoreStatus write(const Author &author, const Body &body) {
    CredentialWriter writer;
    StoreStatus status = writer.open(store_);
    return status.ok() ? writer.run(1000, author, body) : status;
  }
  StoreStatus change(int n, const std::function<void(KeyRecord *)> &what) {
    return write([&](WriteTxn &txn) {
      KeyRecord key;
      StoreStatus status = txn.get_key(id_of(n), &key);
      what(&key);
      return status.ok() ? txn.replace_key(key) : status;
    });
  }
  StoreStatus set_state(int n, KeyState state) {
    return change(n, [state](KeyRecord *key) { key->state = state; });
  }

  static std::vector<JournalEntry> entries(const std::string &store, JournalQuery query = {}) {
    CredentialReader reader;
    JournalPage page;
    std::vector<JournalEntry> all;
    EXPECT_TRUE(reader.open(store).ok());
    do {
      EXPECT_TRUE(reader.begin().ok());
      EXPECT_EQ(StoreCode::ok, reader.read_journal(query, 7, &page));
      EXPECT_TRUE(page.damaged.empty());
      reader.end();
      all.insert(all.end(), page.entries.begin(), page.entries.end());
      query.after = page.last;
    } while (page.more);
    return all;
  }
  std::vector<JournalEntry> entries(const JournalQuery &query = {}) const { return entries(store_, query); }
  std::vector<std::string> operations(const JournalQuery &query = {}) const {
    std::vector<std::string> names;
    for (const JournalEntry &entry : entries(query)) {
      names.emplace_back(to_text(entry.operation));
    }
    return names;
  }
  static CredentialReader::Stats stats_of(const std::string &store) {
    CredentialReader reader;
    CredentialReader::Stats stats;
    EXPECT_TRUE(reader.open(store).ok() && reader.stats(&stats).ok());
    return stats;
  }
  JournalState journal() const {
    CredentialReader reader;
    JournalState state;
    EXPECT_TRUE(reader.open(store_).ok() && reader.begin().ok());
    EXPECT_EQ(StoreCode::ok, reader.find_journal_state(&state));
    reader.end();
    return state;
  }

  // As an older keyward made it.
  static void make_first_version(const std::string &store) {
    ASSERT_EQ(0, in_child([&] {
                Environment environment;
                bool stale = false;
                const auto body = [&](WriteScope &scope) {
                  Schema schema = environment.schema();
                  schema.version = kFirstVersion;
                  StoreStatus status = scope.put(Table::meta, kSchemaKey, encode(schema));
                  return mdb_drop(scope.txn(), scope.handle(Table::journal), 1) == 0 ? status
                                                                                     : StoreStatus{StoreCode::io, {}};
                };
                return environment.open(store, EnvironmentKind::credentials, Access::write, 0).ok() &&
                               environment.write(body, nullptr, &stale).ok()
                           ? 0
                           : 1;
              }));
  }
  int upgrade() const {
    return in_child([this] {
      UpgradeReport report;
      return static_cast<int>(upgrade_store(store_, kTester, &report).code);
    });
  }
};

// Entries.

TEST_F(StoreJournal, EachChangeMakesItsEntry) {
  ASSERT_STORE_OK(write([](WriteTxn &txn) { return txn.add_key(bcrypt_key(1)); }));
  ASSERT_STORE_OK(set_state(1, KeyState::suspended));
  ASSERT_STORE_OK(set_state(1, KeyState::active));
  ASSERT_STORE_OK(change(1, [](KeyRecord *key) { key->plan = "pro"; }));
  ASSERT_STORE_OK(write([](WriteTxn &txn) {
    KeyRecord old;
    StoreStatus status = txn.get_key(id_of(1), &old);
    old.successor = id_of(2);
    KeyRecord key = bcrypt_key(2);
    key.predecessor = id_of(1);
    status = status.ok() ? txn.add_key(key) : status;
    return status.ok() ? txn.replace_key(old) : status;
  }));
  ASSERT_STORE_OK(set_state(1, KeyState::revoked));
  ASSERT_STORE_OK(write([](WriteTxn &txn) { return txn.purge_key(id_of(1), kNow); }));
  ASSERT_STORE_OK(write([](WriteTxn &txn) { return txn.remove_key(id_of(2)); }));
  EXPECT_THAT(operations(), ElementsAre("key_created", "key_suspended", "key_resumed", "key_changed", "key_created",
                                        "key_rotated", "key_revoked", "key_purged", "key_removed"));
  const std::vector<JournalEntry> all = entries();
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(i + 1, all[i].number);
    EXPECT_EQ(i == 5 ? 1U : 0U, all[i].position) << "only one of these is the second of its transaction";
    EXPECT_EQ("tester", all[i].author.user);
    EXPECT_EQ("key test", all[i].author.command);
    EXPECT_NEAR(static_cast<double>(std::time(nullptr)), static_cast<double>(all[i].at_s), 300);
    EXPECT_EQ(all[i].name == id_of(1) ? "user_1" : "user_2", all[i].owner);
  }
  ASSERT_EQ(1U, all[3].changes.size());
  EXPECT_EQ(Field::plan, all[3].changes[0].field);
  EXPECT_FALSE(all[3].changes[0].before.has_value());
  EXPECT_EQ("pro", all[3].changes[0].after.value());
  EXPECT_EQ(10U, journal().next);
  EXPECT_EQ(9U, journal().entries);
}

TEST_F(StoreJournal, OfSubjectsPlansAndDenials) {
  const auto put = [this](SubjectState state) {
    return write([state](WriteTxn &txn) {
      SubjectRecord record;
      record.subject = "alice";
      record.state = state;
      return txn.put_subject(record);
    });
  };
  const auto put_plan = [this](const char *name, bool is_default) {
    return write([=](WriteTxn &txn) {
      PlanRecord plan;
      plan.name = name;
      plan.is_default = is_default;
      return txn.put_plan(plan);
    });
  };
  ASSERT_STORE_OK(put(SubjectState::active));
  ASSERT_STORE_OK(put(SubjectState::blocked));
  ASSERT_STORE_OK(put(SubjectState::blocked));  // which changes nothing
  ASSERT_STORE_OK(put(SubjectState::active));
  ASSERT_STORE_OK(write([](WriteTxn &txn) { return txn.remove_subject("alice"); }));
  EXPECT_EQ(StoreCode::not_found, write([](WriteTxn &txn) { return txn.remove_subject("alice"); }).code);
  ASSERT_STORE_OK(put_plan("free", true));
  ASSERT_STORE_OK(put_plan("pro", true));  // takes that from the other one
  ASSERT_STORE_OK(write([](WriteTxn &txn) { return txn.remove_plan("free"); }));
  ASSERT_STORE_OK(write([](WriteTxn &txn) {
    return txn.deny_token(DenialKind::jti, "j", {"auth", 0, 0, kNow}, kNow);
  }));
  ASSERT_STORE_OK(write([](WriteTxn &txn) {
    return txn.deny_token(DenialKind::subject, "alice", {"", kNow, 0, kNow}, kNow);
  }));
  EXPECT_THAT(operations(),
              ElementsAre("subject_created", "subject_blocked", "subject_unblocked", "subject_removed", "plan_created",
                          "plan_changed", "plan_created", "plan_removed", "token_denied", "subject_denied"));
  JournalQuery query;
  query.subject = "alice";
  EXPECT_EQ(5U, operations(query).size());
}

TEST_F(StoreJournal, WhatFailsOrChangesNothingLeavesNoEntry) {
  ASSERT_STORE_OK(write([](WriteTxn &txn) { return txn.add_key(bcrypt_key(1)); }));
  EXPECT_EQ(StoreCode::exists, write([](WriteTxn &txn) {
                                 StoreStatus status = txn.add_key(bcrypt_key(2));
                                 return status.ok() ? txn.add_key(bcrypt_key(1)) : status;
                               }).code);
  ASSERT_STORE_OK(change(1, [](KeyRecord *) {}));
  EXPECT_EQ(1U, entries().size());
}

TEST_F(StoreJournal, AnAuthorThatCanNotBeWrittenChangesNothing) {
  Author author = kTester;
  author.user = "a\nb";
  EXPECT_EQ(StoreCode::damaged, write(author, [](WriteTxn &txn) { return txn.add_key(bcrypt_key(1)); }).code);
  EXPECT_EQ(0U, stats_of(store_).keys);
}

TEST_F(StoreJournal, AnImportIsFewEntriesInWhichEachKeyIsFound) {
  std::vector<KeyRecord> keys;
  for (int n = 0; n < 5000; ++n) {
    keys.push_back(bcrypt_key(n));
  }
  ASSERT_STORE_OK(write([&](WriteTxn &txn) { return add_all(txn, keys); }));
  const std::vector<JournalEntry> all = entries();
  EXPECT_LT(all.size(), 10U);
  std::size_t count = 0;
  for (const JournalEntry &entry : all) {
    EXPECT_EQ(Operation::keys_imported, entry.operation);
    count += entry.ids.size();
  }
  EXPECT_EQ(keys.size(), count);
  JournalQuery query;
  for (const int n : {0, 1999, 2000, 4999}) {
    query.key = id_of(n);
    EXPECT_EQ(1U, entries(query).size()) << n;
  }
  query.key = "key_1";
  EXPECT_TRUE(entries(query).empty());
  query = {};
  query.subject = "user_3";
  EXPECT_EQ(all.size(), entries(query).size());
  query.subject = "nobody";
  EXPECT_TRUE(entries(query).empty());
}

TEST_F(StoreJournal, IsReadFromANumberInBoundedSteps) {
  ASSERT_EQ(0, add_elsewhere(0, 25));
  CredentialReader reader;
  ASSERT_STORE_OK(reader.open(store_));
  JournalPage page;
  JournalQuery query;
  query.key = id_of(20);
  EXPECT_EQ(StoreCode::io, reader.read_journal(query, 10, &page)) << "outside of a snapshot";
  ASSERT_STORE_OK(reader.begin());
  std::size_t pages = 0;
  for (page.more = true; page.more; ++pages) {
    ASSERT_EQ(StoreCode::ok, reader.read_journal(query, 10, &page));
    EXPECT_EQ(pages == 2 ? 1U : 0U, page.entries.size());
    EXPECT_EQ(pages == 2 ? 25U : 10 * (pages + 1), page.last);
    query.after = page.last;
  }
  EXPECT_EQ(3U, pages);
  ASSERT_EQ(StoreCode::ok, reader.read_journal(query, 10, &page));
  EXPECT_FALSE(page.more);
  EXPECT_EQ(25U, page.last) << "a cursor never goes back";
  reader.end();
  reader.close();
  query = {};
  query.since_s = std::time(nullptr) + 1000;
  EXPECT_TRUE(entries(query).empty());
}

// Neither what identifies a key nor what proves it.
TEST_F(StoreJournal, HoldsNoSecret) {
  KeyRecord legacy = legacy_key(3, "sk_live_abcd");
  ASSERT_STORE_OK(write([&](WriteTxn &txn) {
    StoreStatus status = txn.add_key(bcrypt_key(1));
    status = status.ok() ? txn.add_key(sha256_key(2)) : status;
    status = status.ok() ? txn.add_key(legacy) : status;
    return status.ok() ? add_all(txn, {bcrypt_key(4), sha256_key(5)}) : status;
  }));
  legacy.indexed = true;
  legacy.locator = locator(3);
  ASSERT_STORE_OK(write([&](WriteTxn &txn) { return txn.replace_key(legacy); }));
  ASSERT_STORE_OK(write([&](WriteTxn &txn) { return txn.remove_key(id_of(2)); }));
  std::string all;
  {
    Environment environment;
    ASSERT_STORE_OK(environment.open(store_, EnvironmentKind::credentials, Access::read, 0));
    lmdb::Txn txn;
    lmdb::Cursor cursor;
    std::string_view key, value;
    ASSERT_EQ(0, txn.begin(environment.get(), MDB_RDONLY));
    ASSERT_EQ(0, cursor.open(txn.get(), environment.handle(Table::journal)));
    for (int rc = cursor.get(&key, &value, MDB_FIRST); rc == 0; rc = cursor.get(&key, &value, MDB_NEXT)) {
      all.append(value);
    }
    cursor.close();
  }
  EXPECT_NE(std::string::npos, all.find(id_of(1)));
  EXPECT_EQ(std::string::npos, all.find(std::string_view(kBcryptHash).substr(7)));
  EXPECT_EQ(std::string::npos, all.find("sk_live_abcd"));
  for (int n = 1; n <= 5; ++n) {
    EXPECT_EQ(std::string::npos, all.find(view_of(locator(n)))) << n;
    EXPECT_EQ(std::string::npos, all.find("key number " + std::to_string(n))) << n;
    EXPECT_EQ(std::string::npos, all.find(to_hex(view_of(locator(n))))) << n;
  }
}

// Trouble.

TEST_F(StoreJournal, AMapThatIsFullGrowsAndNoEntryIsLostOrTwice) {
  const std::string small = folder_.path() + "/small";
  make_store(small, std::size_t{1} << 17);
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(small));
  for (int n = 0; n < 1500; ++n) {
    ASSERT_STORE_OK(writer.run(1000, kTester, [n](WriteTxn &txn) { return txn.add_key(bcrypt_key(n)); }));
  }
  std::vector<KeyRecord> keys;
  for (int n = 2000; n < 9000; ++n) {
    keys.push_back(bcrypt_key(n));
  }
  ASSERT_STORE_OK(writer.run(1000, kTester, [&](WriteTxn &txn) { return add_all(txn, keys); }));
  CredentialReader::Stats stats;
  ASSERT_STORE_OK(writer.reader().stats(&stats));
  EXPECT_EQ(8500U, stats.keys);
  EXPECT_GT(stats.map_bytes, std::size_t{1} << 17);
  ASSERT_STORE_OK(writer.reader().begin());
  JournalPage page;
  ASSERT_EQ(StoreCode::ok, writer.reader().read_journal({}, 100000, &page));
  writer.reader().end();
  std::map<std::string, int> seen;
  std::uint64_t number = 0;
  for (const JournalEntry &entry : page.entries) {
    EXPECT_EQ(++number, entry.number);
    ++seen[entry.name];
    for (const std::string &id : entry.ids) {
      ++seen[id];
    }
  }
  seen.erase("");
  EXPECT_EQ(8500U, seen.size());
  EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](const auto &one) { return one.second == 1; }));
}

TEST_F(StoreJournal, AWriterThatIsKilledLeavesBothOrNeither) {
  ASSERT_EQ(0, add_elsewhere(0, 1));
  const auto revoke = [this](int n, Fault fault, int at, int *calls) {
    const std::string told = folder_.path() + "/told";
    const int end = in_child([&] {
      CredentialWriter writer;
      if (!writer.open(store_).ok()) {
        return 2;
      }
      arm_faults(fault, at);
      const StoreStatus status = writer.run(1000, kTester, [n](WriteTxn &txn) {
        StoreStatus added = txn.add_key(bcrypt_key(n));
        KeyRecord key = bcrypt_key(n);
        key.state = KeyState::revoked;
        return added.ok() ? txn.replace_key(key) : added;
      });
      const int counted = system_calls();
      arm_faults(Fault::none, 0);
      write_file(told, std::to_string(counted));
      return status.ok() ? 0 : 1;
    });
    *calls = std::atoi(read_file(told).c_str());
    return end;
  };
  int calls = 0, killed = 0, n = 1;
  ASSERT_EQ(0, revoke(n, Fault::none, 0, &calls));
  ASSERT_GT(calls, 2);
  for (const Fault fault : {Fault::killed, Fault::fails_once, Fault::disk_full}) {
    for (int at = 1; at <= calls; ++at) {
      SCOPED_TRACE(at);
      int unused = 0;
      const auto before = entries().size();
      const int end = revoke(++n, fault, at, &unused);
      killed += end == 1000 + SIGKILL ? 1 : 0;
      const bool there = in_child([&] {
                           CredentialReader reader;
                           CredentialReader::FoundKey found;
                           return reader.open(store_).ok() && reader.begin().ok() &&
                                          reader.find_key_by_id(id_of(n), &found) == StoreCode::ok &&
                                          found.key.state == KeyState::revoked
                                      ? 0
                                      : 1;
                         }) == 0;
      EXPECT_EQ(before + (there ? 2 : 0), entries().size());
      EXPECT_EQ(entries().size(), journal().entries);
      EXPECT_TRUE(there || end != 0);
    }
  }
  EXPECT_GE(killed, 2);
}

TEST_F(StoreJournal, ADamagedEntryIsNamedAndTheOthersAreRead) {
  ASSERT_EQ(0, add_elsewhere(0, 5));
  ASSERT_EQ(0, in_child([&] {
              Environment environment;
              bool stale = false;
              const auto body = [](WriteScope &scope) {
                return scope.put_sealed(Table::journal, view_of(journal_key(3)), std::string(60, 'x'));
              };
              return environment.open(store_, EnvironmentKind::credentials, Access::write, 0).ok() &&
                             environment.write(body, nullptr, &stale).ok()
                         ? 0
                         : 1;
            }));
  CredentialReader reader;
  JournalPage page;
  ASSERT_STORE_OK(reader.open(store_));
  ASSERT_STORE_OK(reader.begin());
  ASSERT_EQ(StoreCode::ok, reader.read_journal({}, 100, &page));
  reader.end();
  EXPECT_THAT(page.damaged, ElementsAre(3U));
  EXPECT_EQ(4U, page.entries.size());
  reader.close();
  ASSERT_STORE_OK(set_state(1, KeyState::revoked));  // which it doesn't keep from being written
}

// Old entries.

TEST_F(StoreJournal, OldEntriesEndAndNumbersGoOn) {
  ASSERT_EQ(0, add_elsewhere(0, 12));
  std::size_t trimmed = 0;
  const auto trim = [&](std::int64_t before_s, std::size_t most) {
    return write([&, before_s, most](WriteTxn &txn) { return txn.trim_journal(before_s, most, &trimmed); });
  };
  ASSERT_STORE_OK(trim(std::time(nullptr) - 1000, 100));
  EXPECT_EQ(0U, trimmed) << "none is that old";
  EXPECT_EQ(12U, entries().size());
  const std::int64_t later = std::time(nullptr) + 1000;
  ASSERT_STORE_OK(trim(later, 5));
  EXPECT_EQ(5U, trimmed);
  ASSERT_EQ(8U, entries().size());
  EXPECT_EQ(6U, entries().front().number);
  EXPECT_EQ(Operation::journal_trimmed, entries().back().operation);
  EXPECT_EQ("6", entries().back().changes.back().after.value());
  ASSERT_STORE_OK(trim(later, 100));
  EXPECT_THAT(operations(), ElementsAre("journal_trimmed"));
  EXPECT_EQ(14U, entries().back().number);
  ASSERT_STORE_OK(set_state(1, KeyState::revoked));
  EXPECT_EQ(15U, entries().back().number);
  EXPECT_EQ(2U, journal().entries);
}

TEST_F(StoreJournal, CompactingEndsOldEntriesAndKeepsTheOthers) {
  ASSERT_EQ(0, add_elsewhere(0, 12));
  CompactReport report;
  CompactOptions options;
  options.author = kTester;
  options.journal_before_s = std::time(nullptr) - 1000;
  ASSERT_STORE_OK(compact_store(store_, options, kQuiet, &report));
  EXPECT_EQ(0U, report.trimmed);
  EXPECT_EQ(12U, entries().size());
  options.journal_before_s = std::time(nullptr) + 1000;
  ASSERT_STORE_OK(compact_store(store_, options, kQuiet, &report));
  EXPECT_EQ(12U, report.trimmed);
  EXPECT_THAT(operations(), ElementsAre("journal_trimmed"));
  EXPECT_EQ(14U, journal().next);
  EXPECT_EQ(kJournalVersion, stats_of(store_).version);
}

// Restores.

class JournalRestore : public StoreJournal {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    backup_ = folder_.path() + "/backup";
    ASSERT_EQ(0, add_elsewhere(0, 5));
    BackupReport report;
    ASSERT_STORE_OK(backup_store(store_, backup_, false, &report));
    ASSERT_STORE_OK(set_state(1, KeyState::revoked));
    ASSERT_EQ(0, add_elsewhere(5, 7));
  }
  StoreStatus restore(const std::string &store, Present present = Present::whole) {
    RestoreOptions options;
    options.present = present;
    options.author = kTester;
    RestoreReport report;
    return restore_store(store, backup_, options, kQuiet, &report);
  }
  std::string backup_;
};

TEST_F(JournalRestore, WhatWasDoneSinceStaysOnRecord) {
  const std::size_t before = entries().size();
  ASSERT_STORE_OK(restore(store_));
  const std::vector<JournalEntry> all = entries();
  ASSERT_EQ(before + 1, all.size());
  EXPECT_EQ(Operation::key_revoked, all[5].operation);
  EXPECT_EQ(Operation::store_restored, all.back().operation);
  EXPECT_EQ(before + 1, all.back().number);
  EXPECT_EQ("5", all.back().changes.front().after.value());
  EXPECT_EQ(all.size(), journal().entries);
  ASSERT_STORE_OK(set_state(2, KeyState::suspended));
  EXPECT_EQ(before + 2, entries().back().number);
}

TEST_F(JournalRestore, WhereNothingCanBeReadNumbersGoOnFarBehind) {
  const std::string other = folder_.path() + "/other";
  ASSERT_STORE_OK(restore(other));
  const std::vector<JournalEntry> all = entries(other);
  ASSERT_EQ(6U, all.size());
  EXPECT_EQ(5U, all[4].number) << "the backup's";
  EXPECT_EQ(Operation::store_restored, all[5].operation);
  EXPECT_GT(all[5].number, std::uint64_t{1} << 50);
  ASSERT_STORE_OK(restore(store_, Present::ignored));
  EXPECT_GE(entries().back().number, all[5].number);
  EXPECT_EQ(6U, entries().size());
}

TEST_F(JournalRestore, KeepsTheFormatOfTheStore) {
  make_first_version(store_);
  ASSERT_STORE_OK(restore(store_));
  EXPECT_EQ(kFirstVersion, stats_of(store_).version) << "which workers may be too old to read otherwise";
  EXPECT_TRUE(entries().empty());
  EXPECT_EQ(0U, journal().entries) << "what the backup says of its own";
  ASSERT_EQ(0, upgrade());
  EXPECT_THAT(operations(), ElementsAre("store_upgraded"));
  EXPECT_EQ(1U, journal().entries);
  make_first_version(backup_);
  ASSERT_STORE_OK(restore(store_));
  EXPECT_EQ(kJournalVersion, stats_of(store_).version);
  EXPECT_THAT(operations(), ElementsAre("store_upgraded", "store_restored"));
}

TEST_F(JournalRestore, BringsNoNewerRecordsIntoAnOlderStore) {
  ASSERT_STORE_OK(write([](WriteTxn &txn) {
    KeyRecord newer = bcrypt_key(7);
    newer.verifier_kind = VerifierKind::sha512;
    newer.verifier = std::string(64, 'd');
    return txn.add_key(newer);
  }));
  const std::string newer = folder_.path() + "/newer";
  ASSERT_EQ(0, in_child([&] {
              BackupReport report;
              return backup_store(store_, newer, false, &report).ok() ? 0 : 1;
            }));
  ASSERT_STORE_OK(restore(store_));  // without it
  make_first_version(store_);
  backup_ = newer;
  EXPECT_EQ(StoreCode::other_version, restore(store_).code);
  ASSERT_EQ(0, upgrade());
  ASSERT_STORE_OK(restore(store_));
}

TEST_F(JournalRestore, ADamagedEntryRefusesItUnlessItIsForced) {
  ASSERT_EQ(0, in_child([&] {
              Environment environment;
              bool stale = false;
              const auto body = [](WriteScope &scope) {
                return scope.put_sealed(Table::journal, view_of(journal_key(6)), std::string(60, 'x'));
              };
              return environment.open(store_, EnvironmentKind::credentials, Access::write, 0).ok() &&
                             environment.write(body, nullptr, &stale).ok()
                         ? 0
                         : 1;
            }));
  const StoreStatus status = restore(store_);
  EXPECT_EQ(StoreCode::damaged, status.code);
  EXPECT_NE(std::string::npos, status.text.find("present entry of the journal")) << status.text;
  ASSERT_STORE_OK(restore(store_, Present::damaged));
  EXPECT_EQ(8U, entries().size()) << "one of eight is lost, and the restore is one";
  EXPECT_EQ(9U, entries().back().number);
}

// Stores of before the journal.

class FirstVersion : public StoreJournal {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    make_first_version(store_);
  }
};

TEST_F(FirstVersion, IsReadAndWrittenAsItIs) {
  ASSERT_EQ(0, add_elsewhere(0, 3));
  ASSERT_STORE_OK(set_state(1, KeyState::revoked));
  ASSERT_STORE_OK(write([](WriteTxn &txn) { return txn.deny_token(DenialKind::jti, "j", {"", 0, 0, kNow}, kNow); }));
  CompactReport report;
  CompactOptions options;
  options.journal_before_s = std::time(nullptr) + 1000;
  ASSERT_STORE_OK(compact_store(store_, options, kQuiet, &report));
  EXPECT_EQ(3U, stats_of(store_).keys);
  EXPECT_EQ(kFirstVersion, stats_of(store_).version);
  EXPECT_TRUE(entries().empty());
  EXPECT_EQ(0, in_child([&] {
              Environment environment;
              return environment.open(store_, EnvironmentKind::credentials, Access::read, 0).ok() &&
                             !environment.has(Table::journal) && !environment.lacks_tables()
                         ? 0
                         : 1;
            }));
}

// Who reads such stores may be too old for records of the second version.
TEST_F(FirstVersion, TakesNoRecordsThatOlderProgramsCanNotRead) {
  KeyRecord newer = bcrypt_key(7);
  newer.verifier_kind = VerifierKind::sha512;
  newer.verifier = std::string(64, 'd');
  ASSERT_EQ(0, add_elsewhere(0, 3));
  const auto add = [&](WriteTxn &txn) { return txn.add_key(newer); };
  const auto replace = [&](WriteTxn &txn) {
    KeyRecord changed = newer;
    changed.id = id_of(1);
    return txn.replace_key(changed);
  };
  const auto import = [&](WriteTxn &txn) {
    const std::string content = encode(newer);
    return txn.add_keys({1, [&](std::size_t) { return NewKey{newer.id, content}; }}, {});
  };
  for (const std::function<StoreStatus(WriteTxn &)> &way :
       {std::function<StoreStatus(WriteTxn &)>(add), std::function<StoreStatus(WriteTxn &)>(replace),
        std::function<StoreStatus(WriteTxn &)>(import)}) {
    const StoreStatus status = write(way);
    EXPECT_EQ(StoreCode::other_version, status.code);
    EXPECT_NE(std::string::npos, status.text.find("keyward store upgrade")) << status.text;
  }
  EXPECT_EQ(3U, stats_of(store_).keys);
  ASSERT_EQ(0, upgrade());
  ASSERT_STORE_OK(write(add));
  EXPECT_EQ(4U, stats_of(store_).keys);
}

TEST_F(FirstVersion, AnUpgradeBeginsTheJournal) {
  ASSERT_EQ(0, add_elsewhere(0, 3));
  ASSERT_EQ(0, upgrade());
  EXPECT_EQ(kJournalVersion, stats_of(store_).version);
  ASSERT_STORE_OK(set_state(1, KeyState::revoked));
  EXPECT_THAT(operations(), ElementsAre("store_upgraded", "key_revoked"));
  EXPECT_EQ("1", entries()[0].changes[0].before.value());
  EXPECT_EQ("2", entries()[0].changes[0].after.value());
  ASSERT_EQ(0, upgrade()) << "once more does nothing";
  EXPECT_EQ(2U, entries().size());
}

TEST_F(FirstVersion, WhoHadItOpenGoesOnAndMakesEntries) {
  CredentialWriter writer;
  CredentialReader reader;
  ASSERT_STORE_OK(writer.open(store_));
  ASSERT_STORE_OK(writer.run(1000, kTester, [](WriteTxn &txn) { return txn.add_key(bcrypt_key(1)); }));
  ASSERT_EQ(0, upgrade()) << "this process shows that it reads the new format";
  ASSERT_STORE_OK(writer.run(1000, kTester, [](WriteTxn &txn) { return txn.add_key(bcrypt_key(2)); }));
  CredentialReader::FoundKey found;
  ASSERT_STORE_OK(writer.reader().begin());
  EXPECT_EQ(StoreCode::ok, writer.reader().find_key(locator(1), &found));
  EXPECT_EQ(StoreCode::ok, writer.reader().find_key(locator(2), &found));
  JournalPage page;
  EXPECT_EQ(StoreCode::ok, writer.reader().read_journal({}, 10, &page));
  writer.reader().end();
  ASSERT_EQ(2U, page.entries.size());
  EXPECT_EQ(id_of(2), page.entries[1].name);
}

// Older ones than the touch of the secret: nothing but the version that they opened tells them.
TEST_F(FirstVersion, AWriterWhoOpenedItBeforeTheUpgradeOpensItAnew) {
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(store_));
  struct stat before = {};
  ASSERT_EQ(0, stat(secret_file(store_).c_str(), &before));
  ASSERT_EQ(0, upgrade());
  const timespec times[] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(0, utimensat(AT_FDCWD, secret_file(store_).c_str(), times, 0));
  ASSERT_STORE_OK(writer.run(1000, kTester, [](WriteTxn &txn) { return txn.add_key(bcrypt_key(2)); }));
  JournalPage page;
  ASSERT_STORE_OK(writer.reader().begin());
  EXPECT_EQ(StoreCode::ok, writer.reader().read_journal({}, 10, &page));
  writer.reader().end();
  EXPECT_EQ(2U, page.entries.size());
}

// What an older keyward does: it opens the environment and takes a place in the table of readers.
TEST_F(FirstVersion, AnUpgradeIsRefusedWhileAnOlderProcessReadsIt) {
  Signal ready, go;
  Child older([&] {
    MDB_env *env = nullptr;
    MDB_txn *txn = nullptr;
    int rc = mdb_env_create(&env);
    rc = rc == 0 ? mdb_env_set_maxdbs(env, kMaxTables) : rc;
    rc = rc == 0 ? mdb_env_set_maxreaders(env, kMaxReaders) : rc;
    rc = rc == 0 ? mdb_env_open(env, credentials_folder(store_).c_str(), MDB_RDONLY | MDB_NOTLS, 0600) : rc;
    rc = rc == 0 ? mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn) : rc;
    ready.give();
    go.await();
    return rc;
  });
  ready.await();
  UpgradeReport report;
  const StoreStatus status = upgrade_store(store_, kTester, &report);
  EXPECT_EQ(StoreCode::busy, status.code);
  EXPECT_THAT(report.older, ElementsAre(older.pid()));
  EXPECT_NE(std::string::npos, status.text.find("process " + std::to_string(older.pid()))) << status.text;
  EXPECT_EQ(kFirstVersion, stats_of(store_).version);
  go.give();
  ASSERT_EQ(0, older.wait());
  EXPECT_EQ(0, upgrade());
  EXPECT_EQ(kJournalVersion, stats_of(store_).version);
}

TEST_F(FirstVersion, AnUpgradeThatIsKilledOrFailsCanBeRepeated) {
  ASSERT_EQ(0, add_elsewhere(0, 3));
  const std::string original = folder_.path() + "/original";
  ASSERT_EQ(0, std::system(("cp -a '" + store_ + "' '" + original + "'").c_str()));
  const auto upgrade_with = [this](Fault fault, int at, int *calls) {
    const std::string told = folder_.path() + "/told";
    const int end = in_child([&] {
      UpgradeReport report;
      arm_faults(fault, at);
      const StoreStatus status = upgrade_store(store_, kTester, &report);
      const int counted = system_calls();
      arm_faults(Fault::none, 0);
      write_file(told, std::to_string(counted));
      return status.ok() ? 0 : 1;
    });
    *calls = std::atoi(read_file(told).c_str());
    return end;
  };
  int calls = 0;
  ASSERT_EQ(0, upgrade_with(Fault::none, 0, &calls));
  ASSERT_GT(calls, 3);
  for (const Fault fault : {Fault::killed, Fault::fails_once, Fault::disk_full}) {
    for (int at = 1; at <= calls; ++at) {
      SCOPED_TRACE(at);
      int unused = 0;
      ASSERT_EQ(0, std::system(("rm -rf '" + store_ + "' && cp -a '" + original + "' '" + store_ + "'").c_str()));
      upgrade_with(fault, at, &unused);
      EXPECT_EQ(3U, stats_of(store_).keys);
      ASSERT_EQ(0, upgrade());
      EXPECT_EQ(kJournalVersion, stats_of(store_).version);
      ASSERT_STORE_OK(set_state(1, KeyState::revoked));
      EXPECT_EQ("key_revoked", operations().back());
      EXPECT_EQ(entries().size(), journal().entries);
    }
  }
}

}  // namespace
}  // namespace keyward::test
