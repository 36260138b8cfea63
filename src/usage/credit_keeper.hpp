// Keeps a table's balances in the store, so that they outlive a restart of nginx.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/wait_budget.hpp"
#include "limit/zone.hpp"
#include "usage/usage.hpp"
#include "usage/window_keeper.hpp"

namespace keyward {

// One object per process, used by one thread at a time; what one process moves, no other moves. Nothing happens where
// the zone has no balances.
class CreditKeeper {
 public:
  // `windows` has the store open.
  CreditKeeper(Zone *zone, UsageStore *usage, WindowKeeper *windows) : zone_(zone), usage_(usage), windows_(windows) {}

  struct Loaded {
    std::uint64_t balances = 0;
    std::uint64_t damaged = 0;  // closed, until they are refilled or set
    std::uint64_t no_room = 0;
  };
  // Takes in what the store has, once for each table; until that works nothing is spent. `busy`: another process has
  // been at it for a second.
  StoreStatus load(const Moment &moment, Loaded *loaded);

  // Stores what has changed since it was last stored, by any process; loads first, if that has not worked yet. `last`:
  // this process comes to its end.
  StoreStatus save(const Moment &moment, bool last, const WaitBudget &budget, Loaded *loaded);

 private:
  StoreStatus load_locked(const Moment &moment, Loaded *loaded);
  StoreStatus save_locked(const Moment &moment, const WaitBudget &budget);

  Zone *zone_;
  UsageStore *usage_;
  WindowKeeper *windows_;
  unsigned saves_ = 0;
  std::string pruned_;  // up to this name
};

}  // namespace keyward
