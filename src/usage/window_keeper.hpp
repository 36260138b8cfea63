// Keeps a zone's windows of an hour or more in the store, so that they outlive a restart of nginx.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/wait_budget.hpp"
#include "limit/zone.hpp"
#include "usage/usage.hpp"

namespace keyward {

// One moment by both clocks.
struct Moment {
  std::uint64_t now_ms = 0;  // monotonic, as everywhere in limit/
  std::int64_t wall_ms = 0;  // Unix milliseconds
};

// One object per process, used by one thread at a time. What one process moves, no other moves: it holds the zone's
// transfer() meanwhile.
class WindowKeeper {
 public:
  WindowKeeper(Zone *zone, UsageStore *usage, std::string folder, std::size_t map_bytes);

  // The usage store, opened for writing if it isn't, or opened anew where it was replaced.
  StoreStatus ready();

  struct Loaded {
    bool by_us = false;         // false: they were loaded before, or can't be
    std::uint64_t windows = 0;  // that have not ended
    std::uint64_t damaged = 0;  // ignored
    std::uint64_t no_room = 0;  // found no room in the zone
  };
  // Takes in what the store has, once for each zone. A store without usage has none; one that can only be read is
  // enough. `busy`: another process has been at it for a second.
  StoreStatus load(const Moment &moment, Loaded *loaded);

  // Stores what has changed since it was last stored, by any process; loads first, if that has not worked yet. `last`:
  // all of it, this process comes to its end; else a part of it where the zone is very large, and nothing while another
  // process is at it. Waits for locks no longer than `budget` says, and then for the other process a second at most.
  StoreStatus save(const Moment &moment, bool last, const WaitBudget &budget, Loaded *loaded);

 private:
  StoreStatus load_locked(const Moment &moment, Loaded *loaded);
  StoreStatus save_locked(const Moment &moment, bool last, const WaitBudget &budget);
  StoreStatus save_share(const Moment &moment, bool of_address, bool last, const WaitBudget &budget);
  StoreStatus prune(const Moment &moment, const WaitBudget &budget);

  Zone *zone_;
  UsageStore *usage_;
  std::string folder_;
  std::size_t map_bytes_;
  std::uint64_t next_bucket_[2] = {0, 0};  // principals, addresses
  unsigned saves_ = 0;
  std::string pruned_;  // up to this name
};

}  // namespace keyward
