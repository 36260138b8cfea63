// Changing credentials: what a transaction keeps together, who may write when, and what a crash leaves.
#include "store/transactions/writer.hpp"

#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "store/environment/environment.hpp"
#include "store_fixture.hpp"

namespace keyward::test {
namespace {

class StoreWriter : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    ASSERT_STORE_OK(writer_.open(store_));
  }
  StoreStatus run(const std::function<StoreStatus(WriteTxn &)> &body) { return writer_.run(0, kTester, body); }
  StoreStatus add_key(const KeyRecord &record) {
    return run([&](WriteTxn &txn) { return txn.add_key(record); });
  }
  StoreStatus replace_key(const KeyRecord &record) {
    return run([&](WriteTxn &txn) { return txn.replace_key(record); });
  }
  StoreStatus put_plan(const std::string &name, bool is_default) {
    PlanRecord plan;
    plan.name = name;
    plan.is_default = is_default;
    return run([&](WriteTxn &txn) { return txn.put_plan(plan); });
  }
  // The id that a locator leads to; empty: none; "damaged".
  std::string id_at(int n) {
    CredentialReader::FoundKey found;
    EXPECT_TRUE(writer_.reader().begin().ok());
    const StoreCode code = writer_.reader().find_key(locator(n), &found);
    const std::string id(code == StoreCode::ok ? found.id : code == StoreCode::damaged ? "damaged" : "");
    writer_.reader().end();
    return id;
  }
  std::vector<std::string> ids_of(const std::string &subject) {
    std::vector<std::string> ids;
    EXPECT_TRUE(run([&](WriteTxn &txn) { return txn.keys_of(subject, &ids); }).ok());
    return ids;
  }
  std::string default_plan() {
    std::string_view name;
    PlanView view;
    EXPECT_TRUE(writer_.reader().begin().ok());
    const StoreCode code = writer_.reader().find_default_plan(&name, &view);
    const std::string result(code == StoreCode::ok ? name : code == StoreCode::damaged ? "damaged" : "");
    writer_.reader().end();
    return result;
  }
  std::uint64_t prefix_lengths() {
    EXPECT_TRUE(writer_.reader().begin().ok());
    const std::uint64_t lengths = writer_.reader().legacy_prefix_lengths();
    writer_.reader().end();
    return lengths;
  }
  std::vector<std::string> candidates(const std::string &prefix) {
    std::vector<std::string> ids;
    EXPECT_TRUE(writer_.reader().begin().ok());
    EXPECT_EQ(StoreCode::ok, writer_.reader().for_each_candidate(prefix, [&](const CredentialReader::FoundKey &found) {
      ids.emplace_back(found.id);
      return true;
    }));
    writer_.reader().end();
    return ids;
  }

  CredentialWriter writer_;
};

using Ids = std::vector<std::string>;

// Keys and their indexes.

TEST_F(StoreWriter, AddsAKeyOnce) {
  ASSERT_STORE_OK(add_key(bcrypt_key(1)));
  EXPECT_EQ(id_of(1), id_at(1));
  StoreStatus status = add_key(bcrypt_key(1));
  EXPECT_EQ(StoreCode::exists, status.code);
  EXPECT_EQ("key key_000001 exists already", status.text);
  KeyRecord same_hash = bcrypt_key(1);
  same_hash.id = "key_other";
  status = add_key(same_hash);
  EXPECT_EQ(StoreCode::exists, status.code);
  EXPECT_EQ("a key with the hash of key_other (key_000001) exists already", status.text);
  KeyRecord found;
  EXPECT_EQ(StoreCode::not_found, run([&](WriteTxn &txn) { return txn.get_key("key_other", &found); }).code);
  EXPECT_EQ(Ids{id_of(1)}, ids_of("user_1"));
}

TEST_F(StoreWriter, ARevokedKeyKeepsItsIdAndItsHash) {
  KeyRecord record = bcrypt_key(1);
  record.state = KeyState::revoked;
  ASSERT_STORE_OK(add_key(record));
  EXPECT_EQ(StoreCode::exists, add_key(bcrypt_key(1)).code);
}

// Whoever wrote a record back that he had read before the revocation would undo it.
TEST_F(StoreWriter, RevokedIsFinal) {
  KeyRecord record = bcrypt_key(1);
  record.state = KeyState::revoked;
  ASSERT_STORE_OK(add_key(record));
  for (const KeyState state : {KeyState::active, KeyState::suspended, KeyState::pending}) {
    record.state = state;
    EXPECT_EQ("key key_000001 is revoked, and that is final", replace_key(record).text);
  }
  record.state = KeyState::revoked;
  record.name = "renamed";
  EXPECT_TRUE(replace_key(record).ok());
}

TEST_F(StoreWriter, RefusesWhatCouldNotBeReadBack) {
  KeyRecord record = bcrypt_key(1);
  record.verifier = "$1$abcdefgh$abcdefghijklmnopqrstuv";
  StoreStatus status = add_key(record);
  EXPECT_EQ(StoreCode::damaged, status.code);
  EXPECT_EQ("what is to be stored of key key_000001 is not valid", status.text);
  record = bcrypt_key(1);
  record.id = "key 1";
  EXPECT_EQ(StoreCode::damaged, add_key(record).code);
  std::vector<KeyRecord> records = {bcrypt_key(2), bcrypt_key(1)};
  records[1].scopes.items = {"a b"};
  status = run([&](WriteTxn &txn) { return add_all(txn, records); });
  EXPECT_EQ("what is to be stored of key key_000001 is not valid", status.text);
  EXPECT_EQ("", id_at(2));
  PlanRecord plan;
  plan.name = "a b";
  EXPECT_EQ(StoreCode::damaged, run([&](WriteTxn &txn) { return txn.put_plan(plan); }).code);
  SubjectRecord subject;
  EXPECT_EQ(StoreCode::damaged, run([&](WriteTxn &txn) { return txn.put_subject(subject); }).code);
}

TEST_F(StoreWriter, ReplacingMovesTheIndexEntries) {
  ASSERT_STORE_OK(add_key(bcrypt_key(1)));
  ASSERT_STORE_OK(add_key(bcrypt_key(2)));
  KeyRecord record = bcrypt_key(1);
  record.locator = locator(7);
  record.subject = "someone";
  ASSERT_STORE_OK(replace_key(record));
  EXPECT_EQ("", id_at(1));
  EXPECT_EQ(id_of(1), id_at(7));
  EXPECT_EQ(Ids{}, ids_of("user_1"));
  EXPECT_EQ(Ids{id_of(1)}, ids_of("someone"));
  record.locator = locator(2);
  EXPECT_EQ(StoreCode::exists, replace_key(record).code);
  EXPECT_EQ(id_of(1), id_at(7));
  EXPECT_EQ(id_of(2), id_at(2));
  EXPECT_EQ(StoreCode::not_found, replace_key(bcrypt_key(3)).code);
}

TEST_F(StoreWriter, RemovingLeavesNothing) {
  ASSERT_STORE_OK(add_key(bcrypt_key(1)));
  ASSERT_STORE_OK(run([](WriteTxn &txn) { return txn.remove_key(id_of(1)); }));
  EXPECT_EQ("", id_at(1));
  EXPECT_EQ(Ids{}, ids_of("user_1"));
  EXPECT_EQ(StoreCode::not_found, run([](WriteTxn &txn) { return txn.remove_key(id_of(1)); }).code);
  ASSERT_STORE_OK(add_key(bcrypt_key(1)));
}

TEST_F(StoreWriter, LegacyKeysStandUnderTheirPrefixUntilTheyAreFiled) {
  EXPECT_EQ(0U, prefix_lengths());
  ASSERT_STORE_OK(add_key(legacy_key(1, "sk_live_")));
  ASSERT_STORE_OK(add_key(legacy_key(2, "sk_live_")));
  ASSERT_STORE_OK(add_key(legacy_key(3, "sk_live")));
  EXPECT_EQ((Ids{id_of(1), id_of(2)}), candidates("sk_live_"));
  EXPECT_EQ(Ids{id_of(3)}, candidates("sk_live"));
  EXPECT_EQ(1U << 8 | 1U << 7, prefix_lengths());
  std::size_t count = 0;
  ASSERT_STORE_OK(run([&](WriteTxn &txn) { return txn.count_candidates("sk_live_", &count); }));
  EXPECT_EQ(2U, count);
  KeyRecord filed = legacy_key(1, "sk_live_");
  filed.indexed = true;
  filed.locator = locator(1);
  ASSERT_STORE_OK(replace_key(filed));
  EXPECT_EQ(Ids{id_of(2)}, candidates("sk_live_"));
  EXPECT_EQ(id_of(1), id_at(1));
  EXPECT_EQ(1U << 8 | 1U << 7, prefix_lengths());
  ASSERT_STORE_OK(run([](WriteTxn &txn) { return txn.remove_key(id_of(2)); }));
  ASSERT_STORE_OK(run([](WriteTxn &txn) { return txn.remove_key(id_of(3)); }));
  EXPECT_EQ(0U, prefix_lengths());
}

TEST_F(StoreWriter, AddsManyAtOnce) {
  std::vector<KeyRecord> records;
  for (int n = 0; n < 3000; ++n) {
    records.push_back(n % 3 == 0   ? sha256_key(n)
                      : n % 3 == 1 ? bcrypt_key(n)
                                   : legacy_key(n, "p" + std::to_string(n % 7)));
  }
  std::shuffle(records.begin(), records.end(), std::mt19937(1));
  ASSERT_STORE_OK(add_key(bcrypt_key(5000)));
  std::size_t last = 0;
  const auto progress = [&last](std::size_t done) {
    EXPECT_LE(last, done);
    last = done;
  };
  ASSERT_STORE_OK(run([&](WriteTxn &txn) { return add_all(txn, records, progress); }));
  EXPECT_EQ(3000U, last);
  for (int n = 0; n < 3000; ++n) {
    EXPECT_EQ(n % 3 == 2 ? "" : id_of(n), id_at(n));
  }
  EXPECT_EQ(301U, ids_of("user_0").size());
  EXPECT_EQ(143U, candidates("p1").size());
  EXPECT_EQ(1U << 2, prefix_lengths());
  CredentialReader::Stats stats;
  ASSERT_STORE_OK(writer_.reader().stats(&stats));
  EXPECT_EQ(3001U, stats.keys);
  EXPECT_EQ(2001U, stats.indexed);
  EXPECT_EQ(1000U, stats.legacy);
}

TEST_F(StoreWriter, AddsAllOrNone) {
  ASSERT_STORE_OK(add_key(bcrypt_key(50)));
  const auto add_them = [this](const std::vector<KeyRecord> &records) {
    return run([&](WriteTxn &txn) { return add_all(txn, records); });
  };
  EXPECT_EQ("key key_000050 exists already", add_them({bcrypt_key(49), bcrypt_key(50), bcrypt_key(51)}).text);
  EXPECT_EQ("key key_000007 exists already", add_them({bcrypt_key(7), bcrypt_key(6), bcrypt_key(7)}).text);
  KeyRecord same_hash = bcrypt_key(60);
  same_hash.locator = locator(50);
  EXPECT_EQ("a key with the hash of key_000060 exists already", add_them({same_hash, bcrypt_key(61)}).text);
  same_hash.locator = locator(61);
  EXPECT_EQ(StoreCode::exists, add_them({same_hash, bcrypt_key(61)}).code);
  EXPECT_TRUE(add_them({}).ok());
  CredentialReader::Stats stats;
  ASSERT_STORE_OK(writer_.reader().stats(&stats));
  EXPECT_EQ(1U, stats.keys);
  EXPECT_EQ(1U, stats.indexed);
}

// Plans and subjects.

TEST_F(StoreWriter, ThereIsOneDefaultPlan) {
  EXPECT_EQ("", default_plan());
  ASSERT_STORE_OK(put_plan("free", true));
  EXPECT_EQ("free", default_plan());
  ASSERT_STORE_OK(put_plan("pro", true));
  EXPECT_EQ("pro", default_plan());
  PlanRecord plan;
  ASSERT_STORE_OK(run([&](WriteTxn &txn) { return txn.get_plan("free", &plan); }));
  EXPECT_FALSE(plan.is_default);
  ASSERT_STORE_OK(put_plan("free", false));
  EXPECT_EQ("pro", default_plan());
  ASSERT_STORE_OK(put_plan("pro", false));
  EXPECT_EQ("", default_plan());
  ASSERT_STORE_OK(put_plan("pro", true));
  ASSERT_STORE_OK(run([](WriteTxn &txn) { return txn.remove_plan("free"); }));
  EXPECT_EQ("pro", default_plan());
  ASSERT_STORE_OK(run([](WriteTxn &txn) { return txn.remove_plan("pro"); }));
  EXPECT_EQ("", default_plan());
  EXPECT_EQ(StoreCode::not_found, run([](WriteTxn &txn) { return txn.remove_plan("pro"); }).code);
}

TEST_F(StoreWriter, TellsWhoUsesAPlan) {
  PlanUser who;
  const auto in_use = [&] { return run([&](WriteTxn &txn) { return txn.plan_in_use("pro", &who); }).code; };
  EXPECT_EQ(StoreCode::not_found, in_use());
  KeyRecord record = bcrypt_key(1);
  record.plan = "pro";
  ASSERT_STORE_OK(add_key(record));
  EXPECT_EQ(StoreCode::ok, in_use());
  EXPECT_EQ(id_of(1), who.name);
  EXPECT_FALSE(who.is_subject);
  record.state = KeyState::revoked;
  ASSERT_STORE_OK(replace_key(record));
  EXPECT_EQ(StoreCode::not_found, in_use());
  SubjectRecord subject;
  subject.subject = "user_1";
  subject.plan = "pro";
  ASSERT_STORE_OK(run([&](WriteTxn &txn) { return txn.put_subject(subject); }));
  EXPECT_EQ(StoreCode::ok, in_use());
  EXPECT_EQ("user_1", who.name);
  EXPECT_TRUE(who.is_subject);
  ASSERT_STORE_OK(run([&](WriteTxn &txn) { return txn.get_subject("user_1", &subject); }));
  EXPECT_EQ("pro", subject.plan);
  ASSERT_STORE_OK(run([](WriteTxn &txn) { return txn.remove_subject("user_1"); }));
  EXPECT_EQ(StoreCode::not_found, in_use());
}

// Transactions.

TEST_F(StoreWriter, ABodyThatFailsChangesNothing) {
  const StoreStatus status = run([](WriteTxn &txn) {
    EXPECT_TRUE(txn.add_key(bcrypt_key(1)).ok());
    KeyRecord own;
    EXPECT_TRUE(txn.get_key(id_of(1), &own).ok());
    return StoreStatus{StoreCode::exists, "for a reason of its own"};
  });
  EXPECT_EQ("for a reason of its own", status.text);
  EXPECT_EQ("", id_at(1));
}

TEST_F(StoreWriter, RefusesToRunInsideOfItsOwnSnapshot) {
  ASSERT_STORE_OK(writer_.reader().begin());
  EXPECT_EQ(StoreCode::io, add_key(bcrypt_key(1)).code);
  writer_.reader().end();
  EXPECT_TRUE(add_key(bcrypt_key(1)).ok());
}

TEST_F(StoreWriter, GrowsTheMapAndRunsAgain) {
  store_ = folder_.path() + "/small";
  make_store(store_, 256 * 1024);
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(store_));
  int runs = 0;
  ASSERT_STORE_OK(writer.run(0, kTester, [&](WriteTxn &txn) {
    ++runs;
    StoreStatus status;
    for (int n = 0; status.ok() && n < 4000; ++n) {
      status = txn.add_key(bcrypt_key(n));
    }
    return status;
  }));
  EXPECT_LT(2, runs);
  // What a batch needs is known before: once more is enough.
  std::vector<KeyRecord> records;
  for (int n = 10000; n < 30000; ++n) {
    records.push_back(bcrypt_key(n));
  }
  runs = 0;
  ASSERT_STORE_OK(writer.run(0, kTester, [&](WriteTxn &txn) {
    ++runs;
    return add_all(txn, records);
  }));
  EXPECT_EQ(2, runs);
  CredentialReader::Stats stats;
  ASSERT_STORE_OK(writer.reader().stats(&stats));
  EXPECT_EQ(24000U, stats.keys);
}

// A body that hides what LMDB answered must not commit half of what it did.
TEST_F(StoreWriter, ABodyCannotCommitAfterAFailure) {
  store_ = folder_.path() + "/small";
  make_store(store_, 256 * 1024);
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(store_));
  ASSERT_STORE_OK(writer.run(0, kTester, [](WriteTxn &txn) {
    for (int n = 0; n < 4000; ++n) {
      txn.add_key(bcrypt_key(n));
    }
    return StoreStatus();
  }));
  CredentialReader::Stats stats;
  ASSERT_STORE_OK(writer.reader().stats(&stats));
  EXPECT_EQ(4000U, stats.keys);
}

TEST_F(StoreWriter, TakesOverAMapThatAnotherProcessEnlarged) {
  store_ = folder_.path() + "/small";
  make_store(store_, 256 * 1024);
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(store_));
  ASSERT_EQ(0, add_elsewhere(0, 3000));
  ASSERT_STORE_OK(add(writer, 3000, 3001));
  ASSERT_STORE_OK(writer.reader().begin());
  CredentialReader::FoundKey found;
  EXPECT_EQ(StoreCode::ok, writer.reader().find_key(locator(2999), &found));
  writer.reader().end();
}

// Several processes and threads.

TEST_F(StoreWriter, AWriterKilledInsideLeavesNothingAndNoLock) {
  for (int i = 0; i < 10; ++i) {
    Signal inside;
    Child child([&] {
      CredentialWriter writer;
      if (writer.open(store_).ok()) {
        writer.run(1000, kTester, [&](WriteTxn &txn) {
          txn.add_key(bcrypt_key(100 + i));
          inside.give();
          pause();
          return StoreStatus();
        });
      }
      return 1;
    });
    inside.await();
    kill(child.pid(), SIGKILL);
    EXPECT_EQ(1000 + SIGKILL, child.wait());
    ASSERT_STORE_OK(add_key(bcrypt_key(i)));
    EXPECT_EQ(id_of(i), id_at(i));
    EXPECT_EQ("", id_at(100 + i));
  }
}

// Reading goes on, and who wants to write is told whom to look at.
TEST_F(StoreWriter, AStoppedWriterIsNamedAndReadingGoesOn) {
  ASSERT_STORE_OK(add_key(bcrypt_key(1)));
  Signal inside;
  Child child([&] {
    CredentialWriter writer;
    if (writer.open(store_).ok()) {
      writer.run(1000, kTester, [&](WriteTxn &txn) {
        txn.add_key(bcrypt_key(2));
        inside.give();
        pause();
        return StoreStatus();
      });
    }
    return 1;
  });
  inside.await();
  child.stop();
  const StoreStatus status = writer_.run(30, kTester, [](WriteTxn &txn) { return txn.add_key(bcrypt_key(3)); });
  EXPECT_EQ(StoreCode::busy, status.code);
  EXPECT_EQ("another writer (process " + std::to_string(child.pid()) + ") has held the store for 30 ms", status.text);
  EXPECT_EQ(id_of(1), id_at(1));
  EXPECT_EQ("", id_at(2));
}

TEST_F(StoreWriter, ProcessesTakeTurns) {
  constexpr int kProcesses = 3, kEach = 15;
  const auto work = [this](int process) {
    return [this, process] {
      CredentialWriter writer;
      bool ok = writer.open(store_).ok();
      for (int i = 0; ok && i < kEach; ++i) {
        // A counter in a record's name: lost if two transactions read the same.
        ok = writer
                 .run(20000, kTester,
                      [&](WriteTxn &txn) {
                        KeyRecord record;
                        StoreStatus status = txn.get_key(id_of(0), &record);
                        record.name = std::to_string(std::atoi(record.name.c_str()) + 1);
                        status = status.ok() ? txn.replace_key(record) : status;
                        return status.ok() ? txn.add_key(bcrypt_key(1000 * process + i)) : status;
                      })
                 .ok();
      }
      return ok ? 0 : 1;
    };
  };
  KeyRecord counter = bcrypt_key(0);
  counter.name = "0";
  ASSERT_STORE_OK(add_key(counter));
  {
    Child one(work(1)), two(work(2)), three(work(3));
    EXPECT_EQ(0, one.wait());
    EXPECT_EQ(0, two.wait());
    EXPECT_EQ(0, three.wait());
  }
  ASSERT_STORE_OK(run([&](WriteTxn &txn) { return txn.get_key(id_of(0), &counter); }));
  EXPECT_EQ(std::to_string(kProcesses * kEach), counter.name);
}

// An event loop reads while a thread of the keys API writes, and the map grows under both.
TEST_F(StoreWriter, ReadsWhileAThreadWrites) {
  store_ = folder_.path() + "/small";
  make_store(store_, 256 * 1024);
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(store_));
  std::atomic<int> added{0};
  std::atomic<bool> failed{false};
  std::thread thread([&] {
    for (int i = 0; i < 60 && !failed; ++i) {
      failed = !add(writer, 100 * i, 100 * i + 100).ok();
      added = 100 * (i + 1);
    }
  });
  CredentialReader &reader = writer.reader();
  int looked = 0, missed = 0, refused = 0;
  while (added < 6000 && !failed) {
    const int upto = added;
    if (!reader.begin().ok()) {
      ++refused;  // in the middle of a write that needs the map: told as busy
      continue;
    }
    for (int n = 0; n < upto; n += 97) {
      CredentialReader::FoundKey found;
      ++looked;
      missed += reader.find_key(locator(n), &found) == StoreCode::ok && found.id == id_of(n) ? 0 : 1;
    }
    reader.end();
    EXPECT_TRUE(reader.refresh().ok());
  }
  thread.join();
  EXPECT_FALSE(failed);
  EXPECT_EQ(0, missed);
  EXPECT_EQ(0, refused);
  EXPECT_LT(0, looked);
}

// Other files at the path.

TEST_F(StoreWriter, WritesIntoTheStoreThatLiesThereNow) {
  ASSERT_STORE_OK(add_key(bcrypt_key(1)));
  const std::string other = folder_.path() + "/other";
  make_store(other);
  ASSERT_EQ(0, std::rename(secret_file(other).c_str(), secret_file(store_).c_str()));
  ASSERT_EQ(0, std::rename((credentials_folder(other) + "/data.mdb").c_str(), data_file().c_str()));
  ASSERT_STORE_OK(add_key(bcrypt_key(2)));
  EXPECT_EQ("", id_at(1));
  EXPECT_EQ(id_of(2), id_at(2));
  EXPECT_EQ(0, in_child([this] {
              CredentialReader reader;
              CredentialReader::FoundKey found;
              return reader.open(store_).ok() && reader.begin().ok()
                         ? static_cast<int>(reader.find_key(locator(2), &found))
                         : 100;
            }));
}

// Two writers, each with a lock.mdb of his own, overwrite each other's commits.
TEST_F(StoreWriter, LosesNoCommitWithoutLockMdb) {
  ASSERT_STORE_OK(add_key(bcrypt_key(1)));
  ASSERT_EQ(0, std::remove(lock_mdb().c_str()));
  ASSERT_EQ(0, add_elsewhere(2, 4));
  ASSERT_STORE_OK(add_key(bcrypt_key(4)));
  for (int n = 1; n <= 4; ++n) {
    EXPECT_EQ(id_of(n), id_at(n));
  }
}

TEST_F(StoreWriter, DoesNotWriteIntoARetiredStore) {
  ASSERT_STORE_OK(run([](WriteTxn &txn) { return txn.retire(); }));
  const StoreStatus status = add_key(bcrypt_key(1));
  EXPECT_EQ(StoreCode::damaged, status.code);
  EXPECT_NE(std::string::npos, status.text.find("is retired"));
}

TEST_F(StoreWriter, DoesNotWriteWhereNoStoreIsAnyMore) {
  ASSERT_EQ(0, std::rename(data_file().c_str(), (data_file() + ".away").c_str()));
  EXPECT_EQ(StoreCode::missing, add_key(bcrypt_key(1)).code);
  write_file(data_file(), "");
  EXPECT_FALSE(add_key(bcrypt_key(1)).ok());
  EXPECT_EQ("", read_file(data_file()));
}

// LMDB doesn't write pages at the file's end that a transaction took and gave up again, though its last page number
// counts them: after such a commit a healthy store looked truncated, and nobody could open it (6 % of random
// transactions with many removals).
TEST_F(StoreWriter, TheFileAlwaysHoldsItsLastPage) {
  std::mt19937 random(1);
  std::map<int, bool> there;
  for (int round = 0; round < 60; ++round) {
    const auto random_before = random;
    const auto there_before = there;
    ASSERT_STORE_OK(run([&](WriteTxn &txn) {
      random = random_before;  // where the map has to grow, it runs again
      there = there_before;
      StoreStatus status;
      const auto last = static_cast<int>(random() % 400);
      for (int i = 0; status.ok() && i < last; ++i) {
        const auto n = static_cast<int>(random() % 500);
        KeyRecord record = bcrypt_key(n);
        record.scopes = {true, {std::string(random() % 3000 + 1, 's')}};
        const bool remove = there[n] && random() % 2 == 0;
        status = remove ? txn.remove_key(record.id) : there[n] ? txn.replace_key(record) : txn.add_key(record);
        there[n] = !remove;
      }
      for (int n = random() % 3 == 0 ? static_cast<int>(random() % 300) : 500; status.ok() && n < 500; ++n) {
        status = there[n] ? txn.remove_key(id_of(n)) : status;
        there[n] = false;
      }
      return status;
    }));
    CredentialReader::Stats stats;
    ASSERT_STORE_OK(writer_.reader().stats(&stats));
    ASSERT_LE(stats.used_bytes, stats.file_bytes) << round;
    ASSERT_STORE_OK(writer_.reader().refresh());
  }
}

// Reading goes on, nothing is half written, and with room again writing does, too.
TEST_F(StoreWriter, AFullDiskIsTold) {
  constexpr int kCannotMount = 99;
  const std::string disk = folder_.path() + "/disk";
  ASSERT_EQ(0, mkdir(disk.c_str(), 0700));
  const int code = in_child([&] {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m") != 0) {
      return kCannotMount;
    }
    const std::string store = disk + "/store", ballast = disk + "/ballast";
    CredentialWriter writer;
    if (!init_store(store, 0).ok() || !writer.open(store).ok() || !add(writer, 0, 100).ok()) {
      return 1;
    }
    write_file(ballast, std::string(std::size_t{1} << 20, 'x'));
    const StoreStatus status = add(writer, 100, 2000);
    if (status.code != StoreCode::full || status.text.find("No space left on device") == std::string::npos) {
      return 2;
    }
    CredentialReader::FoundKey found;
    if (!writer.reader().begin().ok() || writer.reader().find_key(locator(99), &found) != StoreCode::ok ||
        writer.reader().find_key(locator(100), &found) != StoreCode::not_found) {
      return 3;
    }
    writer.reader().end();
    return std::remove(ballast.c_str()) == 0 && add(writer, 100, 300).ok() && writer.reader().refresh().ok() ? 0 : 4;
  });
  if (code == kCannotMount) {
    GTEST_SKIP() << "may not mount";
  }
  EXPECT_EQ(0, code);
}

// Making a store.

class StoreInit : public StoreTest {
 protected:
  void SetUp() override {}
  static unsigned mode_of(const std::string &path) {
    struct stat st = {};
    EXPECT_EQ(0, stat(path.c_str(), &st)) << path;
    return st.st_mode & 07777U;
  }
  std::vector<std::string> files() const {
    return {store_ + "/secret",
            store_ + "/lock",
            store_ + "/credentials/data.mdb",
            store_ + "/credentials/lock.mdb",
            store_ + "/usage/data.mdb",
            store_ + "/usage/lock.mdb"};
  }
};

TEST_F(StoreInit, MakesAStoreForItsOwnerOnly) {
  make_store(store_);
  for (const std::string &file : files()) {
    EXPECT_EQ(0600U, mode_of(file)) << file;
  }
  for (const std::string &folder : {store_, store_ + "/credentials", store_ + "/usage"}) {
    EXPECT_EQ(0700U, mode_of(folder)) << folder;
  }
  EXPECT_EQ(32U, read_file(store_ + "/secret").size());
  CredentialReader reader;
  ASSERT_STORE_OK(reader.open(store_));
  CredentialReader::Stats stats;
  ASSERT_STORE_OK(reader.stats(&stats));
  EXPECT_EQ(std::size_t{1} << 24, stats.map_bytes);
  EXPECT_EQ(kMaxReaders, stats.max_readers);
  EXPECT_EQ(32U, stats.instance_id.size());
  EXPECT_EQ(0U, stats.keys);
}

TEST_F(StoreInit, NeverTouchesAStoreThatIsThere) {
  make_store(store_);
  const std::string secret = read_file(store_ + "/secret");
  EXPECT_EQ(StoreCode::exists, init_store(store_, 0).code);
  EXPECT_EQ(secret, read_file(store_ + "/secret"));
  const std::string part = folder_.path() + "/part";
  ASSERT_EQ(0, mkdir(part.c_str(), 0700));
  write_file(part + "/secret", "");
  const StoreStatus status = init_store(part, 0);
  EXPECT_EQ(StoreCode::exists, status.code);
  EXPECT_EQ("there is a store at " + part + " already (" + part + "/secret)", status.text);
  EXPECT_NE(0, access((part + "/credentials").c_str(), F_OK));
}

TEST_F(StoreInit, UsesAFolderThatIsThere) {
  ASSERT_EQ(0, mkdir(store_.c_str(), 0750));
  ASSERT_STORE_OK(init_store(store_ + "/", 0));
  EXPECT_EQ(0750U, mode_of(store_));
}

TEST_F(StoreInit, MakesOneFolderAtMost) {
  const StoreStatus status = init_store(folder_.path() + "/a/b", 0);
  EXPECT_EQ(StoreCode::missing, status.code);
  EXPECT_NE(0, access((folder_.path() + "/a").c_str(), F_OK));
}

// 4 KB are too few for LMDB: it fails when most is done.
TEST_F(StoreInit, AFailureLeavesNothing) {
  const StoreStatus status = init_store(store_, 4096);
  EXPECT_FALSE(status.ok());
  EXPECT_NE("", status.text);
  EXPECT_NE(0, access(store_.c_str(), F_OK));
  make_store(store_);
}

}  // namespace
}  // namespace keyward::test
