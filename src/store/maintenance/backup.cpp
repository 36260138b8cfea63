// Copies by LMDB itself, each of one snapshot. The secret comes last: without it, it is no backup.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "store/environment/failure.hpp"
#include "store/environment/pepper.hpp"
#include "store/environment/snapshot.hpp"
#include "store/maintenance/maintenance.hpp"

namespace keyward {

namespace {

StoreStatus is_empty(const std::string &folder) {
  DIR *entries = opendir(folder.c_str());
  if (entries == nullptr) {
    return failure_of(errno, "look into " + folder);
  }
  StoreStatus status;
  while (const dirent *entry = readdir(entries)) {
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0) {
      status = failure(StoreCode::exists, folder + " is not empty: name a new folder, such as " + folder +
                                              "-2026-01-31, or add --replace to replace an older backup of this store");
    }
  }
  closedir(entries);
  return status;
}

// Where a path leads, whatever links are on its way; of a folder that is still to be made: where it would lie. Empty:
// nowhere.
std::string resolved(std::string path) {
  std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), &std::free);
  if (real) {
    return real.get();
  }
  while (path.size() > 1 && path.back() == '/') {
    path.pop_back();
  }
  const std::size_t slash = path.rfind('/');
  const std::string around = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  real.reset(realpath(around.c_str(), nullptr));
  return real ? std::string(real.get()) + '/' + path.substr(slash + 1) : std::string();
}

// What lies in a backup's folder: what `keyward --store BACKUP` may have left there, too.
constexpr const char *kParts[] = {".", "..", "secret", "pepper", "lock", "credentials", "usage"};
constexpr const char kReplacing[] = "replacing";

// Whether everything in it is a backup's; `any`: whether there is anything. Else the text names what isn't.
StoreStatus is_backup(const std::string &folder, bool *any) {
  DIR *entries = opendir(folder.c_str());
  *any = false;
  if (entries == nullptr) {
    return errno == ENOENT ? StoreStatus() : failure_of(errno, "look into " + folder);
  }
  StoreStatus status;
  while (const dirent *entry = readdir(entries)) {
    const std::string_view name = entry->d_name;
    const bool known = std::find(std::begin(kParts), std::end(kParts), name) != std::end(kParts);
    *any = *any || (name != "." && name != "..");
    if (!known && name != kReplacing) {
      status = failure(StoreCode::exists,
                       folder + " holds what is not part of a backup: " + std::string(name) + "; name a new folder");
    }
  }
  closedir(entries);
  return status;
}

}  // namespace

StoreStatus check_outside(const std::string &target, const std::string &folder) {
  const std::string inner = resolved(target) + '/';
  const std::string outer = resolved(folder) + '/';
  return inner.compare(0, outer.size(), outer) == 0
             ? failure(StoreCode::exists, target + " lies in the store " + folder + "; name a folder outside of it")
             : StoreStatus();
}

namespace {

void remove_parts(const std::string &folder) {
  unlink(secret_file(folder).c_str());
  unlink(pepper_file(folder).c_str());
  for (const EnvironmentKind kind : {EnvironmentKind::credentials, EnvironmentKind::usage}) {
    const std::string part = environment_folder(folder, kind);
    unlink((part + "/data.mdb").c_str());
    rmdir(part.c_str());
  }
}

// What a backup has made; removed again unless keep() was reached.
class Target {
 public:
  explicit Target(std::string folder) : folder_(std::move(folder)) {}
  ~Target() {
    if (ours_) {
      remove_parts(folder_);
    }
    if (ours_ && made_) {
      rmdir(folder_.c_str());
    }
  }
  Target(const Target &) = delete;
  Target &operator=(const Target &) = delete;

  StoreStatus begin() {
    if (mkdir(folder_.c_str(), 0700) == 0) {
      made_ = ours_ = true;
      return {};
    }
    StoreStatus status = errno == EEXIST ? is_empty(folder_) : failure_of(errno, "create " + folder_);
    if (status.code == StoreCode::missing) {
      status.code = StoreCode::io;  // it isn't the store that is missing
    }
    ours_ = status.ok();
    return status;
  }
  void keep() noexcept { ours_ = false; }

 private:
  std::string folder_;
  bool made_ = false, ours_ = false;
};

// A page that LMDB lost track of keeps it from making a compact copy: then it copies the file as it is.
StoreStatus copy_data(const Environment &environment, const std::string &path) {
  unlink(path.c_str());
  StoreStatus status = create_if_missing(path, nullptr);
  int rc = MDB_INCOMPATIBLE;
  for (const unsigned flags : {unsigned{MDB_CP_COMPACT}, 0U}) {
    if (status.ok() && rc == MDB_INCOMPATIBLE) {
      const File file(open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
      rc = file ? mdb_env_copyfd2(environment.get(), file.get(), flags) : errno;
      rc = rc == 0 && fsync(file.get()) != 0 ? errno : rc;
    }
  }
  return status.ok() && rc != 0 ? failure_of(rc, "copy " + environment.data_path() + " to " + path) : status;
}

StoreStatus copy_environment(const std::string &folder, EnvironmentKind kind, const std::string &target) {
  const std::string into = environment_folder(target, kind);
  Environment environment;
  StoreStatus status = environment.open(folder, kind, Access::read, 0);
  if (status.ok() && mkdir(into.c_str(), 0700) != 0 && errno != EEXIST) {
    status = failure_of(errno, "create " + into);
  }
  status = status.ok() ? copy_data(environment, into + "/data.mdb") : status;
  return status.ok() ? sync_folder(into) : status;
}

// Where the store has one.
StoreStatus copy_pepper(const std::string &folder, const std::string &target) {
  Secret pepper;
  SecretStamp stamp;
  const StoreStatus status = read_pepper(pepper_file(folder), &pepper, &stamp);
  return status.code == StoreCode::not_found ? StoreStatus()
         : status.ok()                       ? write_pepper(pepper_file(target), pepper.view())
                                             : status;
}

StoreStatus copy_all(const std::string &folder, const std::string &target) {
  unlink(secret_file(target).c_str());  // of a try before this one: what is copied now isn't whole yet
  StoreStatus status = copy_environment(folder, EnvironmentKind::usage, target);
  if (status.code == StoreCode::missing) {
    status = {};  // use counts may be lost
  }
  status = status.ok() ? copy_environment(folder, EnvironmentKind::credentials, target) : status;
  // Behind the keys that need it, whose import wrote it before them.
  status = status.ok() ? copy_pepper(folder, target) : status;
  Bytes<kSecretBytes> secret = {};
  SecretStamp stamp;
  status = status.ok() ? read_secret(secret_file(folder), &secret, &stamp) : status;
  status = status.ok() ? write_secret(secret_file(target), secret) : status;
  wipe(secret.data(), secret.size());
  static_cast<void>(sync_folder(target + "/.."));  // as far as it may be read
  return status.ok() ? sync_folder(target) : status;
}

StoreStatus copy_into(const std::string &folder, const std::string &target, BackupReport *report) {
  Target made(target);
  StoreStatus status = made.begin();
  constexpr int kTries = 3;  // while the store itself is moved
  for (int i = 0; status.ok() && i < kTries; ++i) {
    status = copy_all(folder, target);
    Environment copy;
    if (status.ok()) {
      status = copy.open(target, EnvironmentKind::credentials, Access::backup, 0);
      EnvironmentSnapshot snapshot;
      if (status.ok() && (status = snapshot.begin(&copy)).ok()) {
        report->keys = snapshot.entries(Table::keys);
        report->bytes = copy.file_bytes();
        made.keep();
        return {};
      }
    }
    if (!copy.retired()) {
      return status;
    }
    status = {};
  }
  return status.ok() ? failure(StoreCode::busy, folder + " is being replaced; try again") : status;
}

// One secret for the old backup and the new: then each of its files can be exchanged by itself, and between any two
// of these steps the folder is a whole backup.
StoreStatus has_same_secret(const std::string &folder, const std::string &target) {
  Bytes<kSecretBytes> of_store = {}, of_backup = {};
  SecretStamp stamp;
  struct stat st = {};
  if (lstat(secret_file(target).c_str(), &st) != 0 && errno == ENOENT) {
    return {};  // one that was never whole
  }
  StoreStatus status = read_secret(secret_file(folder), &of_store, &stamp);
  status = status.ok() ? read_secret(secret_file(target), &of_backup, &stamp) : status;
  const bool same = of_store == of_backup;
  wipe(of_store.data(), of_store.size());
  wipe(of_backup.data(), of_backup.size());
  return status.ok() && !same ? failure(StoreCode::exists, target + " is a backup of another store; name a new folder")
                              : status;
}

StoreStatus exchange_data(const std::string &from, EnvironmentKind kind, const std::string &target) {
  const std::string into = environment_folder(target, kind), data = environment_folder(from, kind) + "/data.mdb";
  struct stat st = {};
  if (lstat(data.c_str(), &st) != 0 && errno == ENOENT) {
    return {};  // the store has no use counts
  }
  if (mkdir(into.c_str(), 0700) != 0 && errno != EEXIST) {
    return failure_of(errno, "create " + into);
  }
  unlink((into + "/lock.mdb").c_str());  // of whoever has looked into the old one
  if (rename(data.c_str(), (into + "/data.mdb").c_str()) != 0) {
    return failure_of(errno, "rename " + data + " to " + into + "/data.mdb");
  }
  return sync_folder(into);
}

// The new one is made inside of the folder, whole, before anything of the old one goes.
StoreStatus replace(const std::string &folder, const std::string &target, BackupReport *report) {
  const std::string making = target + '/' + kReplacing;
  StoreStatus status = has_same_secret(folder, target);
  if (!status.ok()) {
    return status;
  }
  remove_parts(making);
  rmdir(making.c_str());
  status = copy_into(folder, making, report);
  // A store has one pepper, so the older credentials are whole with it, too.
  if (status.ok() && rename(pepper_file(making).c_str(), pepper_file(target).c_str()) != 0 && errno != ENOENT) {
    status = failure_of(errno, "write " + pepper_file(target));
  }
  for (const EnvironmentKind kind : {EnvironmentKind::usage, EnvironmentKind::credentials}) {
    status = status.ok() ? exchange_data(making, kind, target) : status;
  }
  if (status.ok() && rename(secret_file(making).c_str(), secret_file(target).c_str()) != 0) {
    status = failure_of(errno, "write " + secret_file(target));
  }
  remove_parts(making);
  rmdir(making.c_str());
  return status.ok() ? sync_folder(target) : status;
}

}  // namespace

StoreStatus backup_store(const std::string &folder, const std::string &target, bool replaces, BackupReport *report) {
  *report = {};
  struct stat st = {};
  if (stat(credentials_folder(folder).c_str(), &st) != 0) {
    return errno == ENOENT ? failure(StoreCode::missing, "no store at " + folder)
                           : failure_of(errno, "look at " + credentials_folder(folder));
  }
  bool any = false;
  StoreStatus status = check_outside(target, folder);
  status = status.ok() && replaces ? is_backup(target, &any) : status;
  if (!status.ok()) {
    return status;
  }
  return any ? replace(folder, target, report) : copy_into(folder, target, report);
}

}  // namespace keyward
