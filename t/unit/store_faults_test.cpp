// A compact, a restore or a backup that is killed at, or fails at, each single call that changes a file; and a disk
// that is full from there on. Whatever happens: the store is whole, what was revoked stays revoked, and a worker that
// had it open sees the next revocation at once.
#include <fcntl.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>

#include "store/environment/environment.hpp"
#include "store/maintenance/maintenance.hpp"
#include "store_fixture.hpp"
#include "system_faults.hpp"

namespace keyward::test {
namespace {

constexpr int kBefore = 40;  // keys in the backup
constexpr int kAfter = 45;   // keys at the time of the move
constexpr int kGone = 7;     // revoked between the two
constexpr int kNext = 8;     // revoked after the fault
constexpr int kDied = 1000 + SIGKILL;

const MoveProgress kQuiet = [](std::string_view, std::uint64_t, std::uint64_t) {};

enum class Move { compact, restore, backup };

struct Case {
  const char *name;
  Move move;
  Fault fault;
};

class StoreFaults : public StoreTest, public ::testing::WithParamInterface<Case> {
 protected:
  StoreFaults() : StoreTest(true) {}

  void SetUp() override {
    StoreTest::SetUp();
    original_ = store_ + "-original";
    backup_ = folder_.path() + "/backup";
    ASSERT_EQ(0, add_elsewhere(0, kBefore));
    BackupReport report;
    ASSERT_STORE_OK(backup_store(store_, backup_, false, &report));
    ASSERT_EQ(0, add_elsewhere(kBefore, kAfter));
    ASSERT_EQ(0, revoke(kGone));
    ASSERT_EQ(0, in_child([&] {
                CredentialWriter writer;
                SubjectRecord subject;
                subject.subject = "mallory";
                subject.state = SubjectState::blocked;
                const auto put = [&](WriteTxn &txn) { return txn.put_subject(subject); };
                return writer.open(store_).ok() && writer.run(1000, kTester, put).ok() ? 0 : 1;
              }));
    copy(store_, original_);
  }

  static void copy(const std::string &from, const std::string &to) {
    ASSERT_EQ(0, std::system(("rm -rf '" + to + "' && cp -a '" + from + "' '" + to + "'").c_str()));
  }

  int revoke(int n) const {
    return in_child([this, n] {
      CredentialWriter writer;
      const auto body = [n](WriteTxn &txn) {
        KeyRecord key;
        StoreStatus status = txn.get_key(id_of(n), &key);
        key.state = KeyState::revoked;
        return status.ok() ? txn.replace_key(key) : status;
      };
      return writer.open(store_).ok() && writer.run(kUrgentWaitMs, kTester, body).ok() ? 0 : 1;
    });
  }

  StoreStatus move(const std::string &target) const {
    if (GetParam().move == Move::compact) {
      CompactReport report;
      return compact_store(store_, {}, kQuiet, &report);
    }
    if (GetParam().move == Move::backup) {
      BackupReport report;
      return backup_store(store_, target, false, &report);
    }
    RestoreReport report;
    return restore_store(store_, backup_, {}, kQuiet, &report);
  }

  // How the move ended: 0, 1 for a failure that was told, or a signal.
  int move_with(Fault fault, int at) const {
    return in_child([&] {
      arm_faults(fault, at);
      return move(target()).ok() ? 0 : 1;
    });
  }
  int count_calls() const {
    Signal done;
    int counted = 0;
    const std::string told = folder_.path() + "/told";
    EXPECT_EQ(0, in_child([&] {
                arm_faults(Fault::none, 0);
                const bool ok = move(target()).ok();
                write_file(told, std::to_string(system_calls()));
                return ok ? 0 : 1;
              }));
    counted = std::atoi(read_file(told).c_str());
    return counted;
  }
  std::string target() const { return folder_.path() + "/target"; }

  // What a store says: 0 for what is right.
  static int look(CredentialReader &reader, bool next_is_revoked) {
    if (!reader.begin().ok()) {
      return 11;
    }
    int wrong = 0;
    CredentialReader::FoundKey found;
    std::size_t there = 0;
    for (int n = 0; n < kAfter; ++n) {
      const StoreCode code = reader.find_key(locator(n), &found);
      there += code == StoreCode::ok ? 1 : 0;
      wrong = code != StoreCode::ok && (code != StoreCode::not_found || n < kBefore) ? 12 : wrong;
      const bool revoked = n == kGone || (n == kNext && next_is_revoked);
      wrong = code == StoreCode::ok && (found.key.state == KeyState::revoked) != revoked ? 13 : wrong;
    }
    wrong = there != kBefore && there != kAfter ? 14 : wrong;  // the old store or the new one
    SubjectView subject;
    const bool blocked =
        reader.find_subject("mallory", &subject) == StoreCode::ok && subject.state == SubjectState::blocked;
    reader.end();
    return blocked ? wrong : 15;
  }
  int look_anew(const std::string &store, bool next_is_revoked) const {
    return in_child([&] {
      CredentialReader reader;
      return reader.open(store).ok() ? look(reader, next_is_revoked) : 10;
    });
  }

  bool is_there(const std::string &path) const { return access(path.c_str(), F_OK) == 0; }
  bool leftovers(bool making) const {
    bool any = false;
    for (const std::string &part : {credentials_folder(store_), usage_folder(store_)}) {
      any = any || is_there(part + kNextSuffix) || is_there(part + kRetiringSuffix);
      any = any || (making && is_there(part + kMakingSuffix));
    }
    return any;
  }

  std::string original_, backup_;
};

using StoreMoveFaults = StoreFaults;
using StoreBackupFaults = StoreFaults;

TEST_P(StoreMoveFaults, LeavesAWholeStoreAtEachStep) {
  const Fault fault = GetParam().fault;
  const int calls = count_calls();
  ASSERT_GT(calls, 30);
  RecordProperty("calls", calls);
  for (int at = 1; at <= calls; ++at) {
    SCOPED_TRACE(at);
    ASSERT_NO_FATAL_FAILURE(copy(original_, store_));
    Signal ready, moved, looked, revoked;
    Child worker([&] {
      CredentialReader reader;
      if (!reader.open(store_).ok()) {
        return 1;
      }
      ready.give();
      moved.await();
      // Whoever could not tell the workers has waited until they have looked, once a second, at their files.
      if (fault != Fault::killed && !reader.refresh().ok()) {
        return 2;
      }
      const int first = look(reader, false);
      looked.give();
      revoked.await();
      return first != 0 ? first : look(reader, true);
    });
    ready.await();
    const int end = move_with(fault, at);
    if (fault == Fault::killed) {
      ASSERT_EQ(kDied, end);
    } else {
      ASSERT_TRUE(end == 0 || end == 1) << end;
    }
    ASSERT_EQ(0, look_anew(store_, false));
    moved.give();
    looked.await();
    ASSERT_EQ(0, revoke(kNext));
    ASSERT_EQ(0, look_anew(store_, true));
    revoked.give();
    ASSERT_EQ(0, worker.wait());
    ASSERT_EQ(0, in_child([&] { return move(target()).ok() ? 0 : 1; }));
    ASSERT_EQ(0, look_anew(store_, true));
    CompactReport report;
    ASSERT_STORE_OK(compact_store(store_, {}, kQuiet, &report));
    ASSERT_FALSE(leftovers(true));
  }
}

TEST_P(StoreBackupFaults, LeavesNoHalfBackup) {
  const Fault fault = GetParam().fault;
  const int calls = count_calls();
  ASSERT_GT(calls, 10);
  ASSERT_EQ(0, look_anew(target(), false));
  for (int at = 1; at <= calls; ++at) {
    SCOPED_TRACE(at);
    ASSERT_EQ(0, std::system(("rm -rf '" + target() + "'").c_str()));
    const int end = move_with(fault, at);
    ASSERT_TRUE(end == 0 || end == (fault == Fault::killed ? kDied : 1)) << end;
    // Either a restore takes it, and then it is whole, or it doesn't.
    const std::string elsewhere = folder_.path() + "/elsewhere";
    ASSERT_EQ(0, std::system(("rm -rf '" + elsewhere + "'").c_str()));
    RestoreReport report;
    const StoreStatus status = restore_store(elsewhere, target(), {}, kQuiet, &report);
    ASSERT_TRUE(status.ok() || end != 0) << status.text;
    ASSERT_TRUE(!status.ok() || look_anew(elsewhere, false) == 0);
    ASSERT_EQ(0, look_anew(store_, false));
    if (end == 1 && fault == Fault::disk_full) {
      ASSERT_FALSE(is_there(target()));
    }
  }
}

std::string name_of(const ::testing::TestParamInfo<Case> &info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Each, StoreMoveFaults,
                         ::testing::Values(Case{"CompactIsKilled", Move::compact, Fault::killed},
                                           Case{"CompactFails", Move::compact, Fault::fails_once},
                                           Case{"CompactFillsTheDisk", Move::compact, Fault::disk_full},
                                           Case{"RestoreIsKilled", Move::restore, Fault::killed},
                                           Case{"RestoreFails", Move::restore, Fault::fails_once},
                                           Case{"RestoreFillsTheDisk", Move::restore, Fault::disk_full}),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Each, StoreBackupFaults,
                         ::testing::Values(Case{"IsKilled", Move::backup, Fault::killed},
                                           Case{"Fails", Move::backup, Fault::fails_once},
                                           Case{"FillsTheDisk", Move::backup, Fault::disk_full}),
                         name_of);

}  // namespace
}  // namespace keyward::test
