// Reading credentials: snapshots, look-ups, and what happens when other files lie at the store's path.
#include "store/transactions/reader.hpp"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/mman.h>

#include <atomic>

#include "store/environment/environment.hpp"
#include "store_fixture.hpp"

namespace keyward::test {
namespace {

class StoreReader : public StoreTest {
 protected:
  // Writes what WriteTxn would refuse, sealed as it should be. In a process of its own.
  int forge(const std::function<void(WriteScope &)> &body) const {
    return in_child([this, &body] {
      Environment environment;
      bool stale = false;
      if (!environment.open(store_, EnvironmentKind::credentials, Access::write, 0).ok()) {
        return 1;
      }
      const auto write = [&body](WriteScope &scope) {
        body(scope);
        return StoreStatus();
      };
      return environment.write(write, nullptr, &stale).ok() ? 0 : 2;
    });
  }
  StoreCode find(int n, std::string *id = nullptr) {
    CredentialReader::FoundKey found;
    if (const StoreStatus status = reader_.begin(); !status.ok()) {
      return status.code;
    }
    const StoreCode code = reader_.find_key(locator(n), &found);
    if (code == StoreCode::ok && id != nullptr) {
      *id = found.id;
    }
    reader_.end();
    return code;
  }
  Generation generation() {
    const StoreStatus status = reader_.begin();
    EXPECT_TRUE(status.ok()) << status.text;
    const Generation generation = reader_.generation();
    reader_.end();
    return generation;
  }
  // Makes a store with the keys `from` to `to` - 1 elsewhere, and renames it over ours.
  void replace_store(int from, int to) {
    const std::string other = folder_.path() + "/other";
    make_store(other);
    ASSERT_EQ(0, in_child([&] {
                CredentialWriter writer;
                return writer.open(other).ok() && add(writer, from, to).ok() ? 0 : 1;
              }));
    ASSERT_EQ(0, std::rename(secret_file(other).c_str(), secret_file(store_).c_str()));
    const std::string data = credentials_folder(other) + "/data.mdb";
    ASSERT_EQ(0, std::rename(data.c_str(), data_file().c_str()));
  }

  CredentialReader reader_;
};

// Snapshots.

TEST_F(StoreReader, FindsAKeyByItsLocator) {
  ASSERT_EQ(0, add_elsewhere(0, 100));
  ASSERT_STORE_OK(reader_.open(store_));
  ASSERT_STORE_OK(reader_.begin());
  CredentialReader::FoundKey found;
  ASSERT_EQ(StoreCode::ok, reader_.find_key(locator(42), &found));
  EXPECT_EQ(id_of(42), found.id);
  EXPECT_EQ(encode(bcrypt_key(42)), encode(to_record(found.id, found.key)));
  EXPECT_EQ(reader_.seal().usage_name(id_of(42)), found.usage_name);
  EXPECT_EQ(reader_.seal().tag(Table::keys, id_of(42), encode(bcrypt_key(42))), found.tag);
  EXPECT_EQ(StoreCode::not_found, reader_.find_key(locator(100), &found));
  // The id that it was asked for goes away, the one that was found doesn't.
  ASSERT_EQ(StoreCode::ok, reader_.find_key_by_id(id_of(0), &found));
  EXPECT_EQ(id_of(0), found.id);
  EXPECT_EQ(StoreCode::not_found, reader_.find_key_by_id("", &found));
  EXPECT_EQ(StoreCode::not_found, reader_.find_key_by_id(std::string(600, 'x'), &found));
  EXPECT_EQ(StoreCode::io, reader_.begin().code);
  EXPECT_EQ(StoreCode::io, reader_.refresh().code);
  EXPECT_EQ(StoreCode::ok, reader_.find_key(locator(42), &found));
  reader_.end();
  reader_.end();
  EXPECT_EQ(StoreCode::io, reader_.find_key(locator(42), &found));
}

TEST_F(StoreReader, SeesACommitAtOnceAndNothingElse) {
  ASSERT_STORE_OK(reader_.open(store_));
  const Generation before = generation();
  EXPECT_EQ(before, generation());
  EXPECT_NE(0U, before.incarnation);
  EXPECT_EQ(StoreCode::not_found, find(0));
  ASSERT_EQ(0, add_elsewhere(0, 1));
  EXPECT_EQ(StoreCode::ok, find(0));
  EXPECT_NE(before, generation());
  EXPECT_EQ(before.incarnation, generation().incarnation);
  const Generation after = generation();
  ASSERT_STORE_OK(reader_.refresh());
  EXPECT_EQ(after, generation());
}

// What was committed before begin() is seen, and a generation never names anything older than itself: what is
// remembered under it can't outlive a revocation. Something newer it may name: LMDB reads the id first and the meta
// page of that id's parity then, which two commits in between have overwritten. The id is past by then, so nobody meets
// it again.
TEST_F(StoreReader, IsNeverOlderThanTheLastCommit) {
  ASSERT_EQ(0, add_elsewhere(0, 1));
  ASSERT_STORE_OK(reader_.open(store_));
  const auto id_before = static_cast<std::int64_t>(generation().txn_id);  // commit i has this and i
  constexpr int kCommits = 300;
  void *page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(MAP_FAILED, page);
  auto &committed = *new (page) std::atomic<int>(0);
  Child commits([&] {
    CredentialWriter writer;
    bool ok = writer.open(store_).ok();
    for (int i = 1; ok && i <= kCommits; ++i) {
      KeyRecord record = bcrypt_key(0);
      record.created_at_s = i;
      ok = writer.run(0, kTester, [&](WriteTxn &txn) { return txn.replace_key(record); }).ok();
      committed = ok ? i : -1;
    }
    return ok ? 0 : 1;
  });
  std::int64_t last = 0;
  int states = 0, stood = 0;
  for (int before = 0; before >= 0 && before < kCommits;) {
    before = committed;
    ASSERT_LE(before, static_cast<std::int64_t>(reader_.last_commit().txn_id) - id_before);
    ASSERT_STORE_OK(reader_.begin());
    CredentialReader::FoundKey found;
    ASSERT_EQ(StoreCode::ok, reader_.find_key(locator(0), &found));
    const std::int64_t content = found.key.created_at_s % 1700000000;
    const std::int64_t named = static_cast<std::int64_t>(reader_.generation().txn_id) - id_before;
    const Generation generation = reader_.generation();
    reader_.end();
    if (generation == reader_.last_commit()) {  // what was read stands
      ASSERT_EQ(named, content);
      ++stood;
    }
    ASSERT_LE(before, named);
    ASSERT_LE(named, content);
    ASSERT_LE(last, named);
    states += last == named ? 0 : 1;
    last = named;
  }
  EXPECT_EQ(0, commits.wait());
  EXPECT_LT(10, states);
  EXPECT_LT(10, stood);
  munmap(page, 4096);
}

TEST_F(StoreReader, TellsTheLastCommitWithoutASnapshot) {
  EXPECT_EQ(Generation(), reader_.last_commit());
  ASSERT_STORE_OK(reader_.open(store_));
  const Generation before = generation();
  EXPECT_EQ(before, reader_.last_commit());
  ASSERT_EQ(0, add_elsewhere(0, 1));
  EXPECT_NE(before, reader_.last_commit());
  EXPECT_EQ(generation(), reader_.last_commit());
  reader_.close();
  EXPECT_EQ(Generation(), reader_.last_commit());
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(store_));
  ASSERT_STORE_OK(writer.reader().begin());
  const Generation seen = writer.reader().generation();
  writer.reader().end();
  EXPECT_EQ(seen, writer.reader().last_commit());
  ASSERT_EQ(0, add_elsewhere(1, 2));
  EXPECT_NE(seen, writer.reader().last_commit());
}

TEST_F(StoreReader, ASnapshotStaysWhatItIs) {
  ASSERT_STORE_OK(reader_.open(store_));
  ASSERT_STORE_OK(reader_.begin());
  ASSERT_EQ(0, add_elsewhere(0, 1));
  CredentialReader::FoundKey found;
  EXPECT_EQ(StoreCode::not_found, reader_.find_key(locator(0), &found));
  reader_.end();
  EXPECT_EQ(StoreCode::ok, find(0));
}

TEST_F(StoreReader, TakesOverAMapThatAnotherProcessEnlarged) {
  store_ = folder_.path() + "/small";
  make_store(store_, 256 * 1024);
  ASSERT_STORE_OK(reader_.open(store_));
  const Generation before = generation();
  CredentialReader::Stats stats;
  ASSERT_STORE_OK(reader_.stats(&stats));
  EXPECT_EQ(256U * 1024, stats.map_bytes);
  ASSERT_EQ(0, add_elsewhere(0, 2000));
  EXPECT_EQ(StoreCode::ok, find(1999));
  EXPECT_EQ(before.incarnation, generation().incarnation);
  ASSERT_STORE_OK(reader_.stats(&stats));
  EXPECT_LT(256U * 1024, stats.map_bytes);
  EXPECT_EQ(2000U, stats.keys);
}

// An environment that is used on both sides of a fork loses its table of readers.
TEST_F(StoreReader, IsOfNoUseInAChild) {
  ASSERT_EQ(0, add_elsewhere(0, 1));
  ASSERT_STORE_OK(reader_.open(store_));
  EXPECT_EQ(0, in_child([this] {
              if (reader_.begin().code != StoreCode::io || reader_.refresh().code != StoreCode::io) {
                return 1;
              }
              reader_.close();
              return reader_.begin().ok() ? 2 : 0;
            }));
  EXPECT_EQ(StoreCode::ok, find(0));
  // A child may open one of its own, while the parent reads on.
  ASSERT_STORE_OK(reader_.begin());
  EXPECT_EQ(0, in_child([this] {
              CredentialReader own;
              return own.open(store_).ok() && own.begin().ok() ? 0 : 1;
            }));
  CredentialReader::FoundKey found;
  EXPECT_EQ(StoreCode::ok, reader_.find_key(locator(0), &found));
  reader_.end();
  ASSERT_EQ(0, add_elsewhere(1, 2));
  EXPECT_EQ(StoreCode::ok, find(1));
}

// LMDB, opened twice in a process, resets the table of readers when one of the two is closed.
TEST_F(StoreReader, IsOpenedOnceInAProcess) {
  ASSERT_STORE_OK(reader_.open(store_));
  CredentialReader second;
  const StoreStatus status = second.open(store_ + "/../store");
  EXPECT_EQ(StoreCode::io, status.code);
  EXPECT_NE(std::string::npos, status.text.find("is open in this process already"));
  reader_.close();
  ASSERT_STORE_OK(second.open(store_));
  EXPECT_EQ(StoreCode::io, reader_.begin().code);
}

TEST_F(StoreReader, AReaderThatWasKilledIsClearedAway) {
  Signal ready;
  Child reader([&] {
    CredentialReader own;
    if (own.open(store_).ok() && own.begin().ok()) {
      ready.give();
      pause();
    }
    return 1;
  });
  ready.await();
  ASSERT_STORE_OK(reader_.open(store_));
  kill(reader.pid(), SIGKILL);
  reader.wait();
  for (int i = 0; i < 60; ++i) {
    ASSERT_STORE_OK(reader_.refresh());
  }
  // Its pages are free again: the file doesn't grow with each commit.
  const auto used = [this] {
    CredentialReader::Stats stats;
    EXPECT_TRUE(reader_.stats(&stats).ok());
    return stats.used_bytes;
  };
  ASSERT_EQ(0, in_child([this] {
              CredentialWriter writer;
              bool ok = writer.open(store_).ok() && add(writer, 0, 1).ok();
              for (int i = 0; ok && i < 300; ++i) {
                KeyRecord record = bcrypt_key(0);
                record.name = std::to_string(i);
                ok = writer.run(0, kTester, [&](WriteTxn &txn) { return txn.replace_key(record); }).ok();
              }
              return ok ? 0 : 1;
            }));
  EXPECT_GT(300U * 1024, used());
}

// Opening what isn't a whole store of ours.

class NotAStore : public StoreReader {
 protected:
  StoreStatus opened() { return reader_.open(store_); }
  void expect(StoreCode code, const std::string &words) {
    const StoreStatus status = opened();
    EXPECT_EQ(code, status.code) << status.text;
    EXPECT_NE(std::string::npos, status.text.find(words)) << status.text;
    EXPECT_NE('.', status.text.back());
    EXPECT_FALSE(reader_.is_open());
    EXPECT_FALSE(reader_.begin().ok());
    EXPECT_EQ(code, reader_.refresh().code);
    EXPECT_EQ(code, static_cast<StoreCode>(in_child([this] { return static_cast<int>(probe_store(store_).code); })));
  }
};

TEST_F(NotAStore, Missing) {
  store_ = folder_.path() + "/nowhere";
  expect(StoreCode::missing, "no store at " + store_ + "; make one with: keyward init --user www-data");
  EXPECT_NE(0, access(store_.c_str(), F_OK));
}

// LMDB, opened for writing, makes an empty store of it without a word.
TEST_F(NotAStore, ZeroBytes) {
  write_file(data_file(), "");
  expect(StoreCode::no_schema, "is empty (0 bytes)");
  CredentialWriter writer;
  EXPECT_EQ(StoreCode::no_schema, writer.open(store_).code);
  EXPECT_EQ("", read_file(data_file()));
}

TEST_F(NotAStore, Garbage) {
  std::string garbage(100000, 'g');
  write_file(data_file(), garbage);
  expect(StoreCode::no_schema, "is not a file of keyward's");
  write_file(data_file(), "short");
  expect(StoreCode::no_schema, "is not a file of keyward's");
}

// A page size of 0 is a division by zero in LMDB.
TEST_F(NotAStore, PageSizeOfZero) {
  std::string data = read_file(data_file());
  data.replace(40, 4, 4, '\0');
  write_file(data_file(), data);
  expect(StoreCode::no_schema, "is not a file of keyward's");
}

// Cut anywhere, it is refused before a page behind its end is touched (SIGBUS).
TEST_F(NotAStore, Truncated) {
  ASSERT_EQ(0, add_elsewhere(0, 500));
  const std::string data = read_file(data_file());
  for (const std::size_t size :
       {data.size() - 1, data.size() / 2, std::size_t{3 * 4096}, std::size_t{2 * 4096}, std::size_t{5000}}) {
    write_file(data_file(), data.substr(0, size));
    expect(StoreCode::truncated, "is truncated to " + std::to_string(size) + " bytes");
  }
  write_file(data_file(), data);
  ASSERT_STORE_OK(reader_.refresh());
  EXPECT_EQ(StoreCode::ok, find(499));
}

TEST_F(NotAStore, AnLmdbFileOfSomebodyElse) {
  ASSERT_EQ(0, std::remove(data_file().c_str()));
  ASSERT_EQ(0, in_child([this] {
              MDB_env *env = nullptr;
              MDB_txn *txn = nullptr;
              MDB_dbi table = 0;
              mdb_env_create(&env);
              mdb_env_set_maxdbs(env, 4);
              mdb_env_open(env, credentials_folder(store_).c_str(), 0, 0600);
              mdb_txn_begin(env, nullptr, 0, &txn);
              mdb_dbi_open(txn, "theirs", MDB_CREATE, &table);
              return mdb_txn_commit(txn);
            }));
  expect(StoreCode::no_schema, "not a store of keyward's");
}

TEST_F(NotAStore, WithoutASchemaRecord) {
  ASSERT_EQ(0, forge([](WriteScope &scope) { scope.remove(Table::meta, kSchemaKey); }));
  expect(StoreCode::no_schema, "has no schema record");
}

TEST_F(NotAStore, OfAnotherVersion) {
  ASSERT_EQ(0, forge([](WriteScope &scope) {
              Schema schema;
              schema.version = kNewestCredentials + 1;
              scope.put(Table::meta, kSchemaKey, encode(schema));
            }));
  expect(StoreCode::other_version, "has store version 3, and this keyward reads version 2 and older ones");
}

TEST_F(NotAStore, Retired) {
  ASSERT_EQ(0, forge([](WriteScope &scope) { scope.put(Table::meta, kRetiredKey, {}); }));
  expect(StoreCode::damaged, "is retired");
}

TEST_F(NotAStore, WithoutItsSecret) {
  const std::string secret = read_file(secret_file(store_));
  ASSERT_EQ(0, std::remove(secret_file(store_).c_str()));
  expect(StoreCode::no_secret, secret_file(store_));
  write_file(secret_file(store_), secret.substr(1));
  expect(StoreCode::no_secret, "must have 32 bytes");
  write_file(secret_file(store_), secret + "x");
  expect(StoreCode::no_secret, "must have 32 bytes");
  write_file(secret_file(store_), std::string(32, 'x'));
  expect(StoreCode::damaged, "made with another secret than " + secret_file(store_));
  write_file(secret_file(store_), secret);
  ASSERT_STORE_OK(reader_.refresh());
}

// While it is open.

TEST_F(StoreReader, NoticesAStoreRenamedOverItsOwn) {
  ASSERT_EQ(0, add_elsewhere(0, 1));
  ASSERT_STORE_OK(reader_.open(store_));
  const Generation before = generation();
  replace_store(1, 2);
  EXPECT_EQ(before, generation());
  ASSERT_STORE_OK(reader_.refresh());
  EXPECT_NE(before.incarnation, generation().incarnation);
  EXPECT_EQ(StoreCode::not_found, find(0));
  EXPECT_EQ(StoreCode::ok, find(1));
}

TEST_F(StoreReader, FailsWhileItsFilesAreGone) {
  ASSERT_STORE_OK(reader_.open(store_));
  const std::string away = data_file() + ".away";
  ASSERT_EQ(0, std::rename(data_file().c_str(), away.c_str()));
  EXPECT_EQ(StoreCode::missing, reader_.refresh().code);
  EXPECT_FALSE(reader_.is_open());
  EXPECT_EQ(StoreCode::io, reader_.begin().code);
  EXPECT_EQ(StoreCode::missing, reader_.refresh().code);
  ASSERT_EQ(0, std::rename(away.c_str(), data_file().c_str()));
  ASSERT_STORE_OK(reader_.refresh());
  generation();
}

TEST_F(StoreReader, ClosesWhatIsTruncatedUnderIt) {
  ASSERT_EQ(0, add_elsewhere(0, 100));
  for (const off_t size : {off_t{0}, off_t{4096}, off_t{2 * 4096}, off_t{5 * 4096}}) {
    const std::string data = read_file(data_file());
    ASSERT_STORE_OK(reader_.open(store_));
    ASSERT_EQ(0, truncate(data_file().c_str(), size));
    EXPECT_EQ(StoreCode::truncated, reader_.refresh().code) << size;
    EXPECT_FALSE(reader_.is_open());
    EXPECT_FALSE(reader_.refresh().ok());
    write_file(data_file(), data);
    ASSERT_STORE_OK(reader_.refresh());
    EXPECT_EQ(StoreCode::ok, find(99));
    reader_.close();
  }
}

TEST_F(StoreReader, NoticesAnotherSecret) {
  ASSERT_STORE_OK(reader_.open(store_));
  const std::string secret = read_file(secret_file(store_));
  const std::string other = folder_.path() + "/secret";
  write_file(other, std::string(32, 'x'));
  ASSERT_EQ(0, std::rename(other.c_str(), secret_file(store_).c_str()));
  EXPECT_EQ(StoreCode::damaged, reader_.refresh().code);
  EXPECT_FALSE(reader_.begin().ok());
  write_file(secret_file(store_), secret);
  ASSERT_STORE_OK(reader_.refresh());
  generation();
}

// Compacting and restoring commit a last record into the environment that they replace.
TEST_F(StoreReader, ReopensAtOnceWhenItsStoreIsRetired) {
  ASSERT_EQ(0, add_elsewhere(0, 1));
  ASSERT_STORE_OK(reader_.open(store_));
  EXPECT_EQ(StoreCode::ok, find(0));
  const Generation before = generation();
  Signal replaced, retire;
  Child old_store([&] {
    CredentialWriter writer;
    if (!writer.open(store_).ok()) {
      return 1;
    }
    const StoreStatus status = writer.run(0, kTester, [&](WriteTxn &txn) {
      replaced.give();
      retire.await();
      return txn.retire();
    });
    return status.ok() ? 0 : 2;
  });
  replaced.await();
  replace_store(1, 2);
  EXPECT_EQ(before, generation());
  retire.give();
  EXPECT_EQ(0, old_store.wait());
  EXPECT_EQ(StoreCode::ok, find(1));
  EXPECT_EQ(StoreCode::not_found, find(0));
  EXPECT_NE(before.incarnation, generation().incarnation);
}

TEST_F(StoreReader, FailsWhenItsStoreIsRetiredAndNoOtherLiesThere) {
  ASSERT_STORE_OK(reader_.open(store_));
  ASSERT_EQ(0, forge([](WriteScope &scope) { scope.put(Table::meta, kRetiredKey, {}); }));
  EXPECT_EQ(StoreCode::damaged, reader_.begin().code);
  EXPECT_FALSE(reader_.is_open());
}

// Without lock.mdb the next writer knows nothing of our snapshots.
TEST_F(StoreReader, NoticesThatLockMdbIsGone) {
  ASSERT_EQ(0, add_elsewhere(0, 1));
  ASSERT_STORE_OK(reader_.open(store_));
  const Generation before = generation();
  ASSERT_EQ(0, std::remove(lock_mdb().c_str()));
  ASSERT_EQ(0, add_elsewhere(1, 2));
  ASSERT_STORE_OK(reader_.refresh());
  EXPECT_NE(before.incarnation, generation().incarnation);
  EXPECT_EQ(StoreCode::ok, find(1));
}

TEST_F(StoreReader, NeedsAWritableLockMdb) {
  ASSERT_EQ(0, chmod(folder_.path().c_str(), 0755));
  ASSERT_EQ(0, chmod(store_.c_str(), 0755));
  ASSERT_EQ(0, chmod(credentials_folder(store_).c_str(), 0755));
  ASSERT_EQ(0, chmod(usage_folder(store_).c_str(), 0755));
  ASSERT_EQ(0, chmod(secret_file(store_).c_str(), 0644));
  ASSERT_EQ(0, chmod(data_file().c_str(), 0644));
  ASSERT_EQ(0, chmod(lock_mdb().c_str(), 0444));
  const auto as_nobody = [this](bool probe) {
    return static_cast<StoreCode>(in_child([this, probe] {
      if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        return 100;
      }
      CredentialReader reader;
      return static_cast<int>((probe ? probe_store(store_) : reader.open(store_)).code);
    }));
  };
  EXPECT_EQ(StoreCode::permission, as_nobody(false));
  EXPECT_EQ(StoreCode::permission, as_nobody(true));
  ASSERT_EQ(0, std::remove(lock_mdb().c_str()));
  if (geteuid() == 0) {
    EXPECT_EQ(StoreCode::permission, as_nobody(false));
    EXPECT_EQ(StoreCode::permission, as_nobody(true));
  }
}

// `nginx -t` as root must not leave a file behind that the worker can't write.
TEST_F(StoreReader, AProbeCreatesNothing) {
  ASSERT_EQ(0, in_child([this] { return static_cast<int>(probe_store(store_).code); }));
  ASSERT_EQ(0, std::remove(lock_mdb().c_str()));
  const std::string usage_lock = usage_folder(store_) + "/lock.mdb";
  ASSERT_EQ(0, std::remove(usage_lock.c_str()));
  EXPECT_EQ(0, in_child([this] { return static_cast<int>(probe_store(store_).code); }));
  EXPECT_NE(0, access(lock_mdb().c_str(), F_OK));
  EXPECT_NE(0, access(usage_lock.c_str(), F_OK));
  ASSERT_EQ(0, std::remove(lock_file(store_).c_str()));
  EXPECT_EQ(0, in_child([this] { return static_cast<int>(probe_store(store_).code); }));
  EXPECT_NE(0, access(lock_file(store_).c_str(), F_OK));
  ASSERT_EQ(0, std::remove((usage_folder(store_) + "/data.mdb").c_str()));
  EXPECT_EQ(StoreCode::missing,
            static_cast<StoreCode>(in_child([this] { return static_cast<int>(probe_store(store_).code); })));
}

// Damage that a checksum of the whole record can't show: entries that lead elsewhere.

TEST_F(StoreReader, AnIndexEntryMustLeadToItsOwnKey) {
  ASSERT_EQ(0, add_elsewhere(0, 10));
  ASSERT_EQ(0, forge([](WriteScope &scope) {
              scope.put(Table::index, view_of(locator(1)), id_of(2));
              scope.put(Table::index, view_of(locator(3)), "key_nowhere");
              scope.put(Table::index, view_of(locator(4)), "");
              scope.put(Table::keys, id_of(5), "not a record");
            }));
  ASSERT_STORE_OK(reader_.open(store_));
  EXPECT_EQ(StoreCode::damaged, find(1));
  EXPECT_EQ(StoreCode::ok, find(2));
  EXPECT_EQ(StoreCode::damaged, find(3));
  EXPECT_EQ(StoreCode::damaged, find(4));
  EXPECT_EQ(StoreCode::damaged, find(5));
  EXPECT_EQ(StoreCode::ok, find(6));
}

TEST_F(StoreReader, EntriesMayNotBeSwapped) {
  ASSERT_EQ(0, add_elsewhere(0, 10));
  ASSERT_EQ(0, in_child([this] {
              Environment environment;
              bool stale = false;
              bool ok = environment.open(store_, EnvironmentKind::credentials, Access::write, 0).ok();
              const auto swap = [](WriteScope &scope) {
                std::string_view one, two;
                const MDB_dbi keys = scope.handle(Table::keys);
                scope.note(lmdb::get(scope.txn(), keys, id_of(1), &one), "read");
                scope.note(lmdb::get(scope.txn(), keys, id_of(2), &two), "read");
                const std::string first(one), second(two);
                scope.note(lmdb::put(scope.txn(), keys, id_of(1), second, 0), "write");
                scope.note(lmdb::put(scope.txn(), keys, id_of(2), first, 0), "write");
                return StoreStatus();
              };
              ok = ok && environment.write(swap, nullptr, &stale).ok();
              return ok ? 0 : 1;
            }));
  ASSERT_STORE_OK(reader_.open(store_));
  EXPECT_EQ(StoreCode::damaged, find(1));
  EXPECT_EQ(StoreCode::damaged, find(2));
  EXPECT_EQ(StoreCode::ok, find(3));
}

// Walks.

class StoreWalks : public StoreReader {
 protected:
  using Ids = std::vector<std::string>;

  void SetUp() override {
    StoreReader::SetUp();
    ASSERT_EQ(0, add_elsewhere(0, 25));
  }
  void open() {
    ASSERT_STORE_OK(reader_.open(store_));
    ASSERT_STORE_OK(reader_.begin());
  }
  static std::function<bool(const CredentialReader::FoundKey &)> into(Ids *ids, std::size_t most = 1000) {
    return [ids, most](const CredentialReader::FoundKey &found) {
      ids->emplace_back(found.id);
      return ids->size() < most;
    };
  }
};

TEST_F(StoreWalks, KeysInPages) {
  open();
  Ids ids, all;
  for (std::string after;; after = ids.back()) {
    ids.clear();
    ASSERT_EQ(StoreCode::ok, reader_.for_each_key(after, into(&ids, 10), nullptr));
    all.insert(all.end(), ids.begin(), ids.end());
    if (ids.size() < 10) {
      break;
    }
  }
  ASSERT_EQ(25U, all.size());
  for (int n = 0; n < 25; ++n) {
    EXPECT_EQ(id_of(n), all[static_cast<std::size_t>(n)]);
  }
  ids.clear();
  EXPECT_EQ(StoreCode::ok, reader_.for_each_key("zzz", into(&ids), nullptr));
  EXPECT_TRUE(ids.empty());
}

TEST_F(StoreWalks, KeysOfASubject) {
  open();
  Ids ids;
  EXPECT_EQ(StoreCode::ok, reader_.for_each_key_of("user_3", into(&ids), nullptr));
  EXPECT_EQ((Ids{id_of(3), id_of(13), id_of(23)}), ids);
  ids.clear();
  EXPECT_EQ(StoreCode::ok, reader_.for_each_key_of("user_", into(&ids), nullptr));
  EXPECT_EQ(StoreCode::ok, reader_.for_each_key_of(std::string(600, 'x'), into(&ids), nullptr));
  EXPECT_TRUE(ids.empty());
}

TEST_F(StoreWalks, DamagedRecordsAreNamedAndSkipped) {
  ASSERT_EQ(0, forge([](WriteScope &scope) {
              scope.put(Table::keys, id_of(3), "not a record");
              KeyRecord other = bcrypt_key(13);
              other.subject = "user_4";
              scope.put(Table::keys, other.id, encode(other));
              scope.put(Table::subject_keys, std::string("user_3\0key_nowhere", 18), {});
            }));
  open();
  Ids ids, damaged;
  const auto note = [&damaged](std::string_view id) { damaged.emplace_back(id); };
  EXPECT_EQ(StoreCode::damaged, reader_.for_each_key({}, into(&ids), note));
  EXPECT_EQ(24U, ids.size());
  EXPECT_EQ(Ids{id_of(3)}, damaged);
  ids.clear();
  damaged.clear();
  EXPECT_EQ(StoreCode::damaged, reader_.for_each_key_of("user_3", into(&ids), note));
  EXPECT_EQ(Ids{id_of(23)}, ids);
  EXPECT_EQ((Ids{id_of(3), id_of(13), "key_nowhere"}), damaged);
}

TEST_F(StoreWalks, StopWhenTheVisitorHasEnough) {
  open();
  Ids ids;
  EXPECT_EQ(StoreCode::ok, reader_.for_each_key({}, into(&ids, 1), nullptr));
  EXPECT_EQ(Ids{id_of(0)}, ids);
  reader_.end();
  EXPECT_EQ(StoreCode::io, reader_.for_each_key({}, into(&ids), nullptr));
  EXPECT_EQ(StoreCode::io, reader_.for_each_plan([](std::string_view, const PlanView &) { return true; }, nullptr));
}

}  // namespace
}  // namespace keyward::test
