// One look at each file; a link counts for what it leads to.
#include "store/environment/rights.hpp"

#include <sys/stat.h>

#include "store/environment/failure.hpp"
#include "store/environment/layout.hpp"

namespace keyward {

Rights look_at_rights(const std::string &store) {
  Rights rights;
  struct stat folder = {};
  if (stat(store.c_str(), &folder) != 0) {
    return rights;
  }
  const std::string credentials = credentials_folder(store), usage = usage_folder(store);
  for (const std::string &path :
       {store, secret_file(store), pepper_file(store), lock_file(store), credentials, credentials + "/data.mdb",
        credentials + "/lock.mdb", usage, usage + "/data.mdb", usage + "/lock.mdb"}) {
    struct stat st = {};
    if (stat(path.c_str(), &st) != 0) {
      continue;
    }
    if ((st.st_mode & S_IWOTH) != 0) {
      rights.status = failure(StoreCode::exposed, "others may write " + path + ": chmod o-w " + path);
      rights.status.text +=
          path == store ? " (or where it is a mount that is open to all, use a folder below it: " + store + "/keyward)"
                        : std::string();
      return rights;
    }
    if (st.st_uid != folder.st_uid) {
      rights.status =
          failure(StoreCode::exposed, path + " belongs to user " + std::to_string(st.st_uid) +
                                          ", and the store's folder to user " + std::to_string(folder.st_uid) +
                                          "; give all of it to the user of nginx's workers: chown -R "
                                          "www-data: " +
                                          store);
      return rights;
    }
    if ((st.st_mode & S_IWGRP) != 0) {
      rights.warnings.push_back("the group of " + path + " may write it: chmod g-w " + path);
    }
  }
  return rights;
}

}  // namespace keyward
