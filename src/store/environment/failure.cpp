// One table from LMDB's and the system's codes to ours.
#include "store/environment/failure.hpp"

#include <lmdb.h>

#include <cerrno>

namespace keyward {

StoreCode store_code(int rc) noexcept {
  switch (rc) {
    case MDB_SUCCESS:
      return StoreCode::ok;
    case MDB_NOTFOUND:
      return StoreCode::not_found;
    case MDB_KEYEXIST:
      return StoreCode::exists;
    case MDB_VERSION_MISMATCH:
      return StoreCode::other_version;
    case MDB_INVALID:
      return StoreCode::no_schema;
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
    case MDB_CURSOR_FULL:
    case MDB_INCOMPATIBLE:
      return StoreCode::damaged;
    case MDB_READERS_FULL:
      return StoreCode::readers_full;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
      return StoreCode::full;
    case ENOENT:
    case ENOTDIR:
      return StoreCode::missing;
    case EACCES:
    case EPERM:
      return StoreCode::permission;
    case EROFS:
      return StoreCode::read_only;
    default:
      return StoreCode::io;
  }
}

StoreStatus failure_of(int rc, std::string_view what) {
  std::string text("cannot ");
  text.append(what).append(": ").append(mdb_strerror(rc));
  return failure(store_code(rc), std::move(text));
}

}  // namespace keyward
