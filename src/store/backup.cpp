// Copies by LMDB itself, each of one snapshot. The secret comes last: without it, it is no backup.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "store/failure.hpp"
#include "store/maintenance.hpp"
#include "store/snapshot.hpp"

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
      status = failure(StoreCode::exists, folder + " is not empty; name a new folder");
    }
  }
  closedir(entries);
  return status;
}

// Where a path leads, whatever links are on its way; of a folder that is still to be made: where it would lie. Empty: nowhere.
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

bool lies_in(const std::string &path, const std::string &folder) {
  const std::string inner = resolved(path) + '/';
  const std::string outer = resolved(folder) + '/';
  return inner.compare(0, outer.size(), outer) == 0;
}

// What a backup has made; removed again unless keep() was reached.
class Target {
 public:
  explicit Target(std::string folder) : folder_(std::move(folder)) {}
  ~Target() {
    if (!ours_) {
      return;
    }
    unlink(secret_file(folder_).c_str());
    for (const EnvironmentKind kind : {EnvironmentKind::credentials, EnvironmentKind::usage}) {
      const std::string part = environment_folder(folder_, kind);
      unlink((part + "/data.mdb").c_str());
      rmdir(part.c_str());
    }
    if (made_) {
      rmdir(folder_.c_str());
    }
  }
  Target(const Target &) = delete;
  Target &operator=(const Target &) = delete;

  StoreStatus begin(const Owner &owner) {
    if (mkdir(folder_.c_str(), 0700) == 0) {
      made_ = ours_ = true;
      return give_to(folder_, owner);
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
StoreStatus copy_data(const Environment &environment, const std::string &path, const Owner &owner) {
  unlink(path.c_str());
  StoreStatus status = create_if_missing(path, owner, nullptr);
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

StoreStatus copy_environment(const std::string &folder, EnvironmentKind kind, const std::string &target,
                             const Owner &owner) {
  const std::string into = environment_folder(target, kind);
  Environment environment;
  StoreStatus status = environment.open(folder, kind, Access::read, 0);
  if (status.ok() && mkdir(into.c_str(), 0700) != 0 && errno != EEXIST) {
    status = failure_of(errno, "create " + into);
  }
  status = status.ok() ? give_to(into, owner) : status;
  status = status.ok() ? copy_data(environment, into + "/data.mdb", owner) : status;
  return status.ok() ? sync_folder(into) : status;
}

StoreStatus copy_all(const std::string &folder, const std::string &target, const Owner &owner) {
  unlink(secret_file(target).c_str());  // of a try before this one: what is copied now isn't whole yet
  StoreStatus status = copy_environment(folder, EnvironmentKind::usage, target, owner);
  if (status.code == StoreCode::missing) {
    status = {};  // use counts may be lost
  }
  status = status.ok() ? copy_environment(folder, EnvironmentKind::credentials, target, owner) : status;
  Bytes<kSecretBytes> secret = {};
  SecretStamp stamp;
  status = status.ok() ? read_secret(secret_file(folder), &secret, &stamp) : status;
  status = status.ok() ? write_secret(secret_file(target), secret, owner) : status;
  wipe(secret.data(), secret.size());
  static_cast<void>(sync_folder(target + "/.."));  // as far as it may be read
  return status.ok() ? sync_folder(target) : status;
}

}  // namespace

StoreStatus backup_store(const std::string &folder, const std::string &target, BackupReport *report) {
  *report = {};
  Owner owner;
  StoreStatus status = owner_of(credentials_folder(folder), &owner);
  if (status.code == StoreCode::missing) {
    return failure(StoreCode::missing, "no store at " + folder);
  }
  if (status.ok() && lies_in(target, folder)) {
    return failure(StoreCode::exists, target + " lies in the store " + folder + "; name a folder outside of it");
  }
  Target made(target);
  status = status.ok() ? made.begin(owner) : status;
  constexpr int kTries = 3;  // while the store itself is moved
  for (int i = 0; status.ok() && i < kTries; ++i) {
    status = copy_all(folder, target, owner);
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
  return status.ok() ? failure(StoreCode::busy, folder + " is being moved") : status;
}

}  // namespace keyward
