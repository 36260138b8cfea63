// Raises a store's format to the newest one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "store/environment/status.hpp"
#include "store/records/journal.hpp"

namespace keyward {

struct UpgradeReport {
  std::uint32_t from = 0, to = 0;
  // Which processes can't read the newest format, or don't show that they can: `busy`.
  std::vector<pid_t> older;
};

// While the store is in use. Refused with `busy` while a process has it open that doesn't show that it reads the new
// format: an older worker, or an older command. Whoever evades that look (a reader on a read-only mount is in no list)
// finds the store to be of another version within a second, and refuses to use it. Of the newest format already: ok,
// and nothing is done.
StoreStatus upgrade_store(const std::string &folder, const Author &author, UpgradeReport *report);

}  // namespace keyward
