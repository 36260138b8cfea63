// Keys as other systems kept them: how they are found and filed anew, and what their pepper goes through.
#include <array>
#include <string>

#include "base/digest.hpp"
#include "decide_fixture.hpp"
#include "store/environment/files.hpp"
#include "store/environment/pepper.hpp"
#include "store/maintenance/maintenance.hpp"

namespace keyward::test {
namespace {

const char kArgon2[] = "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";
const char kPepper[] = "a secret of another system";

class OtherHashes : public DecideTest {
 protected:
  static std::string a_key() { return default_key_format().mint(); }

  static KeyRecord hash_of_key(const std::string &key) {
    KeyRecord record = record_of(key);
    record.verifier_kind = VerifierKind::hash;
    record.verifier = kArgon2;
    return record;
  }
  static KeyRecord found_by(LocatorKind kind, const std::string &key, KeyRecord record) {
    record.locator_kind = kind;
    record.locator = locator_of(kind, kind == LocatorKind::sha512 ? std::string(view_of(sha512(key)))
                                                                  : std::string(view_of(hmac_sha256(kPepper, key))));
    return record;
  }
  static KeyRecord sha512_key(const std::string &key) {
    KeyRecord record = found_by(LocatorKind::sha512, key, record_of(key));
    record.verifier_kind = VerifierKind::sha512;
    record.verifier = view_of(sha512(key));
    return record;
  }
  static KeyRecord hmac_key(const std::string &key) {
    KeyRecord record = found_by(LocatorKind::hmac_sha256, key, record_of(key));
    record.verifier_kind = VerifierKind::hmac_sha256;
    record.verifier = view_of(hmac_sha256(kPepper, key));
    return record;
  }
  void keep_pepper() {
    ASSERT_STORE_OK(write_pepper(pepper_file(store_), kPepper));
    ASSERT_STORE_OK(
        writer_.run(1000, Author(), [](WriteTxn &txn) { return txn.use_pepper(digest_of_pepper(kPepper)); }));
  }
  // As a worker does it, now that the key is known.
  void file_anew(KeyRecord record, const std::string &key) {
    record.indexed = true;
    record.locator_kind = LocatorKind::sha256;
    record.locator = locator_of(sha256(key));
    put(record);
  }
  unsigned other_locators() {
    const Snapshot snapshot(*reader_);
    return reader_->other_locators();
  }
  CredentialReader::LocatorCounts counts() {
    const Snapshot snapshot(*reader_);
    CredentialReader::LocatorCounts counts = {};
    EXPECT_EQ(StoreCode::ok, reader_->count_locators(&counts));
    return counts;
  }
};

TEST_F(OtherHashes, AHashThatIsFoundByTheKeysSha256RunsOnce) {
  const std::string key = a_key();
  put(hash_of_key(key));
  EXPECT_EQ(ask(key), kWaits);
  ASSERT_EQ(1U, background_.runs.size());
  EXPECT_EQ(kArgon2, background_.runs[0].hash);
  EXPECT_FALSE(background_.runs[0].candidate);
  answer(true);
  EXPECT_EQ(ask(key), Reason::none);
  EXPECT_TRUE(background_.refiled.empty());
  EXPECT_EQ(ask_anew(a_key()), Reason::invalid_key);
  EXPECT_EQ(1U, background_.runs.size()) << "another key runs nothing";
}

TEST_F(OtherHashes, AHashThatIsFoundByAnotherDigestIsFiledAnew) {
  keep_pepper();
  for (const LocatorKind kind : {LocatorKind::sha512, LocatorKind::hmac_sha256}) {
    const std::string key = a_key();
    put(found_by(kind, key, hash_of_key(key)));
    background_.refiled.clear();
    EXPECT_EQ(ask_anew(key), kWaits);
    EXPECT_FALSE(background_.runs.back().candidate);
    answer(false);
    EXPECT_EQ(ask(key), Reason::invalid_key);
    EXPECT_TRUE(background_.refiled.empty());
    EXPECT_EQ(ask_anew(key), kWaits);
    answer(true);
    EXPECT_EQ(ask(key), Reason::none);
    EXPECT_EQ(background_.refiled, std::vector<std::string>{"key_a"});
    file_anew(hash_of_key(key), key);
    EXPECT_EQ(0U, other_locators());
    EXPECT_EQ(ask_anew(key), kWaits) << "its record is another one, which the worker that filed it knows for proved";
  }
}

TEST_F(OtherHashes, AHashThatIsKnownByAPrefixIsACandidate) {
  const std::string key = a_key();
  KeyRecord record = hash_of_key(key);
  record.indexed = false;
  record.locator = {};
  record.legacy_prefix = key.substr(0, 8);
  record.state = KeyState::suspended;
  put(record);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(ask_anew(key), kWaits) << i;
    EXPECT_TRUE(background_.runs.back().candidate);
    answer(false);
    EXPECT_EQ(ask(key), Reason::invalid_key) << "its state is told only after the verifier";
  }
  EXPECT_EQ(ask_anew(key), Reason::busy);
  now_ms_ += 61'000;
  EXPECT_EQ(ask_anew(key), kWaits);
  answer(true);
  EXPECT_EQ(ask(key), Reason::suspended_key);
  record.state = KeyState::active;
  put(record);
  EXPECT_EQ(ask_anew(key), kWaits);
  answer(true);
  EXPECT_EQ(ask(key), Reason::none);
  EXPECT_EQ(background_.refiled, std::vector<std::string>{"key_a"});
}

// A candidate that the key can't be of says nothing about those behind it.
TEST_F(OtherHashes, ACandidateThatTheKeyCanNotBeOfIsPassedOver) {
  KeyFormat format;
  std::string error;
  ASSERT_TRUE(parse_key_format("old_ hex=80 verifier=sha256", &format, &error)) << error;
  formats_ = KeyFormats(format);
  const std::string key = "old_" + std::string(80, 'a');
  KeyRecord bcrypt = record_of(key, "key_0"), argon2 = hash_of_key(key);
  bcrypt.verifier_kind = VerifierKind::legacy_prefix;
  bcrypt.verifier = kBcryptHash;
  for (KeyRecord *record : {&bcrypt, &argon2}) {
    record->indexed = false;
    record->locator = {};
    record->legacy_prefix = "old_aaaa";
    put(*record);
  }
  EXPECT_EQ(ask(key), kWaits);
  ASSERT_EQ(1U, background_.runs.size());
  EXPECT_EQ(kArgon2, background_.runs[0].hash);
  answer(true);
  EXPECT_EQ(ask(key), Reason::none);
}

TEST_F(OtherHashes, DigestsNeedNoRun) {
  keep_pepper();
  const std::array<std::string, 2> keys = {a_key(), a_key()};
  KeyRecord hmac = hmac_key(keys[1]);
  hmac.id = "key_b";
  put(sha512_key(keys[0]));
  put(hmac);
  for (const std::string &key : keys) {
    EXPECT_EQ(ask_anew(key), Reason::none);
  }
  EXPECT_EQ(background_.refiled, (std::vector<std::string>{"key_a", "key_b"}));
  EXPECT_TRUE(background_.runs.empty());
  EXPECT_EQ(ask_anew(a_key()), Reason::invalid_key);
  file_anew(sha512_key(keys[0]), keys[0]);
  file_anew(hmac, keys[1]);
  for (const std::string &key : keys) {
    EXPECT_EQ(ask_anew(key), Reason::none);
  }
  EXPECT_EQ(2U, background_.refiled.size()) << "once";
}

// 128 bits of the digest may be known and equal: all of it is compared.
TEST_F(OtherHashes, TheWholeDigestIsCompared) {
  keep_pepper();
  for (KeyRecord record : {sha512_key("x"), hmac_key("x")}) {
    const std::string key = a_key();
    record.verifier = record.verifier_kind == VerifierKind::sha512 ? std::string(view_of(sha512(key)))
                                                                   : std::string(view_of(hmac_sha256(kPepper, key)));
    record.verifier.back() = static_cast<char>(record.verifier.back() ^ 1);
    record = found_by(record.locator_kind, key, record);
    put(record);
    EXPECT_EQ(ask_anew(key), Reason::invalid_key);
    record.locator_kind = LocatorKind::sha256;
    record.locator = locator_of(sha256(key));
    put(record);
    EXPECT_EQ(ask_anew(key), Reason::invalid_key);
  }
}

TEST_F(OtherHashes, TheirStateIsToldAndTheyAreFiledOnlyWhenAdmitted) {
  const std::string key = a_key();
  KeyRecord record = sha512_key(key);
  record.state = KeyState::revoked;
  put(record);
  EXPECT_EQ(ask_anew(key), Reason::revoked_key);
  EXPECT_TRUE(background_.refiled.empty());
}

// A pepper that isn't there, or isn't the right one, is our fault: nobody is told to log in again for it.
TEST_F(OtherHashes, WithoutItsPepperTheStoreFails) {
  const std::string key = a_key();
  put(hmac_key(key));
  EXPECT_EQ(ask_anew(key), Reason::store_error);
  EXPECT_EQ(ask_anew(a_key()), Reason::store_error) << "it could be such a key";
  ASSERT_STORE_OK(write_pepper(pepper_file(store_), "another secret"));
  ASSERT_STORE_OK(writer_.run(1000, Author(), [](WriteTxn &txn) { return txn.use_pepper(digest_of_pepper(kPepper)); }));
  EXPECT_EQ(ask_anew(key), Reason::store_error);
  EXPECT_EQ(3, background_.store_troubles);
  ASSERT_STORE_OK(write_pepper(pepper_file(store_), kPepper));
  EXPECT_EQ(ask_anew(key), Reason::none);
  file_anew(hmac_key(key), key);
  EXPECT_EQ(ask_anew(a_key()), Reason::invalid_key) << "no key needs it any more to be found";
}

// A worker has the pepper in memory: one that is exchanged is noticed within a second.
TEST_F(OtherHashes, AnExchangedPepperIsReadAnew) {
  keep_pepper();
  const std::string key = a_key(), other = a_key();
  put(hmac_key(key));
  EXPECT_EQ(ask_anew(key), Reason::none);
  ASSERT_STORE_OK(write_pepper(pepper_file(store_), "another secret"));
  ASSERT_STORE_OK(reader_->refresh());
  EXPECT_EQ(ask_anew(key), Reason::store_error);
  ASSERT_STORE_OK(write_pepper(pepper_file(store_), kPepper));
  EXPECT_EQ(ask_anew(key), Reason::none);
}

TEST_F(OtherHashes, WhichDigestsThereAreIsCounted) {
  keep_pepper();
  EXPECT_EQ(0U, other_locators());
  KeyRecord first = sha512_key("first"), second = sha512_key("second"), third = hmac_key("third");
  second.id = "key_b";
  third.id = "key_c";
  put(first);
  EXPECT_EQ(1U << 1, other_locators());
  put(second);
  put(third);
  EXPECT_EQ((CredentialReader::LocatorCounts{2, 1}), counts());
  EXPECT_EQ(1U << 1 | 1U << 2, other_locators());
  put(first);  // changes nothing
  first.name = "another";
  put(first);
  EXPECT_EQ((CredentialReader::LocatorCounts{2, 1}), counts());
  file_anew(first, "first");
  ASSERT_STORE_OK(writer_.run(1000, Author(), [&](WriteTxn &txn) { return txn.remove_key(second.id); }));
  EXPECT_EQ(1U << 2, other_locators());
  std::vector<KeyRecord> many;
  for (int i = 0; i < 3; ++i) {
    many.push_back(sha512_key(std::to_string(i)));
    many.back().id = "many_" + std::to_string(i);
  }
  ASSERT_STORE_OK(writer_.run(1000, Author(), [&](WriteTxn &txn) { return add_all(txn, many); }));
  EXPECT_EQ((CredentialReader::LocatorCounts{3, 1}), counts());
}

TEST_F(OtherHashes, AStoreHasOnePepper) {
  keep_pepper();
  const auto use = [&](const char *pepper) {
    return writer_.run(1000, Author(), [&](WriteTxn &txn) { return txn.use_pepper(digest_of_pepper(pepper)); });
  };
  EXPECT_TRUE(use(kPepper).ok());
  EXPECT_EQ(StoreCode::exists, use("another").code);
}

TEST_F(OtherHashes, PeppersHaveABoundedSize) {
  const std::string path = pepper_file(store_);
  Secret pepper;
  SecretStamp stamp;
  EXPECT_EQ(StoreCode::not_found, read_pepper(path, &pepper, &stamp).code);
  for (const std::size_t size : {std::size_t{1}, kMaxPepperBytes}) {
    ASSERT_STORE_OK(write_pepper(path, std::string(size, 'p')));
    ASSERT_STORE_OK(read_pepper(path, &pepper, &stamp));
    EXPECT_EQ(size, pepper.view().size());
  }
  for (const std::size_t size : {std::size_t{0}, kMaxPepperBytes + 1}) {
    ASSERT_STORE_OK(write_pepper(path, std::string(size, 'p')));
    EXPECT_EQ(StoreCode::no_secret, read_pepper(path, &pepper, &stamp).code);
    EXPECT_TRUE(pepper.empty());
  }
  struct stat st = {};
  ASSERT_EQ(0, stat(path.c_str(), &st));
  EXPECT_EQ(0600U, st.st_mode & 0777U);
}

// Backups and restores.

class PepperMoves : public StoreTest {
 protected:
  using Body = std::function<StoreStatus(WriteTxn &)>;
  static int write(const std::string &store, const Body &body) {
    return in_child([&] {
      CredentialWriter writer;
      return writer.open(store).ok() && writer.run(1000, kTester, body).ok() ? 0 : 1;
    });
  }
  static KeyRecord hmac_key(int n) {
    KeyRecord record = bcrypt_key(n);
    record.verifier_kind = VerifierKind::hmac_sha256;
    record.verifier = std::string(32, static_cast<char>('a' + n));
    record.locator_kind = LocatorKind::hmac_sha256;
    record.locator = locator_of(LocatorKind::hmac_sha256, record.verifier);
    return record;
  }
  static void give_pepper(const std::string &store, const std::string &pepper, int n) {
    ASSERT_STORE_OK(write_pepper(pepper_file(store), pepper));
    ASSERT_EQ(0, write(store, [&](WriteTxn &txn) {
                const StoreStatus status = txn.use_pepper(digest_of_pepper(pepper));
                return status.ok() ? txn.add_key(hmac_key(n)) : status;
              }));
  }
  // Whether HMACs can be made there, as the records say.
  static bool works(const std::string &store) {
    return in_child([&] {
             CredentialReader reader;
             Sha256 digest;
             return reader.open(store).ok() && reader.begin().ok() && reader.hmac("x", &digest).ok() ? 0 : 1;
           }) == 0;
  }
  StoreStatus back_up(bool replaces = false) {
    StoreStatus status;
    BackupReport report;
    status = backup_store(store_, backup_, replaces, &report);
    return status;
  }
  StoreStatus restore(const std::string &store, Present present = Present::whole, bool dry_run = false) {
    RestoreReport report;
    RestoreOptions options;
    options.present = present;
    options.dry_run = dry_run;
    options.author = kTester;
    return restore_store(
        store, backup_, options, [](std::string_view, std::uint64_t, std::uint64_t) {}, &report);
  }
  const std::string backup_ = folder_.path() + "/backup";
};

TEST_F(PepperMoves, ABackupHasItsStoresPepper) {
  ASSERT_STORE_OK(back_up());
  EXPECT_NE(0, access(pepper_file(backup_).c_str(), F_OK));
  give_pepper(store_, "salt and", 1);
  ASSERT_STORE_OK(back_up(true));
  EXPECT_EQ("salt and", read_file(pepper_file(backup_)));
  EXPECT_TRUE(works(backup_));
  const std::string elsewhere = folder_.path() + "/elsewhere";
  ASSERT_STORE_OK(restore(elsewhere));
  EXPECT_TRUE(works(elsewhere));
}

TEST_F(PepperMoves, ARestoreBringsThePepperBack) {
  give_pepper(store_, "salt and", 1);
  ASSERT_STORE_OK(back_up());
  ASSERT_EQ(0, unlink(pepper_file(store_).c_str()));
  ASSERT_STORE_OK(restore(store_));
  EXPECT_TRUE(works(store_));
  CompactReport report;
  ASSERT_STORE_OK(compact_store(
      store_, {}, [](std::string_view, std::uint64_t, std::uint64_t) {}, &report));
  EXPECT_TRUE(works(store_));
}

TEST_F(PepperMoves, ARestoreKeepsThePepperOfKeysThatHaveEndedSince) {
  ASSERT_STORE_OK(back_up());
  give_pepper(store_, "salt and", 1);
  ASSERT_EQ(0, write(store_, [](WriteTxn &txn) {
              KeyRecord record = hmac_key(1);
              record.state = KeyState::revoked;
              return txn.replace_key(record);
            }));
  ASSERT_STORE_OK(restore(store_));
  EXPECT_TRUE(works(store_));
}

TEST_F(PepperMoves, PeppersOfTwoStoresAreNotMixed) {
  give_pepper(store_, "salt and", 1);
  ASSERT_STORE_OK(back_up());
  const std::string other = folder_.path() + "/other";
  make_store(other);
  give_pepper(other, "cayenne", 2);
  EXPECT_EQ(StoreCode::exists, restore(other).code);
  EXPECT_EQ(StoreCode::exists, restore(other, Present::whole, true).code);
  EXPECT_TRUE(works(other));
  ASSERT_STORE_OK(restore(other, Present::ignored));
  EXPECT_TRUE(works(other));
  EXPECT_EQ("salt and", read_file(pepper_file(other)));
}

TEST_F(PepperMoves, ABackupWithoutItsPepperIsDamaged) {
  give_pepper(store_, "salt and", 1);
  ASSERT_STORE_OK(back_up());
  write_file(pepper_file(backup_), "salt ans");
  const std::string elsewhere = folder_.path() + "/elsewhere";
  EXPECT_EQ(StoreCode::damaged, restore(elsewhere).code);
  ASSERT_STORE_OK(restore(store_));  // which has it
}

TEST_F(PepperMoves, OthersMayNotWriteIt) {
  give_pepper(store_, "salt and", 1);
  ASSERT_EQ(0, chmod(pepper_file(store_).c_str(), 0602));
  EXPECT_EQ(1, in_child([this] { return CredentialReader().open(store_).code == StoreCode::exposed ? 1 : 0; }));
}

}  // namespace
}  // namespace keyward::test
