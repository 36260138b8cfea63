// Balances of credits in shared memory, where they are spent: exact over all processes, and on their way to the store.
//
// A table lies in memory that several processes share and that was zeroed once. It is valid at every instruction: a
// process may be killed anywhere. Nothing in it is ever forgotten to make room: who finds none is refused.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "limit/credit_rule.hpp"
#include "limit/shared_mutex.hpp"

namespace keyward {

// What a request has paid already, on its way through several locations: of that epoch.
struct CreditPayment {
  std::uint64_t epoch = 0, amount = 0;
};

struct CreditCharge {
  Digest account;  // a keyed digest
  CreditTerms terms;
  std::uint64_t cost = 0;
  CreditPayment paid;      // part of the cost
  std::int64_t now_s = 0;  // the wall clock
};

struct CreditResult {
  enum class Outcome : std::uint8_t {
    admitted,
    too_few,
    no_room,  // for another balance
    closed,   // what was spent before a restart isn't known yet, or what is spent can't be stored
  };
  Outcome outcome = Outcome::closed;
  std::int64_t left = 0;      // after this; of admitted and too_few
  CreditPayment paid;         // by the request by now; where it was only looked at: as before
  std::int64_t renews_s = 0;  // Unix second of the next refill; 0: there is none
};

// One balance on its way to the store or back.
struct CarriedCredits {
  Digest account = {};
  CreditState state;
  std::size_t place = 0;  // where it was found
};

class CreditTable {
 public:
  // What is spent without the store knowing of it is what was spent since it was last saved, and after this time
  // nothing more is: by ngx_current_msec.
  static constexpr std::uint64_t kMaxUnsavedMs = 30000;

  // Lays a new, empty table into zeroed memory (aligned to 64) that is shared already: about 30 KB of its own, and 200
  // bytes for each balance. nullptr if bytes are too few.
  static CreditTable *create(void *memory, std::size_t bytes) noexcept;
  static CreditTable *adopt(void *memory, std::size_t bytes) noexcept;

  // Atomically: takes the cost, less what was paid in this epoch, or nothing.
  CreditResult charge(const CreditCharge &charge, std::uint64_t now_ms) noexcept;
  // What charge() would see.
  CreditResult look(const CreditCharge &charge, std::uint64_t now_ms) noexcept;
  // Gives back what was taken in this epoch; lapses if that is over.
  void refund(const Digest &account, const CreditPayment &what) noexcept;

  // From another table, of another size, which is not to be used any more: its balances are closed for good.
  void take_from(CreditTable *other) noexcept;

  // For whoever moves balances to or from the store, which holds this meanwhile.
  SharedMutex &transfer() noexcept;
  // By which the store knows what this table has added.
  std::uint64_t id() const noexcept;
  bool is_loaded() const noexcept;
  // What the store has is there from now on.
  void set_loaded(std::uint64_t now_ms) noexcept;
  // Until it is loaded. false: no room; then balances that aren't there can't be told from new ones, and are refused.
  bool take_in(const CarriedCredits &stored) noexcept;
  // Copies out what has changed since it was saved, of the parts from *part on, at most `capacity` (kCarryRoom at
  // least); *part becomes parts() at the end.
  static constexpr std::size_t kCarryRoom = 64;
  std::size_t parts() const noexcept;
  std::size_t carry(std::size_t *part, std::size_t *within, CarriedCredits *out, std::size_t capacity) noexcept;
  // The store has `merged` in the place of `sent`, which carry() had copied out.
  void note_saved(const CarriedCredits &sent, const CreditState &merged) noexcept;
  // All that had changed by then is saved.
  void note_all_saved(std::uint64_t now_ms) noexcept;
  // Forgets a balance that is dormant. false: it isn't.
  bool forget(const Digest &account, std::int64_t now_s) noexcept;

  struct Stats {
    std::uint64_t places = 0, used = 0;
  };
  Stats stats() const noexcept;

 private:
  CreditTable() = default;
};

}  // namespace keyward
