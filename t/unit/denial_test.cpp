// The denylist: its records, what a token is told, stores of before it came into being, and what moves and damage do to
// it.
#include "store/records/denial.hpp"

#include <lmdb.h>

#include <random>

#include "store/maintenance/maintenance.hpp"
#include "store_fixture.hpp"

namespace keyward::test {
namespace {

constexpr std::int64_t kNow = 1800000000;
constexpr std::int64_t kHour = 3600;

DenialRecord record_of(DenialKind kind) {
  DenialRecord record;
  record.kind = kind;
  record.name = kind == DenialKind::jti ? std::string("a\0b\xff", 4) : "user_1";
  const std::int64_t not_before = kind == DenialKind::subject ? kNow : 0;
  record.entries = {{"", not_before, 0, kNow}, {"auth", not_before, kNow + kHour, kNow}, {"oauth", not_before, 0, 1}};
  return record;
}

bool same(const DenialRecord &a, const DenialRecord &b) {
  return a.kind == b.kind && a.name == b.name && encode(a) == encode(b);
}

// Records.

TEST(DenialRecord, IsReadBack) {
  for (const DenialKind kind : {DenialKind::jti, DenialKind::subject}) {
    const DenialRecord record = record_of(kind);
    DenialRecord back;
    ASSERT_TRUE(decode(encode(record), &back));
    EXPECT_TRUE(same(record, back));
    ASSERT_EQ(3U, back.entries.size());
    EXPECT_EQ("auth", back.entries[1].issuer);
    EXPECT_EQ(kNow + kHour, back.entries[1].until_s);
    EXPECT_EQ(kind == DenialKind::subject ? kNow : 0, back.entries[1].not_before_s);
    EXPECT_EQ(kNow, back.entries[1].denied_at_s);
  }
}

TEST(DenialRecord, RefusesEveryTruncationAndWhatFollows) {
  const std::string content = encode(record_of(DenialKind::subject));
  DenialRecord record;
  TokenDenial denial;
  for (std::size_t size = 0; size < content.size(); ++size) {
    EXPECT_FALSE(decode(content.substr(0, size), &record)) << size;
    EXPECT_FALSE(apply_denial(content.substr(0, size), DenialKind::subject, "user_1", "auth", kNow, &denial)) << size;
  }
  EXPECT_FALSE(decode(content + '\0', &record));
  EXPECT_FALSE(apply_denial(content + '\0', DenialKind::subject, "user_1", "auth", kNow, &denial));
}

TEST(DenialRecord, EveryChangedByteIsRefusedOrCanonical) {
  for (const DenialKind kind : {DenialKind::jti, DenialKind::subject}) {
    const std::string content = encode(record_of(kind));
    for (std::size_t i = 0; i < content.size(); ++i) {
      for (int change = 1; change < 256; ++change) {
        std::string other = content;
        other[i] = static_cast<char>(other[i] ^ change);
        DenialRecord record;
        if (decode(other, &record)) {
          EXPECT_EQ(other, encode(record));
        }
      }
    }
  }
}

TEST(DenialRecord, RefusesWhatContradictsItself) {
  const auto refused = [](const std::function<void(DenialRecord *)> &change, DenialKind kind = DenialKind::subject) {
    DenialRecord record = record_of(kind), back;
    change(&record);
    return !decode(encode(record), &back);
  };
  EXPECT_FALSE(refused([](DenialRecord *) {}));
  EXPECT_TRUE(refused([](DenialRecord *record) { record->entries.clear(); }));
  EXPECT_TRUE(refused([](DenialRecord *record) { record->name.clear(); }));
  EXPECT_TRUE(refused([](DenialRecord *record) { record->name = "a\nb"; }));
  EXPECT_TRUE(
      refused([](DenialRecord *record) { record->name = std::string(kMaxJtiBytes + 1, 'a'); }, DenialKind::jti));
  EXPECT_TRUE(refused([](DenialRecord *record) { record->kind = static_cast<DenialKind>(3); }));
  EXPECT_TRUE(refused([](DenialRecord *record) { record->entries[0].not_before_s = 0; }));
  EXPECT_TRUE(refused([](DenialRecord *record) { record->entries[0].not_before_s = 5; }, DenialKind::jti));
  EXPECT_TRUE(refused([](DenialRecord *record) { record->entries[0].until_s = -1; }));
  EXPECT_TRUE(refused([](DenialRecord *record) { record->entries[1].issuer = "two words"; }));
  EXPECT_TRUE(refused([](DenialRecord *record) { record->entries[2].issuer = "auth"; }));
  EXPECT_TRUE(refused([](DenialRecord *record) { std::swap(record->entries[1], record->entries[2]); }));
}

TEST(DenialRecord, MergesToTheStricter) {
  DenialRecord record = record_of(DenialKind::subject);
  EXPECT_TRUE(merge(&record, {"auth", kNow + 1, kNow + 2 * kHour, kNow + 1}));
  EXPECT_EQ(kNow + 1, record.entries[1].not_before_s);
  EXPECT_EQ(kNow + 2 * kHour, record.entries[1].until_s);
  EXPECT_TRUE(merge(&record, {"auth", kNow - 1, 0, kNow - 1}));
  EXPECT_EQ(kNow + 1, record.entries[1].not_before_s);
  EXPECT_EQ(0, record.entries[1].until_s);
  EXPECT_EQ(kNow + 1, record.entries[1].denied_at_s);
  EXPECT_TRUE(merge(&record, {"auth", kNow, kNow + kHour, kNow}));
  EXPECT_EQ(0, record.entries[1].until_s) << "never outlasts every time";
  EXPECT_TRUE(merge(&record, {"b", kNow, 0, kNow}));
  ASSERT_EQ(4U, record.entries.size());
  EXPECT_EQ("b", record.entries[2].issuer);
}

TEST(DenialRecord, HasRoomForSoManyIssuers) {
  DenialRecord record;
  record.name = "jti";
  for (std::size_t i = 0; i < kMaxDenialIssuers; ++i) {
    ASSERT_TRUE(merge(&record, {"issuer" + std::to_string(i), 0, 0, kNow}));
  }
  EXPECT_FALSE(merge(&record, {"one_more", 0, 0, kNow}));
  EXPECT_TRUE(merge(&record, {"issuer7", 0, 0, kNow}));
  DenialRecord back;
  EXPECT_TRUE(decode(encode(record), &back));
}

TEST(DenialRecord, IsOverADayAfterItsLastEntry) {
  DenialRecord record = record_of(DenialKind::jti);
  EXPECT_FALSE(is_over(record, kNow * 2)) << "one of them never is";
  record.entries = {{"a", 0, kNow, 1}, {"b", 0, kNow + 10, 1}};
  EXPECT_FALSE(is_over(record, kNow + kDenialGraceS));
  EXPECT_FALSE(is_over(record, kNow + 9 + kDenialGraceS));
  EXPECT_TRUE(is_over(record, kNow + 10 + kDenialGraceS));
}

TEST(TokenDenial, RefusesWhatWasIssuedUntilThen) {
  TokenDenial denial;
  EXPECT_FALSE(denial.refuses(false, 0, 30));
  EXPECT_FALSE(denial.refuses(true, 0, 30));
  denial.not_before_s = kNow;
  EXPECT_TRUE(denial.refuses(false, 0, 30)) << "nobody knows when";
  EXPECT_TRUE(denial.refuses(false, kNow + kHour, 30));
  EXPECT_TRUE(denial.refuses(true, INT64_MIN, 30));
  EXPECT_TRUE(denial.refuses(true, kNow - 1, 30));
  EXPECT_TRUE(denial.refuses(true, kNow, 0));
  EXPECT_TRUE(denial.refuses(true, kNow + 30, 30)) << "the issuer's clock may be that far ahead";
  EXPECT_FALSE(denial.refuses(true, kNow + 31, 30));
  EXPECT_FALSE(denial.refuses(true, kNow + 1, 0));
  EXPECT_FALSE(denial.refuses(true, INT64_MAX, 30));
  EXPECT_TRUE(denial.refuses(true, INT64_MAX, INT64_MAX));
  denial = {};
  denial.denied = true;
  EXPECT_TRUE(denial.refuses(true, INT64_MAX, 0));
}

// In the store.

class Denylist : public StoreTest {
 protected:
  Denylist() : StoreTest(true), backup_(folder_.path() + "/backup") {}

  static StoreStatus deny(CredentialWriter &writer, DenialKind kind, const std::string &name,
                          const std::string &issuer = "", std::int64_t until_s = 0, std::int64_t at_s = kNow) {
    const DenialEntry entry = {issuer, kind == DenialKind::subject ? at_s : 0, until_s, at_s};
    return writer.run(1000, kTester, [&](WriteTxn &txn) { return txn.deny_token(kind, name, entry, at_s); });
  }
  void deny_elsewhere(DenialKind kind, const std::string &name, const std::string &issuer = "") {
    ASSERT_EQ(0, in_child([&] {
                CredentialWriter writer;
                return writer.open(store_).ok() && deny(writer, kind, name, issuer).ok() ? 0 : 1;
              }));
  }
  // Makes the store what one of before the denylist is.
  void make_old(const std::string &store) {
    ASSERT_EQ(0, in_child([&] {
                MDB_env *env = nullptr;
                MDB_txn *txn = nullptr;
                MDB_dbi table = 0;
                int rc = mdb_env_create(&env);
                rc = rc == 0 ? mdb_env_set_maxdbs(env, 16) : rc;
                rc = rc == 0 ? mdb_env_open(env, credentials_folder(store).c_str(), 0, 0600) : rc;
                rc = rc == 0 ? mdb_txn_begin(env, nullptr, 0, &txn) : rc;
                rc = rc == 0 ? mdb_dbi_open(txn, "denials", 0, &table) : rc;
                rc = rc == 0 ? mdb_drop(txn, table, 1) : rc;
                return rc == 0 ? mdb_txn_commit(txn) : 1;
              }));
  }
  struct Answer {
    StoreCode code = StoreCode::io;
    TokenDenial denial;
  };
  static Answer ask(CredentialReader &reader, const std::string &issuer, const std::string &subject,
                    const std::string &jti, std::int64_t now_s = kNow) {
    Answer answer;
    if (reader.begin().ok()) {
      answer.code = reader.find_token_denial(issuer, subject, jti, now_s, &answer.denial);
      reader.end();
    }
    return answer;
  }
  static bool denies(CredentialReader &reader, const std::string &issuer, const std::string &subject,
                     const std::string &jti, std::int64_t now_s = kNow) {
    const Answer answer = ask(reader, issuer, subject, jti, now_s);
    EXPECT_EQ(StoreCode::ok, answer.code);
    return answer.denial.refuses(true, kNow, 0);
  }
  // Asked in a process of its own, of whatever lies there now.
  static bool denies_elsewhere(const std::string &store, const std::string &subject, const std::string &jti) {
    const int answer = in_child([&] {
      CredentialReader reader;
      if (!reader.open(store).ok()) {
        return 2;
      }
      const Answer told = ask(reader, "auth", subject, jti);
      return told.code != StoreCode::ok ? 2 : told.denial.refuses(true, kNow, 0) ? 1 : 0;
    });
    EXPECT_NE(2, answer);
    return answer == 1;
  }
  static std::uint64_t entries(CredentialReader &reader) {
    CredentialReader::Stats stats;
    EXPECT_TRUE(reader.stats(&stats).ok());
    return stats.denials;
  }
  int maintain(const std::function<StoreStatus()> &body) {
    return in_child([&] {
      const StoreStatus status = body();
      return status.ok() ? 0 : 1 + static_cast<int>(status.code);
    });
  }
  int compact() {
    return maintain([this] {
      CompactReport report;
      return compact_store(
          store_, {}, [](std::string_view, std::uint64_t, std::uint64_t) {}, &report);
    });
  }
  int backup() {
    return maintain([this] {
      BackupReport report;
      return backup_store(store_, backup_, false, &report);
    });
  }
  // `news`: how many entries were carried over.
  int restore(std::uint64_t news, const RestoreOptions &options = {}) {
    return maintain([&] {
      RestoreReport report;
      StoreStatus status = restore_store(
          store_, backup_, options, [](std::string_view, std::uint64_t, std::uint64_t) {}, &report);
      if (status.ok() && report.denied != news) {
        status.code = StoreCode::exists;
      }
      return status;
    });
  }

  std::string backup_;
};

TEST_F(Denylist, DeniesAJtiOfOneIssuerOrOfAll) {
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(store_));
  CredentialReader &reader = writer.reader();
  EXPECT_FALSE(denies(reader, "auth", "user_1", "j1"));
  ASSERT_STORE_OK(deny(writer, DenialKind::jti, "j1", "auth"));
  ASSERT_STORE_OK(deny(writer, DenialKind::jti, "j2"));
  EXPECT_TRUE(denies(reader, "auth", "user_1", "j1"));
  EXPECT_FALSE(denies(reader, "oauth", "user_1", "j1"));
  EXPECT_TRUE(denies(reader, "auth", "", "j2"));
  EXPECT_TRUE(denies(reader, "oauth", "", "j2"));
  EXPECT_FALSE(denies(reader, "auth", "j1", "j3")) << "a jti is no subject";
  EXPECT_FALSE(denies(reader, "auth", "", ""));
  EXPECT_EQ(2U, entries(reader));
}

TEST_F(Denylist, DeniesWhatASubjectHadUntilThen) {
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(store_));
  CredentialReader &reader = writer.reader();
  ASSERT_STORE_OK(deny(writer, DenialKind::subject, "user_1", "auth"));
  EXPECT_TRUE(denies(reader, "auth", "user_1", "j"));
  EXPECT_FALSE(denies(reader, "oauth", "user_1", "j"));
  EXPECT_FALSE(denies(reader, "auth", "user_2", "user_1"));
  EXPECT_EQ(kNow, ask(reader, "auth", "user_1", "").denial.not_before_s);
  ASSERT_STORE_OK(deny(writer, DenialKind::subject, "user_1", "", 0, kNow + kHour));
  EXPECT_EQ(kNow + kHour, ask(reader, "auth", "user_1", "").denial.not_before_s) << "the later of the two";
  EXPECT_EQ(kNow + kHour, ask(reader, "oauth", "user_1", "").denial.not_before_s);
  ASSERT_STORE_OK(deny(writer, DenialKind::subject, "user_1", "", 0, kNow));
  EXPECT_EQ(kNow + kHour, ask(reader, "auth", "user_1", "").denial.not_before_s) << "never moved back";
  EXPECT_EQ(1U, entries(reader));
}

TEST_F(Denylist, AnEntryMayEnd) {
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(store_));
  CredentialReader &reader = writer.reader();
  ASSERT_STORE_OK(deny(writer, DenialKind::jti, "j", "", kNow + kHour));
  EXPECT_TRUE(denies(reader, "auth", "", "j", kNow + kHour - 1));
  EXPECT_FALSE(denies(reader, "auth", "", "j", kNow + kHour));
  ASSERT_STORE_OK(deny(writer, DenialKind::jti, "j", "auth"));
  EXPECT_TRUE(denies(reader, "auth", "", "j", kNow + kHour));
  EXPECT_FALSE(denies(reader, "oauth", "", "j", kNow + kHour));
}

TEST_F(Denylist, SweepsWhatHasEnded) {
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(store_));
  CredentialReader &reader = writer.reader();
  ASSERT_STORE_OK(writer.run(1000, kTester, [](WriteTxn &txn) {
    StoreStatus status;
    for (int n = 0; status.ok() && n < 500; ++n) {
      status = txn.deny_token(DenialKind::jti, "short" + std::to_string(n), {"", 0, kNow + kHour, kNow}, kNow);
      status =
          status.ok() ? txn.deny_token(DenialKind::jti, "long" + std::to_string(n), {"", 0, 0, kNow}, kNow) : status;
    }
    return status;
  }));
  EXPECT_EQ(1000U, entries(reader));
  for (int n = 0; n < 200 && entries(reader) > 700; ++n) {
    ASSERT_STORE_OK(deny(writer, DenialKind::jti, "later" + std::to_string(n), "", 0, kNow + 3 * kDenialGraceS));
  }
  EXPECT_LE(entries(reader), 700U);
  for (int n = 0; n < 500; ++n) {
    EXPECT_TRUE(denies(reader, "auth", "", "long" + std::to_string(n), kNow + 3 * kDenialGraceS)) << n;
  }
  std::uint64_t seen = 0;
  ASSERT_STORE_OK(reader.begin());
  EXPECT_EQ(StoreCode::ok, reader.for_each_denial(
                               [&seen](const DenialRecord &) {
                                 ++seen;
                                 return true;
                               },
                               nullptr));
  reader.end();
  EXPECT_EQ(entries(reader), seen);
}

TEST_F(Denylist, RefusesWhatCouldNotBeReadBack) {
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(store_));
  EXPECT_FALSE(deny(writer, DenialKind::jti, "").ok());
  EXPECT_FALSE(deny(writer, DenialKind::jti, std::string(kMaxJtiBytes + 1, 'a')).ok());
  EXPECT_FALSE(deny(writer, DenialKind::subject, "a\nb").ok());
  EXPECT_FALSE(deny(writer, DenialKind::subject, "user", "two words").ok());
  EXPECT_TRUE(deny(writer, DenialKind::jti, std::string(kMaxJtiBytes, 'a')).ok());
  EXPECT_TRUE(denies(writer.reader(), "auth", "", std::string(kMaxJtiBytes, 'a')));
  EXPECT_EQ(1U, entries(writer.reader()));
}

TEST_F(Denylist, EndsWithItsSnapshot) {
  CredentialReader reader;
  ASSERT_STORE_OK(reader.open(store_));
  ASSERT_STORE_OK(reader.begin());
  TokenDenial denial;
  EXPECT_EQ(StoreCode::ok, reader.find_token_denial("auth", "", "j", kNow, &denial));
  deny_elsewhere(DenialKind::jti, "j");
  EXPECT_EQ(StoreCode::ok, reader.find_token_denial("auth", "", "j", kNow, &denial));
  EXPECT_FALSE(denial.denied);
  reader.end();
  EXPECT_TRUE(denies(reader, "auth", "", "j"));
  EXPECT_EQ(StoreCode::io, reader.find_token_denial("auth", "", "j", kNow, &denial)) << "outside of a snapshot";
}

// Stores of before it.

TEST_F(Denylist, AnOlderStoreHasNone) {
  make_old(store_);
  CredentialReader reader;
  ASSERT_STORE_OK(reader.open(store_));
  EXPECT_FALSE(denies(reader, "auth", "user_1", "j"));
  EXPECT_EQ(0U, entries(reader));
  ASSERT_EQ(0, add_elsewhere(0, 1)) << "and is written as ever";
  EXPECT_FALSE(denies(reader, "auth", "user_1", "j"));
}

TEST_F(Denylist, AReaderMeetsTheTableThatAnotherMade) {
  make_old(store_);
  CredentialReader reader;
  ASSERT_STORE_OK(reader.open(store_));
  EXPECT_FALSE(denies(reader, "auth", "user_1", "j"));
  deny_elsewhere(DenialKind::jti, "j");
  EXPECT_TRUE(denies(reader, "auth", "user_1", "j")) << "from the commit on";
  deny_elsewhere(DenialKind::subject, "user_2");
  EXPECT_TRUE(denies(reader, "auth", "user_2", ""));
}

TEST_F(Denylist, AWriterMeetsTheTableThatAnotherMade) {
  make_old(store_);
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(store_));
  EXPECT_FALSE(denies(writer.reader(), "auth", "user_1", "j"));
  deny_elsewhere(DenialKind::jti, "j");
  EXPECT_TRUE(denies(writer.reader(), "auth", "user_1", "j"));
  ASSERT_STORE_OK(deny(writer, DenialKind::jti, "k"));
  EXPECT_TRUE(denies(writer.reader(), "auth", "user_1", "k"));
  EXPECT_EQ(2U, entries(writer.reader()));
}

TEST_F(Denylist, AWriterThatHasNotLookedMeetsItToo) {
  make_old(store_);
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(store_));
  deny_elsewhere(DenialKind::jti, "j");
  ASSERT_STORE_OK(deny(writer, DenialKind::jti, "k"));
  EXPECT_TRUE(denies(writer.reader(), "auth", "user_1", "j"));
  EXPECT_TRUE(denies(writer.reader(), "auth", "user_1", "k"));
}

TEST_F(Denylist, AFailedBodyLeavesAnOlderStoreWithoutEntries) {
  make_old(store_);
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(store_));
  const StoreStatus status = writer.run(1000, kTester, [](WriteTxn &txn) {
    const StoreStatus denied = txn.deny_token(DenialKind::jti, "j", {"", 0, 0, kNow}, kNow);
    return denied.ok() ? StoreStatus{StoreCode::exists, "no"} : denied;
  });
  EXPECT_EQ(StoreCode::exists, status.code);
  EXPECT_FALSE(denies(writer.reader(), "auth", "", "j"));
}

TEST_F(Denylist, GrowsAMapThatIsTooSmallForIt) {
  const std::string small = folder_.path() + "/small";
  make_store(small, std::size_t{1} << 17);
  make_old(small);
  CredentialWriter writer;
  ASSERT_STORE_OK(writer.open(small));
  ASSERT_STORE_OK(writer.run(1000, kTester, [](WriteTxn &txn) {
    StoreStatus status;
    for (int n = 0; status.ok() && n < 2000; ++n) {
      status = txn.deny_token(DenialKind::jti, "jti number " + std::to_string(n), {"", 0, 0, kNow}, kNow);
    }
    return status;
  }));
  EXPECT_EQ(2000U, entries(writer.reader()));
  EXPECT_TRUE(denies(writer.reader(), "auth", "", "jti number 1999"));
}

// Moves.

TEST_F(Denylist, IsBackedUpAndMadeCompact) {
  deny_elsewhere(DenialKind::jti, "j");
  deny_elsewhere(DenialKind::subject, "user_1");
  CredentialReader reader;
  ASSERT_STORE_OK(reader.open(store_));
  ASSERT_EQ(0, compact());
  EXPECT_TRUE(denies(reader, "auth", "", "j"));
  EXPECT_TRUE(denies(reader, "auth", "user_1", ""));
  EXPECT_FALSE(denies(reader, "auth", "user_2", "k"));
  ASSERT_EQ(0, backup());
  EXPECT_TRUE(denies_elsewhere(backup_, "", "j"));
  EXPECT_TRUE(denies_elsewhere(backup_, "user_1", ""));
}

TEST_F(Denylist, AnOlderStoreIsMadeCompact) {
  ASSERT_EQ(0, add_elsewhere(0, 3));
  make_old(store_);
  CredentialReader reader;
  ASSERT_STORE_OK(reader.open(store_));
  ASSERT_EQ(0, compact());
  EXPECT_FALSE(denies(reader, "auth", "", "j"));
  deny_elsewhere(DenialKind::jti, "j");
  EXPECT_TRUE(denies(reader, "auth", "", "j"));
}

// Another process makes the table, and denies, between the two copies.
TEST_F(Denylist, CompactingAnOlderStoreLosesNoEntryThatComesMeanwhile) {
  ASSERT_EQ(0, add_elsewhere(0, 3));
  make_old(store_);
  ASSERT_EQ(0, maintain([this] {
              CompactReport report;
              bool done = false;
              return compact_store(
                  store_, {},
                  [&](std::string_view step, std::uint64_t, std::uint64_t) {
                    if (step == "copied" && !std::exchange(done, true)) {
                      deny_elsewhere(DenialKind::jti, "meanwhile");
                    }
                  },
                  &report);
            }));
  EXPECT_TRUE(denies_elsewhere(store_, "", "meanwhile"));
}

TEST_F(Denylist, OutlivesARestore) {
  deny_elsewhere(DenialKind::jti, "before");
  deny_elsewhere(DenialKind::subject, "user_1", "auth");
  ASSERT_EQ(0, backup());
  deny_elsewhere(DenialKind::jti, "after");
  deny_elsewhere(DenialKind::subject, "user_1", "oauth");
  ASSERT_EQ(0, in_child([&] {
              CredentialWriter writer;  // again, later: that refuses nothing more
              return writer.open(store_).ok() && deny(writer, DenialKind::jti, "before", "", 0, kNow + 5).ok() ? 0 : 1;
            }));
  CredentialReader reader;
  ASSERT_STORE_OK(reader.open(store_));
  ASSERT_EQ(0, restore(2));
  EXPECT_TRUE(denies(reader, "auth", "", "before"));
  EXPECT_TRUE(denies(reader, "auth", "", "after"));
  EXPECT_TRUE(denies(reader, "auth", "user_1", ""));
  EXPECT_TRUE(denies(reader, "oauth", "user_1", ""));
  EXPECT_FALSE(denies(reader, "third", "user_1", ""));
  EXPECT_EQ(3U, entries(reader));
  RestoreOptions dry;
  dry.dry_run = true;
  EXPECT_EQ(0, restore(2, dry));
}

TEST_F(Denylist, OfTheBackupIsKeptToo) {
  deny_elsewhere(DenialKind::jti, "j");
  ASSERT_EQ(0, backup());
  const std::string other = folder_.path() + "/other";
  make_store(other);
  store_ = other;
  deny_elsewhere(DenialKind::jti, "k");
  ASSERT_EQ(0, restore(1));
  EXPECT_TRUE(denies_elsewhere(store_, "", "j"));
  EXPECT_TRUE(denies_elsewhere(store_, "", "k"));
  EXPECT_FALSE(denies_elsewhere(store_, "", "l"));
}

TEST_F(Denylist, ManyOutliveARestore) {
  ASSERT_EQ(0, backup());
  ASSERT_EQ(
      0, in_child([&] {
        CredentialWriter writer;
        return writer.open(store_).ok() &&
                       writer
                           .run(1000, kTester,
                                [](WriteTxn &txn) {
                                  StoreStatus status;
                                  for (int n = 0; status.ok() && n < 4500; ++n) {
                                    status = txn.merge_denial(DenialKind::jti, std::to_string(n), {"", 0, 0, kNow});
                                  }
                                  return status;
                                })
                           .ok()
                   ? 0
                   : 1;
      }));
  ASSERT_EQ(0, restore(4500));
  CredentialReader reader;
  ASSERT_STORE_OK(reader.open(store_));
  EXPECT_EQ(4500U, entries(reader));
  for (int n = 0; n < 4500; n += 7) {
    EXPECT_TRUE(denies(reader, "auth", "", std::to_string(n))) << n;
  }
}

TEST_F(Denylist, OlderStoresAndBackupsAreRestored) {
  for (const bool old_backup : {true, false}) {
    for (const bool old_present : {true, false}) {
      const std::string name = folder_.path() + (old_backup ? "/b" : "/n") + (old_present ? "b" : "n");
      store_ = name;
      backup_ = name + "-backup";
      make_store(store_);
      if (!old_backup) {
        deny_elsewhere(DenialKind::jti, "old");
      } else {
        make_old(store_);
      }
      ASSERT_EQ(0, backup());
      make_store(name + "-present");
      store_ = name + "-present";
      if (!old_present) {
        deny_elsewhere(DenialKind::jti, "new");
      } else {
        make_old(store_);
      }
      ASSERT_EQ(0, restore(old_present ? 0 : 1));
      EXPECT_EQ(!old_backup, denies_elsewhere(store_, "", "old"));
      EXPECT_EQ(!old_present, denies_elsewhere(store_, "", "new"));
      deny_elsewhere(DenialKind::jti, "later");
      EXPECT_TRUE(denies_elsewhere(store_, "", "later"));
    }
  }
}

// Damage.

TEST_F(Denylist, ATableThatIsGoneIsDamage) {
  deny_elsewhere(DenialKind::jti, "j");
  CredentialReader reader;
  ASSERT_STORE_OK(reader.open(store_));
  EXPECT_TRUE(denies(reader, "auth", "", "j"));
  reader.close();
  make_old(store_);
  if (reader.open(store_).ok()) {
    EXPECT_NE(StoreCode::ok, ask(reader, "auth", "", "j").code);
    EXPECT_NE(StoreCode::ok, ask(reader, "auth", "", "other").code);
  }
  reader.close();
  ASSERT_EQ(0, add_elsewhere(0, 1)) << "keys are changed all the same";
  {
    CredentialWriter writer;
    ASSERT_STORE_OK(writer.open(store_));
    EXPECT_FALSE(deny(writer, DenialKind::jti, "k").ok()) << "or what is lost would pass for denied";
  }
  ASSERT_EQ(0, backup());
  EXPECT_NE(0, restore(0)) << "what was denied since can't be told";
}

TEST_F(Denylist, NoFlippedBitAdmitsADeniedToken) {
  ASSERT_EQ(0, add_elsewhere(0, 40));
  for (int n = 0; n < 40; ++n) {
    deny_elsewhere(n % 2 == 0 ? DenialKind::jti : DenialKind::subject, "denied" + std::to_string(n));
  }
  // LMDB falls back to the commit before where the last one's page is damaged: that one must know them, too.
  ASSERT_EQ(0, add_elsewhere(40, 41));
  const std::string whole = read_file(data_file());
  std::mt19937 random(35);
  const int rounds = std::getenv("KEYWARD_THOROUGH") != nullptr ? 40000 : 3000;
  int told = 0;
  for (int round = 0; round < rounds; ++round) {
    // One byte: two may make a tree lead to pages of an earlier commit, which were sealed once, as all that is old is.
    std::string damaged = whole;
    char &byte = damaged[random() % damaged.size()];
    byte = static_cast<char>(round % 2 == 0 ? random() : static_cast<unsigned char>(byte) ^ (1U << random() % 8));
    write_file(data_file(), damaged);
    const int answer = in_child([&] {
      CredentialReader reader;
      if (!reader.open(store_).ok()) {
        return 0;
      }
      for (int n = 0; n < 40; ++n) {
        const std::string name = "denied" + std::to_string(n);
        const Answer of = ask(reader, "auth", n % 2 == 0 ? "" : name, n % 2 == 0 ? name : "");
        if (of.code == StoreCode::ok && !of.denial.refuses(true, kNow, 0)) {
          return 77;
        }
      }
      return 1;
    });
    EXPECT_NE(77, answer) << "round " << round;
    told += answer == 1 ? 1 : 0;
  }
  EXPECT_GT(told, rounds / 2) << "most could not even be opened: nothing was tried";
}

}  // namespace
}  // namespace keyward::test
