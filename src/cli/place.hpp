// Where a path leads, found out by a process of root's that touches nothing there.
#pragma once

#include <sys/stat.h>

#include <string>

#include "base/file.hpp"
#include "store/environment/status.hpp"

namespace keyward::cli {

class Place {
 public:
  // Of a folder, there or not. ok also where it isn't: then is_there() is false.
  StoreStatus find(const std::string &path);

  bool is_there() const noexcept { return static_cast<bool>(folder_); }
  uid_t user() const noexcept { return about_.st_uid; }
  gid_t group() const noexcept { return about_.st_gid; }
  // Without links; where the folder above isn't there either, as it was given.
  const std::string &path() const noexcept { return path_; }
  // Whether nobody but root can put something else at the path; else others() names the folder in which somebody can.
  bool only_root_leads_here() const noexcept { return others_.empty(); }
  const std::string &others() const noexcept { return others_; }
  // Whether root alone may write in the folder itself.
  bool only_root_writes() const noexcept;
  int descriptor() const noexcept { return folder_.get(); }

  // Makes the folder, empty, for this user. It must not be there, and only root may lead there.
  StoreStatus make(uid_t user, gid_t group);
  // Gives the folder that is there to a user: one of root's, in which nothing is.
  StoreStatus give(uid_t user, gid_t group);
  // Closes the folder above; nothing can be made then.
  void leave() noexcept { above_.close(); }
  // Removes a folder that make() made, as far as nothing is in it.
  void remove() noexcept;

 private:
  StoreStatus hand_over(uid_t user, gid_t group);

  std::string path_, name_, others_;
  File above_, folder_;  // O_PATH
  struct stat about_ = {};
};

}  // namespace keyward::cli
