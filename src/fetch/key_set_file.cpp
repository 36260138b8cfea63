// "keyward jwks 1\n", the name, SHA-256 of the rest, and the rest: the time and the set. A new file is whole before it
// takes its place.
#include "fetch/key_set_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/digest.hpp"
#include "base/file.hpp"
#include "base/little_endian.hpp"
#include "base/quote.hpp"
#include "fetch/shared_key_set.hpp"
#include "store/environment/files.hpp"

namespace keyward {

namespace {

constexpr std::string_view kHead = "keyward jwks 1\n";
constexpr std::size_t kFrameBytes = kHead.size() + 2 * sizeof(Sha256);
constexpr std::size_t kMaxPacked = sizeof(std::int64_t) + kMaxKeySetText;

bool fail(std::string *error, const std::string &path, std::string_view problem) {
  *error = quote(path) + ": " + std::string(problem);
  return false;
}

bool fail_system(std::string *error, const std::string &path, std::string_view what) {
  return fail(error, path, std::string(what) + ": " + std::strerror(errno));
}

bool write_all(int fd, std::string_view data) noexcept {
  while (!data.empty()) {
    const ssize_t done = ::write(fd, data.data(), data.size());
    if (done < 0 && errno == EINTR) {
      continue;
    }
    if (done <= 0) {
      return false;
    }
    data.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

bool write_file(const std::string &path, std::string_view content) noexcept {
  const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  return file && write_all(file.get(), content) && ::fsync(file.get()) == 0;
}

}  // namespace

std::string pack_key_set(const KeptKeySet &set) {
  std::string packed;
  packed.reserve(sizeof(set.fetched_at_s) + set.text.size());
  put_int(&packed, set.fetched_at_s);
  packed += set.text;
  return packed;
}

bool take_key_set(std::string_view packed, KeptKeySet *set) {
  if (packed.size() > kMaxPacked || !take_int(&packed, &set->fetched_at_s) || set->fetched_at_s < 0) {
    return false;
  }
  set->text = packed;
  return true;
}

bool write_key_set_file(const std::string &path, const Sha256 &name, const KeptKeySet &set, std::string *error) {
  const std::string packed = pack_key_set(set);
  std::string content(kHead);
  content += view_of(name);
  content += view_of(sha256(packed));
  content += packed;
  // By a name of this process's own: another one may be at the same, around a reload.
  const std::string making = path + '.' + std::to_string(::getpid()) + ".new";
  ::unlink(making.c_str());  // of a process that was killed, and had this one's number
  if (!write_file(making, content) || ::rename(making.c_str(), path.c_str()) != 0) {
    fail_system(error, path, "can't be written");
    ::unlink(making.c_str());
    return false;
  }
  const StoreStatus synced = sync_folder(folder_of(path));
  return synced.ok() || fail(error, path, synced.text);
}

bool read_key_set_file(const std::string &path, const Sha256 &name, KeptKeySet *set, std::string *error) {
  error->clear();
  const File file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!file) {
    return errno == ENOENT ? false : fail_system(error, path, "can't be read");
  }
  struct stat st = {};
  if (::fstat(file.get(), &st) != 0) {
    return fail_system(error, path, "can't be read");
  }
  if (!S_ISREG(st.st_mode)) {
    return fail(error, path, "not a regular file");
  }
  if ((st.st_uid != ::geteuid() && st.st_uid != 0) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(error, path, "others than the workers' user and root may write it");
  }
  std::string content;
  if (!read_whole(file.get(), kFrameBytes + kMaxPacked, &content)) {
    return fail_system(error, path, "can't be read");
  }
  std::string_view rest = content;
  if (rest.substr(0, kHead.size()) != kHead || rest.size() < kFrameBytes) {
    return fail(error, path, "not a file that keyward has written");
  }
  if (rest.substr(kHead.size(), name.size()) != view_of(name)) {
    return fail(error, path, "its keys were fetched from another URL, or with another ca=");
  }
  const std::string_view packed = rest.substr(kFrameBytes);
  if (rest.substr(kHead.size() + name.size(), sizeof(Sha256)) != view_of(sha256(packed)) ||
      !take_key_set(packed, set)) {
    return fail(error, path, "damaged");
  }
  return true;
}

}  // namespace keyward
