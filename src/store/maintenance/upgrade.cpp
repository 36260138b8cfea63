// Under the locks of moves and of credentials: nobody writes meanwhile.
#include "store/maintenance/upgrade.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "store/environment/environment_move.hpp"
#include "store/environment/failure.hpp"
#include "store/environment/lock_file.hpp"
#include "store/transactions/reader.hpp"
#include "store/transactions/write_txn_state.hpp"
#include "store/transactions/writer.hpp"

namespace keyward {

class Upgrade {
 public:
  static StoreStatus note(Environment *environment, const Author &author, const UpgradeReport &report) {
    bool stale = false;
    return environment->write(
        [&](WriteScope &scope) {
          WriteTxn::State state(scope, *environment, &author);
          const StoreStatus status =
              state.note(Operation::store_upgraded, {},
                         {{Field::version, std::to_string(report.from), std::to_string(report.to)}});
          return status.ok() ? state.finish() : status;
        },
        nullptr, &stale);
  }
};

namespace {

// Everybody who has the store open compares the secret's time with what it was, workers once a second, writers before
// they write, and opens the store anew where it differs.
StoreStatus have_all_look(const std::string &folder) {
  const std::string path = secret_file(folder);
  return utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW) == 0 ? StoreStatus()
                                                                              : failure_of(errno, "touch " + path);
}

StoreStatus refuse_older_processes(const std::string &folder, const std::vector<pid_t> &processes, LockFile &lock,
                                   UpgradeReport *report) {
  std::string names;
  for (const pid_t process : processes) {
    if (!lock.shows_version(process, report->to)) {
      report->older.push_back(process);
      names.append(names.empty() ? "" : ", ").append(std::to_string(process));
    }
  }
  if (report->older.empty()) {
    return {};
  }
  const bool one = report->older.size() == 1;
  return failure(StoreCode::busy, std::string(one ? "process " : "processes ") + names + (one ? " has " : " have ") +
                                      folder + " open and " + (one ? "doesn't" : "don't") + " show that version " +
                                      std::to_string(report->to) +
                                      " can be read: an older nginx worker or command; restart nginx with the newer "
                                      "module, then upgrade");
}

}  // namespace

StoreStatus upgrade_store(const std::string &folder, const Author &author, UpgradeReport *report) {
  *report = {};
  report->to = kNewestCredentials;
  std::vector<pid_t> processes;
  {
    Environment there;  // before a lock file is made in a folder that is none
    StoreStatus status = there.open(folder, EnvironmentKind::credentials, Access::read, 0);
    if (!status.ok()) {
      return status;
    }
  }
  std::shared_ptr<LockFile> lock;
  LockFile::Held moving, writing;
  StoreStatus status = LockFile::get(folder, &lock);
  status = status.ok() ? lock->acquire(LockByte::moving, kWaitMs, &moving) : status;
  status = status.ok() ? lock->acquire(LockByte::credentials, kWaitMs, &writing) : status;
  status = status.ok() ? finish_move(folder, EnvironmentKind::credentials) : status;
  if (status.ok()) {
    CredentialReader reader;
    status = reader.open(folder);
    processes = reader.other_processes();
  }
  Environment environment;
  status = status.ok() ? environment.open(folder, EnvironmentKind::credentials, Access::write, 0) : status;
  if (!status.ok()) {
    return status;
  }
  report->from = environment.schema().version;
  if (report->from == report->to) {
    return {};
  }
  status = refuse_older_processes(folder, processes, *lock, report);
  status = status.ok() ? environment.upgrade(report->to) : status;
  status = status.ok() ? Upgrade::note(&environment, author, *report) : status;
  return status.ok() ? have_all_look(folder) : status;
}

}  // namespace keyward
