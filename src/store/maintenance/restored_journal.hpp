// The journal over a restore. What was done since the backup stays on record: the present store's entries are kept, and
// the restore is one more. Only where no present store can be read, the backup's are.
#pragma once

#include <string>
#include <vector>

#include "store/environment/snapshot.hpp"
#include "store/records/journal.hpp"

namespace keyward {

class RestoredJournal {
 public:
  // `to` is being filled; where its format has no journal, nothing happens.
  explicit RestoredJournal(Environment *to) : to_(to) {}

  // Makes the entries of `to` those of a snapshot. Run again with a later one, it writes what differs. What can't be
  // read is left out and named.
  StoreStatus copy(Environment &from, EnvironmentSnapshot &snapshot, std::string_view whose,
                   std::vector<std::string> *damaged);
  // The last entry: the restore itself. Numbers go on behind those of the present store; nullptr: it can't be read, and
  // they go on at one that it can't have given.
  StoreStatus finish(const Environment *present, const EnvironmentSnapshot *snapshot, const Author &author,
                     std::uint64_t keys);

 private:
  Environment *to_;
};

}  // namespace keyward
