// A restore: the backup's content is made ready beside the store without its lock; under it, what has ended since is
// carried over and the two exchanged.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/digest.hpp"
#include "store/environment/failure.hpp"
#include "store/environment/lock_file.hpp"
#include "store/environment/pepper.hpp"
#include "store/environment/snapshot.hpp"
#include "store/environment/table_copy.hpp"
#include "store/maintenance/maintenance.hpp"
#include "store/maintenance/restored_journal.hpp"
#include "store/maintenance/restored_keys.hpp"
#include "store/transactions/writer.hpp"

namespace keyward {

namespace {

class Restore {
 public:
  Restore(const std::string &folder, const std::string &backup, const RestoreOptions &options,
          const MoveProgress &progress, RestoreReport *report)
      : folder_(folder), from_(backup), options_(options), progress_(progress), report_(report) {}

  StoreStatus run();

 private:
  StoreStatus open_backup();
  StoreStatus prepare_folder();
  StoreStatus open_present();
  StoreStatus prepare_secret();
  StoreStatus compare_peppers();
  StoreStatus prepare_pepper();
  StoreStatus copy_backup();
  StoreStatus copy_journal();
  StoreStatus finish_journal();
  StoreStatus carry_over(Environment *to);
  StoreStatus take_place();
  StoreStatus refuse_damage();
  bool is_place_empty() const;

  const std::string &folder_, &from_;
  const RestoreOptions &options_;
  const MoveProgress &progress_;
  RestoreReport *report_;

  Environment backup_, present_;
  EnvironmentSnapshot backup_snapshot_;
  std::shared_ptr<LockFile> lock_;
  LockFile::Held moving_, writing_;
  NextEnvironment next_;                        // goes before the locks do
  std::string backup_pepper_, present_pepper_;  // digests
};

StoreStatus Restore::open_backup() {
  struct stat there = {}, here = {};
  if (stat((credentials_folder(from_) + "/data.mdb").c_str(), &there) == 0 &&
      stat((credentials_folder(folder_) + "/data.mdb").c_str(), &here) == 0 &&
      identity_of(there) == identity_of(here)) {
    return failure(StoreCode::exists, from_ + " is the store itself");
  }
  StoreStatus status = backup_.open(from_, EnvironmentKind::credentials, Access::backup, 0);
  status = status.ok() ? backup_snapshot_.begin(&backup_) : status;
  if (status.code == StoreCode::missing || status.code == StoreCode::no_secret) {
    return failure(StoreCode::not_found, from_ + " is not a backup: " + status.text);
  }
  if (status.ok()) {
    report_->keys = backup_snapshot_.entries(Table::keys);
  }
  return status;
}

StoreStatus Restore::prepare_folder() {
  StoreStatus status;
  if (mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    status = failure_of(errno, "create " + folder_);
  }
  status = status.ok() ? LockFile::get(folder_, &lock_) : status;
  status = status.ok() ? lock_->acquire(LockByte::moving, kWaitMs, &moving_) : status;
  status = status.ok() ? lock_->acquire(LockByte::credentials, kWaitMs, &writing_) : status;
  status = status.ok() ? finish_move(folder_, EnvironmentKind::credentials) : status;
  writing_.release();
  return status;
}

StoreStatus Restore::open_present() {
  if (options_.present == Present::ignored) {
    return {};
  }
  const Access access = options_.dry_run ? Access::read : Access::write;
  StoreStatus status = present_.open(folder_, EnvironmentKind::credentials, access, 0);
  report_->was_there = status.ok();
  return status.code == StoreCode::missing || options_.present == Present::damaged ? StoreStatus() : status;
}

// The present secret stays. Only where there is none that could be one, it is the backup's.
StoreStatus Restore::prepare_secret() {
  Bytes<kSecretBytes> secret = {};
  SecretStamp stamp;
  StoreStatus status = read_secret(secret_file(folder_), &secret, &stamp);
  if (!status.ok() && !present_.is_open()) {
    status = read_secret(secret_file(from_), &secret, &stamp);
    status = status.ok() ? write_secret(secret_file(folder_), secret) : status;
  }
  wipe(secret.data(), secret.size());
  return status;
}

// What `meta` says of it; empty: there is none. It is resealed, so its digest may be compared.
StoreStatus pepper_of(const Environment &environment, MDB_txn *snapshot, std::string *digest) {
  std::string_view stored, content;
  const int rc = lmdb::get(snapshot, environment.handle(Table::meta), kPepperKey, &stored);
  if (rc != 0) {
    return rc == MDB_NOTFOUND ? StoreStatus() : failure_of(rc, "read " + environment.data_path());
  }
  if (!environment.seal().open(Table::meta, kPepperKey, stored, &content)) {
    return failure(StoreCode::damaged, "which pepper " + environment.data_path() + " has can't be read");
  }
  *digest = content;
  return {};
}

// The keys that come from the backup, and the ends that are kept of the present ones, have to be of one pepper.
StoreStatus Restore::compare_peppers() {
  StoreStatus status = pepper_of(backup_, backup_snapshot_.get(), &backup_pepper_);
  EnvironmentSnapshot snapshot;
  if (status.ok() && present_.is_open() && (status = snapshot.begin(&present_)).ok()) {
    status = pepper_of(present_, snapshot.get(), &present_pepper_);
  }
  if (status.code == StoreCode::damaged && options_.present != Present::whole) {
    status = {};
  }
  const bool differ = !backup_pepper_.empty() && !present_pepper_.empty() && backup_pepper_ != present_pepper_;
  return status.ok() && differ && options_.present == Present::whole
             ? failure(StoreCode::exists, from_ + " has another pepper than " + folder_ +
                                              ", and a store has one: restore it into a folder of its own")
             : status;
}

StoreStatus Restore::prepare_pepper() {
  if (backup_pepper_.empty()) {
    return {};
  }
  Secret pepper;
  SecretStamp stamp;
  const auto is_there = [&](const std::string &folder) {
    return read_pepper(pepper_file(folder), &pepper, &stamp).ok() &&
           view_of(digest_of_pepper(pepper.view())) == backup_pepper_;
  };
  if (is_there(folder_)) {
    return {};
  }
  if (!is_there(from_)) {
    report_->damaged.push_back("the backup's pepper, " + pepper_file(from_));
    return {};
  }
  return write_pepper(pepper_file(folder_), pepper.view());
}

StoreStatus Restore::copy_backup() {
  const std::uint64_t map_bytes = std::max(backup_.map_bytes(), present_.is_open() ? present_.map_bytes() : 0);
  // Workers that read the store now must be able to read it afterwards.
  const std::uint32_t version = (present_.is_open() ? present_ : backup_).schema().version;
  StoreStatus status = next_.begin(folder_, EnvironmentKind::credentials, map_bytes, version);
  for (const Table table : tables_of(EnvironmentKind::credentials, version)) {
    if (table == Table::journal) {
      continue;
    }
    TableCopy copy;
    copy.from = &backup_;
    copy.snapshot = backup_snapshot_.get();
    copy.to = &next_.environment();
    copy.table = table;
    copy.reseal = true;  // which looks at every record, too
    copy.damaged = [this](Table of, std::string_view key) {
      const std::string table_name = std::string("the backup's table ") + name_of(of);
      report_->damaged.push_back(key.empty()         ? table_name + " (not all of it can be read)"
                                 : of == Table::keys ? "backup key " + std::string(key)
                                                     : "a record of " + table_name);
    };
    if ((table == Table::keys || table == Table::plans || table == Table::subjects) && version < kJournalVersion) {
      const auto is_newer = table == Table::keys    ? is_newer_key
                            : table == Table::plans ? is_newer_plan
                                                    : is_newer_subject;
      copy.admit = [is_newer](std::string_view content) {
        return is_newer(content) ? failure(StoreCode::other_version, kNeedsUpgrade) : StoreStatus();
      };
    }
    if (table == Table::keys) {
      copy.progress = [this](std::uint64_t copied) { progress_("copying", copied, report_->keys); };
    }
    if (status.ok() &&
        !report_->damaged.empty()) {  // LMDB may let nothing more be read in a snapshot in which it met damage
      status = backup_snapshot_.begin(&backup_);
      copy.snapshot = backup_snapshot_.get();
    }
    status = status.ok() ? copy.run() : status;
  }
  status = status.ok() ? copy_journal() : status;
  return status.ok() ? next_.sync() : status;
}

// Once before the lock is taken, and once under it.
StoreStatus Restore::copy_journal() {
  RestoredJournal journal(&next_.environment());
  if (!present_.is_open()) {
    const StoreStatus status = backup_snapshot_.begin(&backup_);
    return status.ok() ? journal.copy(backup_, backup_snapshot_, "backup", &report_->damaged) : status;
  }
  EnvironmentSnapshot snapshot;
  const StoreStatus status = snapshot.begin(&present_);
  return status.ok() ? journal.copy(present_, snapshot, "present", &report_->damaged) : status;
}

StoreStatus Restore::finish_journal() {
  RestoredJournal journal(&next_.environment());
  EnvironmentSnapshot snapshot;
  StoreStatus status = present_.is_open() ? copy_journal() : StoreStatus();
  status = status.ok() && present_.is_open() ? snapshot.begin(&present_) : status;
  const Environment *present = present_.is_open() ? &present_ : nullptr;
  return status.ok() ? journal.finish(present, &snapshot, options_.author, report_->keys) : status;
}

// `to` is nullptr in a dry run.
StoreStatus Restore::carry_over(Environment *to) {
  if (!present_.is_open()) {
    return {};
  }
  EnvironmentSnapshot snapshot;
  StoreStatus status = snapshot.begin(&present_);
  status = status.ok() ? RestoredKeys(backup_, backup_snapshot_, present_, snapshot, to, report_).run() : status;
  const bool keeps_pepper = backup_pepper_.empty() && !present_pepper_.empty();
  bool stale = false;
  const auto keep = [this](WriteScope &scope) { return scope.put(Table::meta, kPepperKey, present_pepper_); };
  return status.ok() && keeps_pepper && to != nullptr ? to->write(keep, nullptr, &stale) : status;
}

StoreStatus Restore::refuse_damage() {
  std::vector<std::string> &damaged = report_->damaged;
  std::sort(damaged.begin(), damaged.end());
  damaged.erase(std::unique(damaged.begin(), damaged.end()), damaged.end());
  if (damaged.empty() || options_.present != Present::whole) {
    return {};
  }
  return failure(StoreCode::damaged,
                 std::to_string(damaged.size()) + " damaged records, the first: " + damaged.front());
}

StoreStatus Restore::take_place() {
  StoreStatus status = lock_->acquire(LockByte::credentials, kWaitMs, &writing_);
  bool replaced = false;
  if (status.ok() && present_.is_open()) {
    status = present_.compare_with_disk(&replaced);
    status =
        status.ok() && replaced ? failure(StoreCode::io, present_.data_path() + " was replaced meanwhile") : status;
  }
  status = status.ok() ? carry_over(&next_.environment()) : status;
  status = status.ok() ? finish_journal() : status;
  status = status.ok() ? refuse_damage() : status;
  status = status.ok() ? next_.finish(backup_.schema().created_at_s) : status;
  // A file that is damaged may crash whoever writes into it.
  const bool sound = present_.is_open() && options_.present == Present::whole;
  status = status.ok() ? next_.take_place(sound ? &present_ : nullptr, progress_, &report_->kept) : status;
  present_.close();
  writing_.release();
  return status;
}

bool Restore::is_place_empty() const {
  struct stat st = {};
  for (const std::string &part : {secret_file(folder_), credentials_folder(folder_), usage_folder(folder_)}) {
    if (lstat(part.c_str(), &st) == 0 || (errno != ENOENT && errno != ENOTDIR)) {
      return false;
    }
  }
  return true;
}

StoreStatus Restore::run() {
  report_->was_empty = is_place_empty();
  StoreStatus status = open_backup();
  if (options_.dry_run) {
    status = status.ok() ? open_present() : status;
    status = status.ok() ? compare_peppers() : status;
    status = status.ok() ? carry_over(nullptr) : status;
    return status.ok() ? refuse_damage() : status;
  }
  status = status.ok() ? prepare_folder() : status;
  status = status.ok() ? open_present() : status;
  status = status.ok() ? compare_peppers() : status;
  status = status.ok() ? prepare_secret() : status;
  status = status.ok() ? prepare_pepper() : status;
  status = status.ok() ? copy_backup() : status;
  status = status.ok() ? take_place() : status;
  return status;
}

}  // namespace

StoreStatus restore_store(const std::string &folder, const std::string &backup, const RestoreOptions &options,
                          const MoveProgress &progress, RestoreReport *report) {
  *report = {};
  return Restore(folder, backup, options, progress, report).run();
}

}  // namespace keyward
