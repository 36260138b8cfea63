// From "/" on, folder by folder, so that what was looked at is what is opened.
#include "cli/place.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "store/failure.hpp"

namespace keyward::cli {
namespace {

constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;

// Empty: there is nothing.
std::string real_path(const std::string &path) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), &std::free);
  return real ? real.get() : std::string();
}

// But for what mkfs puts into a new file system.
StoreStatus is_empty(int folder, const std::string &path) {
  const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *entries = copy >= 0 ? fdopendir(copy) : nullptr;
  if (entries == nullptr) {
    return failure_of(errno, "look into " + path);
  }
  StoreStatus status;
  while (const dirent *entry = readdir(entries)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && name != "lost+found") {
      status = failure(StoreCode::exists, path + " belongs to root, and is not empty");
    }
  }
  closedir(entries);
  return status;
}

}  // namespace

StoreStatus Place::find(const std::string &given) {
  std::string path = given;
  while (path.size() > 1 && path.back() == '/') {
    path.pop_back();
  }
  path_ = real_path(path);
  if (path_.empty() && errno != ENOENT) {
    return failure_of(errno, "look at " + given);
  }
  if (path_.empty()) {
    const std::string above = real_path(folder_of(path));
    const std::string last = path.substr(path.rfind('/') + 1);
    if (above.empty()) {
      path_ = path;
      others_ = folder_of(path);
      return {};
    }
    path_ = above == "/" ? "/" + last : above + "/" + last;
  }
  return walk();
}

StoreStatus Place::walk() {
  others_.clear();
  folder_.close();
  File at(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat around = {};
  std::string so_far;
  for (std::size_t begin = 1; begin < path_.size();) {
    const std::size_t end = std::min(path_.find('/', begin), path_.size());
    name_ = path_.substr(begin, end - begin);
    begin = end + 1;
    if (!at || fstat(at.get(), &around) != 0) {
      return failure_of(errno, "look at " + path_);
    }
    File next(openat(at.get(), name_.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    const bool last = end == path_.size();
    if (!next && !(last && errno == ENOENT)) {
      return failure_of(errno, "open " + path_);
    }
    if (next && fstat(next.get(), &about_) != 0) {
      return failure_of(errno, "look at " + path_);
    }
    // In a folder such as /tmp nobody takes away what is root's.
    const bool kept = next && (around.st_mode & S_ISVTX) != 0 && about_.st_uid == 0;
    if (others_.empty() && (around.st_uid != 0 || ((around.st_mode & kOthersWrite) != 0 && !kept))) {
      others_ = so_far.empty() ? "/" : so_far;
    }
    if (last) {
      above_ = std::move(at);
      folder_ = std::move(next);
      return {};
    }
    at = std::move(next);
    so_far.append("/").append(name_);
  }
  return failure(StoreCode::io, "/ can't be a store's folder");
}

bool Place::only_root_writes() const noexcept { return about_.st_uid == 0 && (about_.st_mode & kOthersWrite) == 0; }

StoreStatus Place::make(uid_t user, gid_t group) {
  if (mkdirat(above_.get(), name_.c_str(), 0700) != 0) {
    return failure_of(errno, "create " + path_);
  }
  StoreStatus status = walk();
  if (status.ok() && !(is_there() && only_root_writes() && only_root_leads_here())) {
    status = failure(StoreCode::io, path_ + " was replaced while it was made");
  }
  return status.ok() ? hand_over(user, group) : status;
}

StoreStatus Place::give(uid_t user, gid_t group) {
  StoreStatus status = is_empty(folder_.get(), path_);
  return status.ok() ? hand_over(user, group) : status;
}

StoreStatus Place::hand_over(uid_t user, gid_t group) {
  if (fchownat(folder_.get(), "", user, group, AT_EMPTY_PATH) != 0) {
    return failure_of(errno, "change the owner of " + path_);
  }
  about_.st_uid = user;
  about_.st_gid = group;
  return {};
}

void Place::remove() noexcept { unlinkat(above_.get(), name_.c_str(), AT_REMOVEDIR); }

}  // namespace keyward::cli
