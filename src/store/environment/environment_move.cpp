// Renames, and what makes them last.
#include "store/environment/environment_move.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <thread>

#include "base/file.hpp"
#include "store/environment/failure.hpp"
#include "store/environment/files.hpp"

namespace keyward {

namespace {

// Workers compare their files with the disk once a second: whoever could not be told has seen it by then.
constexpr std::chrono::milliseconds kAllHaveLooked(2500);

// Never through a symbolic link: what it leads to isn't the store's.
StoreStatus remove_environment(const std::string &folder) {
  const File files(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!files) {
    return errno == ENOENT ? StoreStatus() : failure_of(errno, "remove " + folder);
  }
  for (const char *name : {"data.mdb", "lock.mdb"}) {
    if (unlinkat(files.get(), name, 0) != 0 && errno != ENOENT) {
      return failure_of(errno, "remove " + folder + "/" + name);
    }
  }
  return rmdir(folder.c_str()) == 0 || errno == ENOENT ? StoreStatus() : failure_of(errno, "remove " + folder);
}

// Whoever was let in to the old files is let in to the new ones.
StoreStatus keep_modes(const std::string &from, const std::string &to) {
  const File old_files(open(from.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  const File new_files(open(to.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat st = {};
  if (!old_files || !new_files || fstat(old_files.get(), &st) != 0 || fchmod(new_files.get(), st.st_mode & 0777) != 0) {
    return failure_of(errno, "set the mode of " + to);
  }
  for (const char *name : {"data.mdb", "lock.mdb"}) {
    if (fstatat(old_files.get(), name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) {
      continue;
    }
    const File file(openat(new_files.get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file || fchmod(file.get(), st.st_mode & 0777) != 0) {
      return failure_of(errno, "set the mode of " + to + "/" + name);
    }
  }
  return {};
}

bool is_there(const std::string &path) noexcept {
  struct stat st = {};
  return lstat(path.c_str(), &st) == 0;
}

StoreStatus exchange_folders(const std::string &a, const std::string &b) {
  if (renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0) {
    return {};
  }
  const bool cannot = errno == EINVAL || errno == ENOSYS;
  StoreStatus status = failure_of(errno, "exchange " + a + " and " + b);
  status.text += cannot ? "; its file system can't do that (ext4, xfs, btrfs and tmpfs can)" : "";
  return status;
}

StoreStatus rename_to_free(const std::string &from, const std::string &to) {
  return renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0
             ? StoreStatus()
             : failure_of(errno, "rename " + from + " to " + to);
}

StoreStatus retire(Environment *old) {
  bool stale = false;
  return old->write([](WriteScope &scope) { return scope.put(Table::meta, kRetiredKey, {}); }, nullptr, &stale);
}

}  // namespace

NextEnvironment::~NextEnvironment() {
  environment_.close();
  if (made_) {
    remove_environment(place_ + kMakingSuffix);
  }
}

StoreStatus NextEnvironment::begin(const std::string &store, EnvironmentKind kind, std::uint64_t map_bytes,
                                   std::uint32_t version) {
  store_ = store;
  kind_ = kind;
  place_ = environment_folder(store, kind);
  struct stat st = {};
  if (lstat(place_.c_str(), &st) == 0 && S_ISLNK(st.st_mode)) {
    return failure(StoreCode::io, place_ + " is a symbolic link: restore and compact need a folder there");
  }
  const std::string folder = place_ + kMakingSuffix;
  StoreStatus status = remove_environment(folder);
  if (status.ok() && mkdir(folder.c_str(), 0700) != 0) {
    status = failure_of(errno, "create " + folder);
  }
  if (!status.ok()) {
    return status;
  }
  made_ = true;
  status = environment_.open(store, kind, Access::create, map_bytes, kMakingSuffix, version);
  if (!status.ok()) {
    return status;
  }
  const int rc = mdb_env_set_flags(environment_.get(), MDB_NOSYNC, 1);
  return rc == 0 ? StoreStatus() : failure_of(rc, "write " + environment_.data_path());
}

StoreStatus NextEnvironment::sync() {
  const int rc = mdb_env_sync(environment_.get(), 1);
  return rc == 0 ? StoreStatus() : failure_of(rc, "write " + environment_.data_path());
}

StoreStatus NextEnvironment::finish(std::int64_t created_at_s) {
  Schema schema = environment_.schema();
  schema.created_at_s = created_at_s;
  const Table meta = kind_ == EnvironmentKind::credentials ? Table::meta : Table::usage_meta;
  bool stale = false;
  StoreStatus status = environment_.write(
      [&](WriteScope &scope) { return scope.put(meta, kSchemaKey, encode(schema)); }, nullptr, &stale);
  status = status.ok() ? sync() : status;
  environment_.close();
  return status.ok() ? sync_folder(place_ + kMakingSuffix) : status;
}

StoreStatus NextEnvironment::take_place(Environment *old, const MoveProgress &progress, std::string *kept) {
  const std::string making = place_ + kMakingSuffix, next = place_ + kNextSuffix;
  StoreStatus status = is_there(place_) ? keep_modes(place_, making) : StoreStatus();
  kept->clear();
  if (!status.ok()) {
    return status;
  }
  if (old == nullptr) {
    const bool anything = is_there(place_);
    status = anything ? exchange_folders(making, place_) : rename_to_free(making, place_);
    made_ = !status.ok();
    if (status.ok() && anything) {
      *kept = place_ + ".damaged-" + std::to_string(std::time(nullptr));
      status = rename_to_free(making, *kept);
      std::this_thread::sleep_for(kAllHaveLooked);
    }
    return status.ok() ? sync_folder(store_) : status;
  }
  status = rename_to_free(making, next);
  made_ = !status.ok();
  progress("whole", 0, 0);
  status = status.ok() ? exchange_folders(next, place_) : status;
  if (!status.ok()) {
    remove_environment(next);
    return status;
  }
  progress("exchanged", 0, 0);
  // A retired store must never be what a crash of the machine leaves at the place.
  status = sync_folder(store_);
  if (!status.ok()) {
    return status;
  }
  if (kind_ == EnvironmentKind::credentials && !retire(old).ok()) {
    std::this_thread::sleep_for(kAllHaveLooked);  // a full disk, say
  }
  old->close();
  progress("retired", 0, 0);
  remove_environment(next);  // what is left of it, the next writer removes
  return {};
}

StoreStatus finish_move(const std::string &store, EnvironmentKind kind) {
  const std::string place = environment_folder(store, kind);
  const std::string next = place + kNextSuffix, retiring = place + kRetiringSuffix;
  StoreStatus status;
  if (is_there(retiring)) {
    std::this_thread::sleep_for(kAllHaveLooked);
    status = remove_environment(retiring);
  }
  if (!status.ok() || !is_there(next)) {
    return status;
  }
  if (kind == EnvironmentKind::usage) {
    return remove_environment(next);
  }
  status = rename_to_free(next, retiring);
  if (status.ok()) {
    Environment old;
    StoreStatus opened = old.open(store, kind, Access::write, 0, kRetiringSuffix);
    if (!old.retired() && (!opened.ok() || !retire(&old).ok())) {
      std::this_thread::sleep_for(kAllHaveLooked);
    }
  }
  return status.ok() ? remove_environment(retiring) : status;
}

}  // namespace keyward
