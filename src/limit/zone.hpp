// How keyward divides its shared memory: a header, windows of principals, windows of addresses, key slots, the gate.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/digest.hpp"
#include "limit/concurrency.hpp"
#include "limit/credits.hpp"
#include "limit/gate.hpp"
#include "limit/key_slots.hpp"
#include "limit/shared_mutex.hpp"
#include "limit/windows.hpp"

namespace keyward {

inline constexpr std::size_t kMinZoneBytes = 256 * 1024;

// The parts of one zone. Plain pointers into memory that outlives all users (nginx keeps it over reloads).
class Zone {
 public:
  // Lays out a new zone (memory zeroed, shared already, aligned to 64). false if bytes < kMinZoneBytes.
  static bool create(void *memory, std::size_t bytes, Zone *zone) noexcept;
  // Finds the parts of a zone that create() laid out; false if it is none of this version and size.
  static bool adopt(void *memory, std::size_t bytes, Zone *zone) noexcept;

  WindowTable *principals = nullptr;
  WindowTable *addresses = nullptr;
  KeySlots *keys = nullptr;
  VerifierGate *gate = nullptr;
  // Of a zone of its own, where there are limits of so many at once: places, and whose they are that this process
  // takes.
  ConcurrencyTable *concurrency = nullptr;
  const ConcurrencyTable::Member *member = nullptr;
  // Of another zone of its own, where anything costs credits.
  CreditTable *credits = nullptr;
  // Under which names of windows are made. One of the zone's own, until settle_secret() says otherwise.
  const DigestKey *secret = nullptr;

  // Once in each process, before it uses `secret`. The first of all processes settles it for as long as the zone lives,
  // and for the zones that are copied from it: on the store's, under which windows are found again after a restart, or
  // (nullptr) on the zone's own. false: somebody was stopped while settling it.
  bool settle_secret(const DigestKey *of_store) noexcept;
  bool has_store_secret() const noexcept;  // settled, on the store's

  // Into a zone that was just created and that nobody uses yet: windows as far as they fit, proofs of keys, counters,
  // the secret. The other is in use meanwhile, and stays as it is: what is charged there from now on isn't known here,
  // and use counts that weren't drained stay there. Returns how many open windows found no room.
  std::uint64_t copy_from(Zone *other, std::uint64_t now_ms) noexcept;

  // The wall clock's day, for windows by the calendar: told from time to time. Returns the highest that was told, here
  // or by a charge, which is what they go by.
  std::uint32_t tell_day(std::uint32_t day) noexcept;

  // Windows on their way from or to the store: whoever moves them holds this, for as long as that takes.
  SharedMutex &transfer() noexcept;
  bool windows_loaded() const noexcept;  // what a restart had left was taken in, or there was none
  void set_windows_loaded() noexcept;
  // The wall clock's milliseconds at this zone's time 0, by which ends are stored: `wall_ms` (wall clock less now_ms),
  // or what was told before, where that differs by no more than a second. So that ends don't change as the clocks
  // drift. Under transfer().
  std::int64_t settle_wall(std::int64_t wall_ms) noexcept;
  // A zone of another size has taken this one's place: its workers are on their way out, and store windows no more.
  void retire() noexcept;
  bool retired() const noexcept;

  // The lease of whoever flushes usage to the store: true for at most one process for `lease_ms` (monotonic ms as
  // everywhere); renewed by its holder (pid) at will; a dead holder's lease runs out.
  bool take_flush_lease(std::int32_t pid, std::uint64_t now_ms, std::uint64_t lease_ms) noexcept;

  // Counts by Reason and of what was admitted, for metrics: wait-free.
  void count_decision(std::uint8_t reason) noexcept;
  std::uint64_t decisions(std::uint8_t reason) const noexcept;
  void count_lost_usage() noexcept;
  std::uint64_t lost_usage() const noexcept;

 private:
  struct Header;
  Header *header_ = nullptr;
};

}  // namespace keyward
