// Looking at data.mdb before LMDB does: it would make a store of an empty file, crash on a page size of 0 and map
// more than a truncated file has.
#pragma once

#include <cstdint>
#include <string>

#include "store/environment/files.hpp"
#include "store/environment/status.hpp"

namespace keyward {

struct DataFile {
  FileIdentity identity;
  std::uint64_t size = 0;
};

// `store` is named in the sentence for a store that isn't there.
StoreStatus look_at_data_file(const std::string &path, const std::string &store, DataFile *file);

}  // namespace keyward
