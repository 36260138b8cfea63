// Making a store: all of it, or nothing.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "store/environment/environment.hpp"
#include "store/environment/failure.hpp"
#include "store/environment/files.hpp"
#include "store/environment/layout.hpp"
#include "store/environment/rights.hpp"
#include "store/transactions/writer.hpp"

namespace keyward {

namespace {

// What this call has made so far; removed again unless keep() was reached.
class Made {
 public:
  Made() = default;
  ~Made() {
    while (!paths_.empty()) {
      const std::string &path = paths_.back();
      if (unlink(path.c_str()) != 0) {
        rmdir(path.c_str());
      }
      paths_.pop_back();
    }
  }
  Made(const Made &) = delete;
  Made &operator=(const Made &) = delete;

  void add(std::string path) { paths_.push_back(std::move(path)); }
  void keep() noexcept { paths_.clear(); }

 private:
  std::vector<std::string> paths_;
};

StoreStatus make_folder(const std::string &path, Made *made) {
  if (mkdir(path.c_str(), 0700) != 0) {
    return failure_of(errno, "create " + path);
  }
  made->add(path);
  return {};
}

StoreStatus make_secret(const std::string &path, Made *made) {
  const File file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) {
    return failure_of(errno, "create " + path);
  }
  made->add(path);
  Bytes<kSecretBytes> secret = random_bytes<kSecretBytes>();
  const ssize_t n = write(file.get(), secret.data(), secret.size());
  wipe(secret.data(), secret.size());
  if (n != static_cast<ssize_t>(secret.size()) || fsync(file.get()) != 0) {
    return failure_of(n >= 0 && errno == 0 ? ENOSPC : errno, "write " + path);
  }
  return {};
}

StoreStatus make_environment(const std::string &store, EnvironmentKind kind, std::size_t map_bytes, Made *made) {
  const std::string folder = kind == EnvironmentKind::credentials ? credentials_folder(store) : usage_folder(store);
  StoreStatus status = make_folder(folder, made);
  if (!status.ok()) {
    return status;
  }
  made->add(folder + "/data.mdb");
  made->add(folder + "/lock.mdb");
  Environment environment;
  status = environment.open(store, kind, Access::create, map_bytes);
  environment.close();
  return status.ok() ? sync_folder(folder) : status;
}

// Any part of a store, a broken one too: its records may be all that somebody has.
StoreStatus look_for_store(const std::string &folder) {
  for (const std::string &part : {credentials_folder(folder), usage_folder(folder), secret_file(folder),
                                  pepper_file(folder), lock_file(folder)}) {
    struct stat st = {};
    if (lstat(part.c_str(), &st) == 0) {
      std::string text("there is a store at ");
      text.append(folder).append(" already (").append(part).append(")");
      return failure(StoreCode::exists, std::move(text));
    }
    if (errno != ENOENT && errno != ENOTDIR) {
      return failure_of(errno, "look at " + part);
    }
  }
  return {};
}

StoreStatus make_store(const std::string &folder, std::size_t map_bytes, Made *made) {
  StoreStatus status = make_secret(secret_file(folder), made);
  if (status.ok()) {
    bool created = false;
    status = create_if_missing(lock_file(folder), &created);
    if (created) {
      made->add(lock_file(folder));
    }
  }
  status = status.ok() ? make_environment(folder, EnvironmentKind::credentials, map_bytes, made) : status;
  status = status.ok() ? make_environment(folder, EnvironmentKind::usage, map_bytes, made) : status;
  return status.ok() ? sync_folder(folder) : status;
}

}  // namespace

StoreStatus init_store(const std::string &folder, std::size_t map_bytes) {
  StoreStatus status = look_for_store(folder);
  status = status.ok() ? look_at_rights(folder).status : status;
  if (!status.ok()) {
    return status;
  }
  std::string path = folder;
  while (path.size() > 1 && path.back() == '/') {
    path.pop_back();
  }
  Made made;
  if (mkdir(path.c_str(), 0700) == 0) {
    made.add(path);
  } else if (errno != EEXIST) {
    return failure_of(errno, "create " + path);
  }
  status = make_store(folder, map_bytes != 0 ? map_bytes : kDefaultMapBytes, &made);
  if (status.ok()) {
    sync_folder(folder_of(path));  // as far as it may be read
    made.keep();
  }
  return status;
}

}  // namespace keyward
