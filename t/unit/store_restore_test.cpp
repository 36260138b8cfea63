// Backups, restores and compacting: what is kept, what is gone, what readers see meanwhile, and what a crash leaves
// behind.
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <random>

#include "store/environment/environment.hpp"
#include "store/environment/environment_move.hpp"
#include "store/environment/snapshot.hpp"
#include "store/maintenance/maintenance.hpp"
#include "store_fixture.hpp"
#include "usage/usage.hpp"

namespace keyward::test {
namespace {

constexpr std::int64_t kNow = 1800000000;

const MoveProgress kQuiet = [](std::string_view, std::uint64_t, std::uint64_t) {};

class Maintenance : public StoreTest {
 protected:
  Maintenance() : backup_(folder_.path() + "/backup") {}

  using Body = std::function<StoreStatus(WriteTxn &)>;

  // In a process of its own, so that this one never has the store open.
  void write(const Body &body) {
    ASSERT_EQ(0, in_child([&] {
                CredentialWriter writer;
                return writer.open(store_).ok() && writer.run(kUrgentWaitMs, kTester, body).ok() ? 0 : 1;
              }));
  }
  void add_keys(int from, int to) { ASSERT_EQ(0, add_elsewhere(from, to)); }
  void change(int n, const std::function<void(KeyRecord *)> &what) {
    write([&](WriteTxn &txn) {
      KeyRecord key;
      StoreStatus status = txn.get_key(id_of(n), &key);
      what(&key);
      return status.ok() ? txn.replace_key(key) : status;
    });
  }
  void revoke(int n) {
    change(n, [](KeyRecord *key) {
      key->state = KeyState::revoked;
      key->changed_at_s = kNow;
    });
  }
  void purge(int n) {
    revoke(n);
    write([n](WriteTxn &txn) { return txn.purge_key(id_of(n), kNow); });
  }
  void set_subject(const std::string &subject, SubjectState state) {
    write([&](WriteTxn &txn) {
      SubjectRecord record;
      record.subject = subject;
      record.state = state;
      return txn.put_subject(record);
    });
  }
  void use(int n, std::uint64_t uses) {
    ASSERT_EQ(0, in_child([&] {
                CredentialReader reader;
                UsageStore usage;
                if (!reader.open(store_).ok() || !usage.open(store_, false, 0).ok()) {
                  return 1;
                }
                UsageDelta delta;
                delta.key = reader.seal().usage_name(id_of(n));
                delta.uses = uses;
                delta.last_used_s = kNow;
                return usage.add(&delta, 1, 1000).ok() ? 0 : 1;
              }));
  }
  std::uint64_t uses_of(const std::string &store, int n) {
    CredentialReader reader;
    UsageStore usage;
    EXPECT_TRUE(reader.open(store).ok() && usage.open(store, true, 0).ok());
    UsageRecord record;
    return usage.find(reader.seal().usage_name(id_of(n)), &record) == StoreCode::ok ? record.uses : 0;
  }

  StoreStatus back_up() {
    BackupReport report;
    return backup_store(store_, backup_, false, &report);
  }
  StoreStatus restore(RestoreReport *report, Present present = Present::whole, bool dry_run = false) {
    RestoreOptions options;
    options.present = present;
    options.dry_run = dry_run;
    StoreStatus status = restore_store(store_, backup_, options, kQuiet, report);
    std::string kept;
    return status.ok() && !dry_run ? restore_use_counts(store_, backup_, present, &kept) : status;
  }

  // All that is in a store, by id; every record is found by its locator, too.
  std::map<std::string, KeyRecord> keys_of(const std::string &store) {
    std::map<std::string, KeyRecord> keys;
    CredentialReader reader;
    const StoreStatus status = reader.open(store);
    EXPECT_TRUE(status.ok()) << status.text;
    EXPECT_TRUE(reader.begin().ok());
    EXPECT_EQ(StoreCode::ok, reader.for_each_key({},
                                                 [&](const CredentialReader::FoundKey &found) {
                                                   keys[std::string(found.id)] = to_record(found.id, found.key);
                                                   return true;
                                                 },
                                                 {}));
    std::size_t indexed = 0;
    for (const auto &[id, key] : keys) {
      CredentialReader::FoundKey found;
      if (key.indexed) {
        ++indexed;
        EXPECT_EQ(StoreCode::ok, reader.find_key(key.locator, &found)) << id;
        EXPECT_EQ(id, found.id);
      }
    }
    reader.end();
    CredentialReader::Stats stats;
    EXPECT_TRUE(reader.stats(&stats).ok());
    EXPECT_EQ(indexed, stats.indexed);
    EXPECT_EQ(keys.size(), stats.keys);
    return keys;
  }
  KeyState state_of(int n) { return keys_of(store_).at(id_of(n)).state; }
  bool has(int n) { return keys_of(store_).count(id_of(n)) != 0; }
  std::string instance_of(const std::string &store) {
    CredentialReader reader;
    CredentialReader::Stats stats;
    EXPECT_TRUE(reader.open(store).ok() && reader.stats(&stats).ok());
    return stats.instance_id;
  }
  void expect_no_leftovers() {
    for (const char *suffix : {kMakingSuffix, kNextSuffix, kRetiringSuffix}) {
      for (const std::string &part : {credentials_folder(store_), usage_folder(store_)}) {
        EXPECT_NE(0, access((part + suffix).c_str(), F_OK)) << part << suffix;
      }
    }
  }

  std::string backup_;
};

using StoreBackup = Maintenance;
using StoreRestore = Maintenance;
using StoreCompact = Maintenance;

// Backup.

TEST_F(StoreBackup, IsAStoreItself) {
  add_keys(0, 50);
  write([](WriteTxn &txn) { return txn.add_key(legacy_key(50, "old_")); });
  use(3, 7);
  ASSERT_STORE_OK(back_up());
  EXPECT_EQ(51U, keys_of(backup_).size());
  EXPECT_EQ(7U, uses_of(backup_, 3));
  EXPECT_EQ(read_file(secret_file(store_)), read_file(secret_file(backup_)));
}

TEST_F(StoreBackup, NeedsANewOrEmptyFolder) {
  ASSERT_STORE_OK(back_up());
  EXPECT_EQ(StoreCode::exists, back_up().code);
  backup_ += "2";
  ASSERT_EQ(0, mkdir(backup_.c_str(), 0700));
  ASSERT_STORE_OK(back_up());
  backup_ = folder_.path() + "/file";
  write_file(backup_, "x");
  EXPECT_NE(StoreCode::ok, back_up().code);
  EXPECT_EQ("x", read_file(backup_));
}

TEST_F(StoreBackup, LeavesNothingWhereItFails) {
  ASSERT_EQ(0, std::remove(secret_file(store_).c_str()));
  EXPECT_EQ(StoreCode::no_secret, back_up().code);
  EXPECT_NE(0, access(backup_.c_str(), F_OK));
}

TEST_F(StoreBackup, IsOfOneMoment) {
  // Each transaction adds two keys and removes two: there are always 100, and pairs are whole.
  add_keys(0, 100);
  Signal ready;
  Child storm([&] {
    CredentialWriter writer;
    if (!writer.open(store_).ok()) {
      return 1;
    }
    for (int n = 100;; n += 2) {
      const StoreStatus status = writer.run(1000, kTester, [n](WriteTxn &txn) {
        StoreStatus done = txn.add_key(bcrypt_key(n));
        done = done.ok() ? txn.add_key(bcrypt_key(n + 1)) : done;
        done = done.ok() ? txn.purge_key(id_of(n - 100), kNow) : done;
        return done.ok() ? txn.purge_key(id_of(n - 99), kNow) : done;
      });
      if (!status.ok()) {
        return 2;
      }
      if (n == 200) {
        ready.give();
      }
    }
  });
  ready.await();
  for (int i = 0; i < 10; ++i) {
    backup_ = folder_.path() + "/backup" + std::to_string(i);
    ASSERT_STORE_OK(back_up());
    const auto keys = keys_of(backup_);
    EXPECT_EQ(100U, keys.size());
    const int first = std::stoi(keys.begin()->first.substr(4));
    EXPECT_EQ(0, first % 2);
    EXPECT_EQ(id_of(first + 99), keys.rbegin()->first);
  }
}

// Restore.

TEST_F(StoreRestore, BringsBackWhatWas) {
  add_keys(0, 20);
  set_subject("alice", SubjectState::active);
  write([](WriteTxn &txn) {
    PlanRecord plan;
    plan.name = "pro";
    plan.is_default = true;
    return txn.put_plan(plan);
  });
  use(1, 5);
  ASSERT_STORE_OK(back_up());
  const auto before = keys_of(store_);
  const std::string instance = instance_of(store_);
  add_keys(20, 30);
  change(3, [](KeyRecord *key) { key->name = "another"; });
  write([](WriteTxn &txn) { return txn.remove_plan("pro"); });
  use(1, 4);
  use(2, 1);
  RestoreReport report;
  ASSERT_STORE_OK(restore(&report));
  EXPECT_EQ(10U, report.keys_gone);
  EXPECT_EQ(0U, report.revoked + report.suspended + report.purged + report.rotated + report.blocked);
  const auto after = keys_of(store_);
  ASSERT_EQ(before.size(), after.size());
  for (const auto &[id, key] : before) {
    EXPECT_EQ(encode(key), encode(after.at(id)));
  }
  EXPECT_NE(instance, instance_of(store_));
  EXPECT_EQ(9U, uses_of(store_, 1));  // what happened has happened
  EXPECT_EQ(1U, uses_of(store_, 2));
  CredentialReader reader;
  ASSERT_STORE_OK(reader.open(store_));
  ASSERT_STORE_OK(reader.begin());
  std::string_view name;
  PlanView plan;
  EXPECT_EQ(StoreCode::ok, reader.find_default_plan(&name, &plan));
  EXPECT_EQ("pro", name);
  reader.end();
  expect_no_leftovers();
}

TEST_F(StoreRestore, KeepsEveryEnd) {
  add_keys(0, 10);
  set_subject("user_7", SubjectState::active);
  ASSERT_STORE_OK(back_up());
  revoke(0);
  purge(1);
  change(2, [](KeyRecord *key) { key->state = KeyState::suspended; });
  add_keys(10, 12);
  revoke(10);
  set_subject("user_7", SubjectState::blocked);
  set_subject("bob", SubjectState::blocked);
  set_subject("carol", SubjectState::active);
  RestoreReport report;
  ASSERT_STORE_OK(restore(&report));
  EXPECT_EQ(KeyState::revoked, state_of(0));
  EXPECT_FALSE(has(1));
  EXPECT_EQ(KeyState::suspended, state_of(2));
  EXPECT_EQ(KeyState::active, state_of(3));
  EXPECT_EQ(KeyState::revoked, state_of(10));
  EXPECT_FALSE(has(11));
  EXPECT_EQ(2U, report.revoked);
  EXPECT_EQ(1U, report.purged);
  EXPECT_EQ(1U, report.suspended);
  EXPECT_EQ(2U, report.blocked);
  EXPECT_EQ(1U, report.keys_gone);
  EXPECT_EQ(1U, report.subjects_gone);
  {
    CredentialReader reader;
    ASSERT_STORE_OK(reader.open(store_));
    ASSERT_STORE_OK(reader.begin());
    SubjectView subject;
    EXPECT_EQ(StoreCode::ok, reader.find_subject("user_7", &subject));
    EXPECT_EQ(SubjectState::blocked, subject.state);
    EXPECT_EQ(StoreCode::ok, reader.find_subject("bob", &subject));
    EXPECT_EQ(SubjectState::blocked, subject.state);
    EXPECT_EQ(StoreCode::not_found, reader.find_subject("carol", &subject));
    reader.end();
  }
  // And again, from the same backup: ends outlive restores.
  ASSERT_STORE_OK(restore(&report));
  EXPECT_EQ(KeyState::revoked, state_of(0));
  EXPECT_FALSE(has(1));
  EXPECT_EQ(KeyState::suspended, state_of(2));
  EXPECT_EQ(KeyState::revoked, state_of(10));
}

TEST_F(StoreRestore, KeepsRotations) {
  add_keys(0, 3);
  ASSERT_STORE_OK(back_up());
  write([](WriteTxn &txn) {
    KeyRecord old, first = bcrypt_key(10), second = bcrypt_key(11), other = bcrypt_key(12);
    StoreStatus status = txn.get_key(id_of(0), &old);
    first.predecessor = old.id;
    first.successor = second.id;
    first.counter_id = second.counter_id = old.id;
    first.overlap_until_s = kNow + 50;
    second.predecessor = first.id;
    other.predecessor = id_of(99);
    old.successor = first.id;
    old.overlap_until_s = kNow;
    status = status.ok() ? txn.replace_key(old) : status;
    status = status.ok() ? txn.add_key(first) : status;
    status = status.ok() ? txn.add_key(second) : status;
    return status.ok() ? txn.add_key(other) : status;
  });
  RestoreReport report;
  ASSERT_STORE_OK(restore(&report));
  auto keys = keys_of(store_);
  EXPECT_EQ(5U, keys.size());
  EXPECT_EQ(kNow, keys.at(id_of(0)).overlap_until_s);
  EXPECT_EQ(id_of(10), keys.at(id_of(0)).successor);
  EXPECT_EQ(kNow + 50, keys.at(id_of(10)).overlap_until_s);
  EXPECT_EQ(0, keys.at(id_of(11)).overlap_until_s);
  EXPECT_EQ(1U, report.rotated);
  EXPECT_EQ(1U, report.keys_gone);  // that succeeds a key which the backup never had
}

// While the backup is being copied, before the lock is taken.
TEST_F(StoreRestore, KeepsWhatEndsMeanwhile) {
  add_keys(0, 10);
  ASSERT_STORE_OK(back_up());
  bool once = false;
  const MoveProgress busy = [&](std::string_view step, std::uint64_t, std::uint64_t) {
    if (step == "copying" && !std::exchange(once, true)) {
      revoke(3);
      purge(4);
      change(5, [](KeyRecord *key) { key->state = KeyState::suspended; });
      set_subject("user_6", SubjectState::blocked);
    }
  };
  RestoreReport report;
  ASSERT_STORE_OK(restore_store(store_, backup_, {}, busy, &report));
  EXPECT_TRUE(once);
  EXPECT_EQ(KeyState::revoked, state_of(3));
  EXPECT_FALSE(has(4));
  EXPECT_EQ(KeyState::suspended, state_of(5));
  EXPECT_EQ(1U, report.blocked);
}

// The text of a key is revoked under one id, and in the backup it is good under another.
TEST_F(StoreRestore, PrefersTheRevokedOfTwoWithOneHash) {
  add_keys(0, 2);
  ASSERT_STORE_OK(back_up());
  write([](WriteTxn &txn) {
    KeyRecord twin = bcrypt_key(0);
    twin.id = "twin";
    twin.state = KeyState::revoked;
    KeyRecord gone;
    StoreStatus status = txn.get_key(id_of(0), &gone);
    gone.locator = locator(77);
    status = status.ok() ? txn.replace_key(gone) : status;
    return status.ok() ? txn.add_key(twin) : status;
  });
  RestoreReport report;
  ASSERT_STORE_OK(restore(&report));
  EXPECT_EQ(std::vector<std::string>{id_of(0)}, report.left_out);
  EXPECT_EQ(KeyState::revoked, keys_of(store_).at("twin").state);
  EXPECT_FALSE(has(0));
}

TEST_F(StoreRestore, SaysBeforehandWhatItWouldDo) {
  add_keys(0, 5);
  ASSERT_STORE_OK(back_up());
  revoke(0);
  purge(1);
  add_keys(5, 7);
  const std::string instance = instance_of(store_);
  RestoreReport report;
  ASSERT_STORE_OK(restore(&report, Present::whole, true));
  EXPECT_EQ(1U, report.revoked);
  EXPECT_EQ(1U, report.purged);
  EXPECT_EQ(2U, report.keys_gone);
  EXPECT_EQ(instance, instance_of(store_));
  EXPECT_TRUE(has(6));
}

TEST_F(StoreRestore, MakesAStoreWhereThereIsNone) {
  add_keys(0, 5);
  write([](WriteTxn &txn) { return txn.add_key(legacy_key(50, "old_")); });
  use(1, 3);
  ASSERT_STORE_OK(back_up());
  store_ = folder_.path() + "/elsewhere";
  RestoreReport report;
  ASSERT_STORE_OK(restore(&report));
  EXPECT_FALSE(report.was_there);
  EXPECT_EQ(6U, keys_of(store_).size());
  EXPECT_EQ(3U, uses_of(store_, 1));
  EXPECT_EQ(read_file(secret_file(backup_)), read_file(secret_file(store_)));
  ASSERT_EQ(0, add_elsewhere(5, 6));
}

TEST_F(StoreRestore, SealsAnewForAnotherSecret) {
  add_keys(0, 30);
  write([](WriteTxn &txn) { return txn.add_key(legacy_key(50, "old_")); });
  use(1, 3);
  ASSERT_STORE_OK(back_up());
  store_ = folder_.path() + "/elsewhere";
  make_store(store_);
  RestoreReport report;
  ASSERT_STORE_OK(restore(&report));
  EXPECT_TRUE(report.was_there);
  EXPECT_NE(read_file(secret_file(backup_)), read_file(secret_file(store_)));
  EXPECT_EQ(31U, keys_of(store_).size());
  EXPECT_EQ(3U, uses_of(store_, 1));
  CredentialReader reader;
  ASSERT_STORE_OK(reader.open(store_));
  ASSERT_STORE_OK(reader.begin());
  EXPECT_EQ(1U << 4, reader.legacy_prefix_lengths());
  reader.end();
}

TEST_F(StoreRestore, RefusesWhatIsNoBackup) {
  add_keys(0, 2);
  RestoreReport report;
  EXPECT_EQ(StoreCode::not_found, restore(&report).code);  // nothing there
  ASSERT_STORE_OK(back_up());
  ASSERT_EQ(0, std::remove(secret_file(backup_).c_str()));
  EXPECT_EQ(StoreCode::not_found, restore(&report).code);  // half a backup
  backup_ = store_;
  EXPECT_EQ(StoreCode::exists, restore(&report).code);
  EXPECT_EQ(2U, keys_of(store_).size());
  expect_no_leftovers();
}

TEST_F(StoreRestore, RefusesDamageUnlessItIsForced) {
  add_keys(0, 10);
  ASSERT_STORE_OK(back_up());
  revoke(3);
  std::string data = read_file(data_file());
  const std::string name =
      "\x08number 3";  // as it lies in the key's record, behind its length; in the journal it lies otherwise
  const std::size_t at = data.rfind(name);
  ASSERT_NE(std::string::npos, at);
  for (std::size_t i = data.find(name); i != std::string::npos; i = data.find(name, i + 1)) {
    data[i + 1] = 'N';
  }
  write_file(data_file(), data);
  RestoreReport report;
  EXPECT_EQ(StoreCode::damaged, restore(&report).code);
  EXPECT_EQ(std::vector<std::string>{"present key " + id_of(3)}, report.damaged);
  expect_no_leftovers();
  ASSERT_STORE_OK(restore(&report, Present::damaged));
  EXPECT_EQ(std::vector<std::string>{"present key " + id_of(3)}, report.damaged);
  EXPECT_EQ(10U, keys_of(store_).size());
  EXPECT_EQ(data, read_file(report.kept + "/data.mdb"));
}

// A table's own record (LMDB's MDB_db: 24 bytes on of its name lie the number of its entries, and its root page) says
// something else.
class TableRecord {
 public:
  TableRecord(std::string path, const std::string &name) : path_(std::move(path)), data_(read_file(path_)) {
    for (std::size_t i = data_.find(name); i != std::string::npos; i = data_.find(name, i + 1)) {
      const bool whole_name = data_[i - 1] == '\0';  // the node's header ends so: the key is shorter than 256 bytes
      if (whole_name && data_.compare(i + name.size(), 6, std::string(6, '\0')) == 0) {
        at_.push_back(i + name.size());
      }
    }
    EXPECT_FALSE(at_.empty());
  }
  void has_more_entries() {
    for (const std::size_t at : at_) {
      ++data_[at + kEntries];
    }
    write_file(path_, data_);
  }
  void has_its_root_nowhere() {
    for (const std::size_t at : at_) {
      data_.replace(at + kRoot, 8, std::string("\xff\xff\xff\x0f\0\0\0\0", 8));
    }
    write_file(path_, data_);
  }

 private:
  static constexpr std::size_t kEntries = 32, kRoot = 40;
  std::string path_, data_;
  std::vector<std::size_t> at_;
};

// A blocked subject whose record can't be reached any more would be let in again: no record has to be there for those
// who aren't.
TEST_F(StoreRestore, MissesRecordsThatCantBeReached) {
  add_keys(0, 10);
  ASSERT_STORE_OK(back_up());
  set_subject("mallory", SubjectState::blocked);
  for (const char *table : {"subjects", "keys"}) {
    const std::string whole = read_file(data_file());
    TableRecord(data_file(), table).has_more_entries();
    RestoreReport report;
    EXPECT_EQ(StoreCode::damaged, restore(&report).code) << table;
    EXPECT_EQ(StoreCode::damaged, restore(&report, Present::whole, true).code) << table;
    CompactReport compacted;
    EXPECT_EQ(StoreCode::damaged, compact_store(store_, {}, kQuiet, &compacted).code) << table;
    expect_no_leftovers();
    write_file(data_file(), whole);
  }
  TableRecord(backup_ + "/credentials/data.mdb", "keys").has_more_entries();
  RestoreReport report;
  EXPECT_EQ(StoreCode::damaged, restore(&report).code);
  ASSERT_STORE_OK(restore(&report, Present::damaged));
  EXPECT_EQ(1U, report.damaged.size());
  EXPECT_EQ(1U, report.blocked);
}

// LMDB notices, and says so instead of crashing.
TEST_F(StoreRestore, GoesOnWhereATableCantBeReadIfItIsForced) {
  add_keys(0, 10);
  ASSERT_STORE_OK(back_up());
  set_subject("mallory", SubjectState::blocked);
  TableRecord(data_file(), "keys").has_its_root_nowhere();
  RestoreReport report;
  EXPECT_EQ(StoreCode::damaged, restore(&report).code);
  ASSERT_STORE_OK(restore(&report, Present::damaged));
  EXPECT_FALSE(report.damaged.empty());
  EXPECT_EQ(1U, report.blocked);
  EXPECT_EQ(10U, keys_of(store_).size());
}

TEST_F(StoreRestore, ReplacesAStoreThatCantBeOpened) {
  add_keys(0, 10);
  ASSERT_STORE_OK(back_up());
  const std::array<std::function<void()>, 4> faults = {
      [&] { write_file(data_file(), ""); },
      [&] { write_file(data_file(), std::string(100000, 'x')); },
      [&] { ASSERT_EQ(0, truncate(data_file().c_str(), 8192)); },
      [&] { write_file(secret_file(store_), "short"); },
  };
  for (const auto &fault : faults) {
    fault();
    RestoreReport report;
    EXPECT_NE(StoreCode::ok, restore(&report).code);
    ASSERT_STORE_OK(restore(&report, Present::damaged));
    EXPECT_FALSE(report.was_there);
    EXPECT_EQ(10U, keys_of(store_).size());
    ASSERT_EQ(0, in_child([&] {
                CredentialWriter writer;
                return writer.open(store_).ok() &&
                               writer.run(1000, kTester, [](WriteTxn &) { return StoreStatus(); }).ok()
                           ? 0
                           : 1;
              }));
  }
}

// Compact.

TEST_F(StoreCompact, KeepsEverythingButTheRoom) {
  add_keys(0, 2000);
  write([](WriteTxn &txn) { return txn.add_key(legacy_key(5000, "old_")); });
  set_subject("alice", SubjectState::blocked);
  for (int n = 0; n < 1900; n += 100) {
    write([n](WriteTxn &txn) {
      StoreStatus status;
      for (int i = n; status.ok() && i < n + 100; ++i) {
        status = txn.purge_key(id_of(i), kNow);
      }
      return status;
    });
  }
  use(1950, 3);
  const auto before = keys_of(store_);
  const std::string instance = instance_of(store_);
  CompactReport report;
  ASSERT_STORE_OK(compact_store(store_, {}, kQuiet, &report));
  const auto after = keys_of(store_);
  ASSERT_EQ(before.size(), after.size());
  for (const auto &[id, key] : before) {
    EXPECT_EQ(encode(key), encode(after.at(id)));
  }
  EXPECT_LT(report.bytes_after, report.bytes_before / 3);
  EXPECT_NE(instance, instance_of(store_));
  EXPECT_EQ(3U, uses_of(store_, 1950));
  expect_no_leftovers();
  // What was purged is still known to have been.
  write([](WriteTxn &txn) {
    std::int64_t when = 0;
    return txn.get_purge(id_of(7), &when).ok() && when == kNow ? StoreStatus() : StoreStatus{StoreCode::io, "?"};
  });
}

// Between the copy and the lock others write.
TEST_F(StoreCompact, CatchesUp) {
  add_keys(0, 500);
  bool once = false;
  const MoveProgress busy = [&](std::string_view step, std::uint64_t, std::uint64_t) {
    if (step == "copied" && !std::exchange(once, true)) {
      revoke(100);
      purge(101);
      add_keys(600, 700);
      set_subject("late", SubjectState::blocked);
      change(102, [](KeyRecord *key) { key->name = std::string(150, 'n'); });
    }
  };
  CompactReport report;
  ASSERT_STORE_OK(compact_store(store_, {}, busy, &report));
  EXPECT_TRUE(once);
  const auto keys = keys_of(store_);
  EXPECT_EQ(599U, keys.size());
  EXPECT_EQ(KeyState::revoked, keys.at(id_of(100)).state);
  EXPECT_EQ(std::string(150, 'n'), keys.at(id_of(102)).name);
}

TEST_F(StoreCompact, OneAtATime) {
  add_keys(0, 10);
  int other = -1;
  const MoveProgress during = [&](std::string_view step, std::uint64_t, std::uint64_t) {
    if (step == "whole" && other < 0) {
      other = in_child([&] {
        CompactReport report;
        return static_cast<int>(compact_store(store_, {}, kQuiet, &report).code);
      });
    }
  };
  CompactReport report;
  ASSERT_STORE_OK(compact_store(store_, {}, during, &report));
  EXPECT_EQ(static_cast<int>(StoreCode::busy), other);
}

TEST_F(StoreCompact, MovesReadersAtOnce) {
  add_keys(0, 10);
  Signal compacted, ready;
  Child reader([&] {
    CredentialReader open;
    if (!open.open(store_).ok() || !open.begin().ok()) {
      return 1;
    }
    const Generation before = open.generation();
    open.end();
    ready.give();
    compacted.await();
    if (!open.begin().ok() || open.generation().incarnation == before.incarnation) {
      return 2;  // without refresh(): by the retired record alone
    }
    open.end();
    return 0;
  });
  ready.await();
  CompactReport report;
  ASSERT_STORE_OK(compact_store(store_, {}, kQuiet, &report));
  compacted.give();
  EXPECT_EQ(0, reader.wait());
}

// Crashes. A process dies at each step, or at any moment; the store is then whole, and what ended stays ended.

class StoreCrash : public Maintenance, public ::testing::WithParamInterface<const char *> {};
using CompactCrash = StoreCrash;
using RestoreCrash = StoreCrash;

std::string step_name(const ::testing::TestParamInfo<const char *> &step) {
  std::string name = step.param;
  name.erase(std::remove(name.begin(), name.end(), ' '), name.end());
  return name;
}

TEST_P(CompactCrash, LeavesTheStoreWhole) {
  add_keys(0, 300);
  revoke(7);
  // A worker that has the store open throughout.
  Signal ready, crashed, answered;
  Child worker([&] {
    CredentialReader reader;
    if (!reader.open(store_).ok()) {
      return 1;
    }
    const auto state = [&](int n) {
      CredentialReader::FoundKey found;
      const bool there = reader.begin().ok() && reader.find_key(locator(n), &found) == StoreCode::ok;
      const KeyState is = there ? found.key.state : KeyState::pending;
      reader.end();
      return is;
    };
    ready.give();
    crashed.await();
    if (state(7) != KeyState::revoked || state(8) != KeyState::active) {
      return 2;
    }
    answered.give();
    crashed.await();  // a revocation has been committed: no refresh() is needed to see it
    return state(8) == KeyState::revoked ? 0 : 3;
  });
  ready.await();
  EXPECT_EQ(1000 + SIGKILL, in_child([&] {
              CompactReport report;
              bool once = false;
              const MoveProgress die = [&](std::string_view step, std::uint64_t, std::uint64_t) {
                if (step == "copied" && !std::exchange(once, true)) {
                  set_subject("late", SubjectState::blocked);  // or there is nothing to catch up with
                }
                if (step == GetParam()) {
                  raise(SIGKILL);
                }
              };
              return static_cast<int>(compact_store(store_, {}, die, &report).code);
            }));
  EXPECT_EQ(300U, keys_of(store_).size());
  crashed.give();
  answered.await();
  revoke(8);
  crashed.give();
  EXPECT_EQ(0, worker.wait());
  EXPECT_EQ(KeyState::revoked, state_of(7));
  EXPECT_EQ(KeyState::revoked, state_of(8));
  CompactReport report;
  ASSERT_STORE_OK(compact_store(store_, {}, kQuiet, &report));
  EXPECT_EQ(KeyState::revoked, state_of(8));
  expect_no_leftovers();
}

TEST_P(RestoreCrash, LeavesTheStoreWhole) {
  add_keys(0, 300);
  ASSERT_STORE_OK(back_up());
  revoke(7);
  add_keys(300, 310);
  EXPECT_EQ(1000 + SIGKILL, in_child([&] {
              RestoreReport report;
              const MoveProgress die = [&](std::string_view step, std::uint64_t, std::uint64_t) {
                if (step == GetParam()) {
                  raise(SIGKILL);
                }
              };
              return static_cast<int>(restore_store(store_, backup_, {}, die, &report).code);
            }));
  const std::size_t count = keys_of(store_).size();
  EXPECT_TRUE(count == 300 || count == 310) << count;  // the old one or the new one
  EXPECT_EQ(KeyState::revoked, state_of(7));
  revoke(8);
  EXPECT_EQ(KeyState::revoked, state_of(7));
  RestoreReport report;
  ASSERT_STORE_OK(restore(&report));
  EXPECT_EQ(300U, keys_of(store_).size());
  EXPECT_EQ(KeyState::revoked, state_of(7));
  EXPECT_EQ(KeyState::revoked, state_of(8));
  expect_no_leftovers();
}

INSTANTIATE_TEST_SUITE_P(At, CompactCrash,
                         ::testing::Values("copying", "copied", "catching up", "whole", "exchanged", "retired"),
                         step_name);
INSTANTIATE_TEST_SUITE_P(At, RestoreCrash, ::testing::Values("copying", "whole", "exchanged", "retired"), step_name);

TEST_F(StoreCompact, KeepsModes) {
  const std::string place = credentials_folder(store_);
  ASSERT_EQ(0, chmod(place.c_str(), 0750));
  ASSERT_EQ(0, chmod(data_file().c_str(), 0640));
  ASSERT_EQ(0, chmod(lock_mdb().c_str(), 0660));
  CompactReport report;
  ASSERT_STORE_OK(compact_store(store_, {}, kQuiet, &report));
  const auto mode = [](const std::string &path) {
    struct stat st = {};
    EXPECT_EQ(0, stat(path.c_str(), &st));
    return st.st_mode & 0777;
  };
  EXPECT_EQ(0750U, mode(place));
  EXPECT_EQ(0640U, mode(data_file()));
  EXPECT_EQ(0660U, mode(lock_mdb()));
}

// The store's owner may be another than who runs the command.
TEST_F(StoreCompact, FollowsNoLink) {
  const std::string victim = folder_.path() + "/victim", making = credentials_folder(store_) + kMakingSuffix;
  ASSERT_EQ(0, mkdir(victim.c_str(), 0700));
  write_file(victim + "/data.mdb", "precious");
  ASSERT_EQ(0, symlink(victim.c_str(), making.c_str()));
  CompactReport report;
  EXPECT_NE(StoreCode::ok, compact_store(store_, {}, kQuiet, &report).code);
  EXPECT_EQ("precious", read_file(victim + "/data.mdb"));
}

// Whoever retires what was left behind may die of that, too.
TEST_F(StoreCompact, TriesToRetireWhatIsLeftBehindOnce) {
  add_keys(0, 10);
  const std::string place = credentials_folder(store_);
  for (const char *suffix : {kNextSuffix, kRetiringSuffix}) {
    ASSERT_EQ(0, mkdir((place + suffix).c_str(), 0700));
    write_file(place + suffix + "/data.mdb", std::string(100000, 'x'));
    revoke(suffix == kNextSuffix ? 1 : 2);
    expect_no_leftovers();
  }
  EXPECT_EQ(KeyState::revoked, state_of(1));
  EXPECT_EQ(KeyState::revoked, state_of(2));
}

// One process moves the store all the time and is killed at random; one revokes; two read. No reader finds a key active
// after its revocation has returned, and at the end nothing is missing.
TEST_F(StoreCompact, KilledAtRandomManyTimes) {
  constexpr int kKeys = 400;
  add_keys(0, kKeys);
  ASSERT_STORE_OK(back_up());
  // Shared between the processes: how many keys, from the first on, are revoked for certain.
  const std::string told = folder_.path() + "/told";
  write_file(told, std::string(8, '\0'));
  const auto tell = [&](int n) {
    const int fd = open(told.c_str(), O_WRONLY);
    EXPECT_EQ(4, pwrite(fd, &n, 4, 0));
    close(fd);
  };
  const auto hear = [&] {
    int n = 0;
    const int fd = open(told.c_str(), O_RDONLY);
    EXPECT_EQ(4, pread(fd, &n, 4, 0));
    close(fd);
    return n;
  };
  const auto watch = [&] {
    CredentialReader reader;
    if (!reader.open(store_).ok()) {
      return 1;
    }
    for (int round = 0;; ++round) {
      const int revoked = hear();
      if (revoked == kKeys) {
        return round > 100 ? 0 : 2;
      }
      if (!reader.begin().ok()) {
        return 3;
      }
      for (int n = 0; n < revoked; ++n) {
        CredentialReader::FoundKey found;
        if (reader.find_key(locator(n), &found) != StoreCode::ok || found.key.state != KeyState::revoked) {
          return 4;
        }
      }
      reader.end();
    }
  };
  Child first(watch), second(watch);
  std::minstd_rand dice(11);
  int killed = 0, done = 0;
  for (int n = 0; n < kKeys;) {
    const bool restores = dice() % 2 == 0;
    auto mover = std::make_unique<Child>([&] {
      if (restores) {
        RestoreReport report;
        return restore_store(store_, backup_, {}, kQuiet, &report).ok() ? 0 : 1;
      }
      CompactReport report;
      return compact_store(store_, {}, kQuiet, &report).ok() ? 0 : 1;
    });
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(dice() % 40000);
    do {
      revoke(n);
      ASSERT_FALSE(HasFatalFailure());
      tell(++n);
    } while (n < kKeys && std::chrono::steady_clock::now() < until);
    kill(mover->pid(), SIGKILL);
    const int end = mover->wait();
    ASSERT_TRUE(end == 0 || end == 1000 + SIGKILL) << end;
    (end == 0 ? done : killed) += 1;
  }
  EXPECT_EQ(0, first.wait());
  EXPECT_EQ(0, second.wait());
  EXPECT_GT(killed, 0);
  for (const auto &[id, key] : keys_of(store_)) {
    EXPECT_EQ(KeyState::revoked, key.state) << id;
  }
  EXPECT_EQ(static_cast<std::size_t>(kKeys), keys_of(store_).size());
  RecordProperty("killed", killed);
  RecordProperty("done", done);
}

}  // namespace
}  // namespace keyward::test
