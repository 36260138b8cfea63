// Who may write a store's files. What others can write, they can exchange: an older file brings a revoked key back, and
// LMDB believes whatever is in its files.
#pragma once

#include <string>
#include <vector>

#include "store/environment/status.hpp"

namespace keyward {

struct Rights {
  // `exposed`: others may write the store's folder or something of the store in it, or it belongs to somebody else than
  // the folder does. The text says what to write.
  StoreStatus status;
  std::vector<std::string> warnings;  // what the group may write
};

// Of the store (or the backup) in this folder. What isn't there, or can't be looked at, is left to whoever opens it.
// An ACL counts as far as the mode shows it: as the group's right.
Rights look_at_rights(const std::string &store);

}  // namespace keyward
