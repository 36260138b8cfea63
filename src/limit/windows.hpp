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
#include "base/calendar.hpp"
#include "base/rate.hpp"

namespace keyward {

// What a request has paid in a window, on its way through several locations.
struct Payment {
  std::uint32_t amount = 0;
  bool overflow = false;      // in the limit's shared overflow window
  std::uint64_t paid_ms = 0;  // WindowState::charged_ms: a window that has ended since is another one
};

// One limit about to be applied to one principal or address: which window, and what it may hold.
struct Charge {
  Digest name;               // keyed digest of (limit's identity, who): the window's name
  std::uint64_t limit_name;  // the limit's own name, for its overflow window
  Rate rate;
  std::uint32_t cost = 1;   // 1 to rate.count, or more: then never admitted
  bool sliding = false;     // weighs the window before; no matter by the calendar
  std::int64_t wall_s = 0;  // the wall clock; for a window by the calendar
  Payment paid;             // by the same request, and so part of the cost
};

// What a window says after a charge, a refusal or a look.
struct WindowState {
  bool admitted = false;
  bool overflow = false;        // this was the limit's shared overflow window
  std::uint32_t limit = 0;      // the rate's count (ten times it in an overflow window)
  std::uint32_t remaining = 0;  // after this charge
  std::uint32_t taken = 0;      // by this charge: of the cost, what wasn't paid in this window yet
  std::uint32_t paid = 0;       // all that the request has paid in this window by now
  // Milliseconds until the window closes: at most the window's length. Of a window that isn't open: its length. By the
  // calendar: until its period is over, by the wall clock, in whole seconds.
  std::uint64_t reset_ms = 0;
  // Refused only: milliseconds until the same request could be admitted, which then pays anew what it had paid before
  // (of a cost above the limit: reset_ms).
  std::uint64_t retry_ms = 0;
  // Admitted only: when, by the table's clock; what give_back() wants. It can be some ms later than the caller's own
  // `now_ms`. By the calendar, also where it isn't admitted: the Unix second at which the window's period is over.
  std::uint64_t charged_ms = 0;
};

// Fills and spills; for logs, metrics and tests.
struct WindowStats {
  std::uint64_t slots = 0;
  std::uint64_t open = 0;       // windows not closed at `now`
  std::uint64_t overflows = 0;  // charges that went to an overflow window, since creation
};

// A window on its way to another table, or to the store and back. Times are relative to the moment that it was seen at.
struct CarriedWindow {
  std::uint64_t tag = 0;             // the first 8 bytes of its name
  std::int64_t ahead_ms = 0;         // until its end; not above 0: a sliding one, ended but in view
  std::int64_t before_ahead_ms = 0;  // the same of the window before; meaningless without its count
  std::uint32_t window_s = 0;        // its length; by the calendar: the longest that it can have
  std::uint32_t count = 0;
  std::uint32_t before = 0;  // sliding: the count of the window before
  bool sliding = false;
  bool by_calendar = false;
  Period period = Period::day;  // by the calendar: which, and its number
  std::uint32_t number = 0;
  bool overflow = false;   // a limit's shared overflow window; its tag is made of the limit's name
  std::uint32_t mark = 0;  // carry() and note_saved() tell changes by these two
  std::uint64_t place = 0;
};

// Which windows carry() is to look for.
struct CarryWanted {
  std::uint32_t min_window_s = 1;
  std::uint32_t max_window_s = kMaxWindowSeconds;
  // Only those that changed since note_saved() under the same epoch, whatever that is; one that was saved with a count
  // and lost it is among them, with a count of 0. A change goes unseen with a chance of 2^-32.
  bool unsaved = false;
  std::int64_t epoch = 0;
};

class WindowTable {
 public:
  // Lays a new, empty table into zeroed memory (aligned to 64) that is shared already: 32 bytes a window, after about
  // 9 KB of its own. nullptr if bytes are too few for that.
  static WindowTable *create(void *memory, std::size_t bytes) noexcept;
  // The table that create() laid there, in this or another process (after a reload); nullptr if it isn't one of
  // this version and size.
  static WindowTable *adopt(void *memory, std::size_t bytes) noexcept;

  // Atomically: admits and counts the charge, or refuses and counts nothing. Of what the request has paid in this very
  // window already (charge.paid) nothing is counted again; the window's whole count has to be within this charge's rate
  // all the same, also where nothing is left to pay. A fixed window opens with its first
  // admitted charge. A window whose length on record is longer than the charge's rate is cut to that length from now
  // (the count is kept); a rate that changed keeps the count. A name that finds only open windows of others in its
  // place shares its limit's overflow window, of ten times the rate. A charge of cost 0 is a look(). A window by the
  // calendar is that of the highest day that the table was told of, so a wall clock that steps back opens no window
  // again.
  WindowState charge(const Charge &charge, std::uint64_t now_ms) noexcept;
  // Takes charge.cost back, which charge() took at `charged_ms`, if its window is still that one. Where that can't be
  // told (the length changed meanwhile), the charge stays.
  void give_back(const Charge &charge, std::uint64_t charged_ms, std::uint64_t now_ms) noexcept;
  // What charge() would see, without charging; admitted says whether it would admit.
  WindowState look(const Charge &charge, std::uint64_t now_ms) noexcept;

  WindowStats stats(std::uint64_t now_ms) const noexcept;

  // The highest day that charges, or this, have told: whoever looks after the table tells it from time to time.
  std::uint32_t tell_day(std::uint32_t day) noexcept;

  // Carrying windows elsewhere (window_carry.cpp), while others charge them. carry() looks at the buckets from *bucket
  // to before `end` (at most buckets()) until `out` has no room for one more bucket's windows (kCarryRoom), copies
  // those out that are open or in view and have a count, and moves *bucket on. Returns how many.
  static constexpr std::size_t kCarryRoom = 16;
  std::uint64_t buckets() const noexcept;
  std::size_t carry(std::uint64_t *bucket, std::uint64_t end, const CarryWanted &wanted, std::uint64_t now_ms,
                    CarriedWindow *out, std::size_t capacity) noexcept;
  // What carry() copied out is saved by now. By one thread of all processes at a time, from carry() on.
  void note_saved(const CarriedWindow *windows, std::size_t count) noexcept;
  // The one window with this name: false if it isn't open here, nor in view.
  bool find_open(std::uint64_t tag, bool overflow, std::uint64_t now_ms, CarriedWindow *window) noexcept;
  // Takes a window in, at most one length ahead; one that is closed is passed over. Where it is open here already, the
  // greater count stands, so that taking it in twice is as good as once. false: no room.
  bool take_in(const CarriedWindow &window, std::uint64_t now_ms) noexcept;
  // Takes in all of another table's, those of an hour or more before the others, for as long as they find room in their
  // places, and what that counted of overflows. Returns how many found none.
  std::uint64_t copy_from(WindowTable *other, std::uint64_t now_ms) noexcept;

 private:
  WindowTable() = default;
};

}  // namespace keyward
