// The backup's use counts, for keys that have none now.
#pragma once

#include <string>

#include "store/lock_file.hpp"
#include "store/seal.hpp"
#include "store/status.hpp"

namespace keyward {

// Into the store's own use counts, which are made anew where they can't be opened. Under LockByte::moving.
StoreStatus restore_usage(const std::string &folder, const std::string &backup, const Seal &backup_seal,
                          LockFile *lock);

}  // namespace keyward
