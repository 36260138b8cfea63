// Counting in windows, in shared memory: exact over all processes, lock-free once a window exists.
//
// A table of windows lies in memory that several processes share and that was zeroed once. It is valid at every
// instruction: a process may be killed anywhere. Times are monotonic milliseconds since any fixed point (nginx:
// ngx_current_msec), a parameter throughout. Processes may differ in them: the table goes by the latest (to 10 ms)
// that it was told by a charge, so its time never steps back, and all users of a table must mean the same fixed
// point.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/rate.hpp"

namespace keyward {

// One limit about to be applied to one principal or address: which window, and what it may hold.
struct Charge {
  Digest name;               // keyed digest of (limit's identity, who): the window's name
  std::uint64_t limit_name;  // the limit's own name, for its overflow window
  Rate rate;
  std::uint32_t cost = 1;  // 1 to rate.count, or more: then never admitted
  bool sliding = false;    // weighs the window before
};

// What a window says after a charge, a refusal or a look.
struct WindowState {
  bool admitted = false;
  bool overflow = false;        // this was the limit's shared overflow window
  std::uint32_t limit = 0;      // the rate's count (ten times it in an overflow window)
  std::uint32_t remaining = 0;  // after this charge
  // Milliseconds until the window closes: at most the window's length. Of a window that isn't open: its length.
  std::uint64_t reset_ms = 0;
  // Refused only: milliseconds until the same charge could be admitted (of a cost above the limit: reset_ms).
  std::uint64_t retry_ms = 0;
  // Admitted only: when, by the table's clock; what give_back() wants. It can be some ms later than the caller's own
  // `now_ms`.
  std::uint64_t charged_ms = 0;
};

// Fills and spills; for logs, metrics and tests.
struct WindowStats {
  std::uint64_t slots = 0;
  std::uint64_t open = 0;       // windows not closed at `now`
  std::uint64_t overflows = 0;  // charges that went to an overflow window, since creation
};

class WindowTable {
 public:
  // Lays a new, empty table into zeroed memory (aligned to 64) that is shared already: 32 bytes a window, after about
  // 9 KB of its own. nullptr if bytes are too few for that.
  static WindowTable *create(void *memory, std::size_t bytes) noexcept;
  // The table that create() laid there, in this or another process (after a reload); nullptr if it isn't one of
  // this version and size.
  static WindowTable *adopt(void *memory, std::size_t bytes) noexcept;

  // Atomically: admits and counts the charge, or refuses and counts nothing. A fixed window opens with its first
  // admitted charge. A window whose length on record is longer than the charge's rate is cut to that length from now
  // (the count is kept); a rate that changed keeps the count. A name that finds only open windows of others in its
  // place shares its limit's overflow window, of ten times the rate. A charge of cost 0 is a look().
  WindowState charge(const Charge &charge, std::uint64_t now_ms) noexcept;
  // Takes a charge back that charge() admitted at `charged_ms`, if its window is still that one. Where that can't be
  // told (the length changed meanwhile), the charge stays.
  void give_back(const Charge &charge, std::uint64_t charged_ms, std::uint64_t now_ms) noexcept;
  // What charge() would see, without charging; admitted says whether it would admit.
  WindowState look(const Charge &charge, std::uint64_t now_ms) noexcept;

  WindowStats stats(std::uint64_t now_ms) const noexcept;

 private:
  WindowTable() = default;
};

}  // namespace keyward
