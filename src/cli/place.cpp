// From "/" on, folder by folder, so that what was looked at is what is opened.
#include "cli/place.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "store/environment/failure.hpp"

namespace keyward::cli {
namespace {

constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;
constexpr std::size_t kMostLinks = 40;  // as the kernel has it

std::string joined(const std::vector<std::string> &names) {
  std::string path;
  for (const std::string &name : names) {
    path.append("/").append(name);
  }
  return path;
}

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
      status = failure(StoreCode::exists, path + " belongs to root, and is not empty; name a new folder");
    }
  }
  closedir(entries);
  return status;
}

}  // namespace

StoreStatus Place::find(const std::string &given) {
  above_.close();
  folder_.close();
  others_.clear();
  path_ = given;
  std::string rest = given;
  if (rest.empty() || rest.front() != '/') {
    const std::string here = real_path(".");
    if (here.empty()) {
      return failure_of(errno, "look at the working directory");
    }
    rest = here + '/' + rest;
  }
  File at(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::vector<std::string> way;  // from "/" to where this has come
  std::size_t links = 0;
  while (true) {
    const std::size_t begin = rest.find_first_not_of('/');
    if (begin == std::string::npos) {
      return failure(StoreCode::io, "/ can't be a store's folder");
    }
    const std::size_t end = std::min(rest.find('/', begin), rest.size());
    const std::string name = rest.substr(begin, end - begin);
    rest.erase(0, end);
    const bool last = rest.find_first_not_of('/') == std::string::npos;
    if (name == ".." && !way.empty()) {
      way.pop_back();
    }
    if (name == "." || name == "..") {
      at = File(openat(at.get(), name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      if (!at) {
        return failure_of(errno, "open " + given);
      }
      if (!last) {
        continue;
      }
      if (way.empty()) {
        return failure(StoreCode::io, "/ can't be a store's folder");
      }
      rest = "/" + way.back();  // the folder under its own name
      way.pop_back();
      at = File(openat(at.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
      continue;
    }
    struct stat around = {}, about = {};
    if (!at || fstat(at.get(), &around) != 0) {
      return failure_of(errno, "look at " + given);
    }
    File next(openat(at.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno != ENOENT) {
      return failure_of(errno, "open " + given);
    }
    if (next && fstat(next.get(), &about) != 0) {
      return failure_of(errno, "look at " + given);
    }
    // Whoever can put something else here leads the way: to another folder, and by another link. In a folder such as
    // /tmp nobody takes away what is root's.
    const bool kept = next && (around.st_mode & S_ISVTX) != 0 && about.st_uid == 0;
    if (others_.empty() && (around.st_uid != 0 || ((around.st_mode & kOthersWrite) != 0 && !kept))) {
      others_ = way.empty() ? "/" : joined(way);
    }
    if (next && S_ISLNK(about.st_mode)) {
      std::string target(PATH_MAX, '\0');
      const ssize_t size = readlinkat(next.get(), "", target.data(), target.size());
      if (size < 0 || ++links > kMostLinks) {
        return failure_of(size < 0 ? errno : ELOOP, "open " + given);
      }
      target.resize(static_cast<std::size_t>(size));
      if (target.front() == '/') {
        at = File(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
        way.clear();
      }
      rest = target + rest;
      continue;
    }
    if (next && !S_ISDIR(about.st_mode)) {
      return failure_of(ENOTDIR, "open " + given);
    }
    way.push_back(name);
    if (!next && !last) {  // what is above isn't there either
      others_ = folder_of(given);
      return {};
    }
    if (last) {
      path_ = joined(way);
      name_ = name;
      about_ = about;
      above_ = std::move(at);
      folder_ = std::move(next);
      return {};
    }
    at = std::move(next);
  }
}

bool Place::only_root_writes() const noexcept { return about_.st_uid == 0 && (about_.st_mode & kOthersWrite) == 0; }

StoreStatus Place::make(uid_t user, gid_t group) {
  if (mkdirat(above_.get(), name_.c_str(), 0700) != 0) {
    return failure_of(errno, "create " + path_);
  }
  const std::string made = path_;
  StoreStatus status = find(made);
  if (status.ok() && path_ == made && is_there() && only_root_writes() && !only_root_leads_here()) {
    remove();
    return failure(StoreCode::io,
                   made + " would be root's, and others could put something else in its place: they may write " +
                       others_ + "; choose another folder, or have that folder's owner run the command");
  }
  if (status.ok() && !(path_ == made && is_there() && only_root_writes() && only_root_leads_here())) {
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
