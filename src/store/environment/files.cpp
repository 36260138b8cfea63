// System calls behind files.hpp.
#include "store/environment/files.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.hpp"
#include "store/environment/failure.hpp"

namespace keyward {

StoreStatus create_if_missing(const std::string &path, bool *created, std::uint64_t bytes) {
  const File file(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (created != nullptr) {
    *created = static_cast<bool>(file);
  }
  if (!file) {
    return errno == EEXIST ? StoreStatus() : failure_of(errno, "create " + path);
  }
  if (const int rc = bytes != 0 ? posix_fallocate(file.get(), 0, static_cast<off_t>(bytes)) : 0; rc != 0) {
    unlink(path.c_str());
    return failure_of(rc, "create " + path);
  }
  return {};
}

SecretStamp stamp_of(const struct stat &st) noexcept {
  return {identity_of(st), st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_size};
}

StoreStatus read_secret(const std::string &path, Bytes<kSecretBytes> *secret, SecretStamp *stamp) {
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat st = {};
  if (!file || fstat(file.get(), &st) != 0) {
    return failure(StoreCode::no_secret, failure_of(errno, "read the secret " + path).text);
  }
  const ssize_t size = read_bytes(file.get(), secret->data(), secret->size());
  if (size != static_cast<ssize_t>(secret->size()) || st.st_size != size) {
    return failure(StoreCode::no_secret,
                   "the secret " + path + " must have " + std::to_string(kSecretBytes) + " bytes");
  }
  *stamp = stamp_of(st);
  return {};
}

StoreStatus write_secret(const std::string &path, const Bytes<kSecretBytes> &secret) {
  return write_private_file(path, view_of(secret));
}

StoreStatus write_private_file(const std::string &path, std::string_view content) {
  const std::string made = path + ".making";
  unlink(made.c_str());
  StoreStatus status = create_if_missing(made, nullptr);
  if (!status.ok()) {
    return status;
  }
  const File file(open(made.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  errno = ENOSPC;  // what a short write means
  if (!file || write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      fsync(file.get()) != 0 || rename(made.c_str(), path.c_str()) != 0) {
    status = failure_of(errno, "write " + path);
    unlink(made.c_str());
  }
  return status;
}

bool is_read_only_mount(const std::string &path) noexcept {
  struct statvfs disk = {};
  return statvfs(path.c_str(), &disk) == 0 && (disk.f_flag & ST_RDONLY) != 0;
}

StoreStatus sync_folder(const std::string &path) {
  const File folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || fsync(folder.get()) != 0) {
    return failure_of(errno, "sync " + path);
  }
  return {};
}

}  // namespace keyward
