// How keyward divides its shared memory: a header, windows of principals, windows of addresses, key slots, the gate.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/digest.hpp"
#include "limit/gate.hpp"
#include "limit/key_slots.hpp"
#include "limit/windows.hpp"

namespace keyward {

inline constexpr std::size_t kMinZoneBytes = 256 * 1024;

// The parts of one zone. Plain pointers into memory that outlives all users (nginx keeps it over reloads).
class Zone {
 public:
  // Lays out a new zone (memory zeroed, shared already, aligned to 64). false if bytes < kMinZoneBytes. The secret
  // under which names of windows are made is drawn here, and lives as long as the zone.
  static bool create(void *memory, std::size_t bytes, Zone *zone) noexcept;
  // Finds the parts of a zone that create() laid out; false if it is none of this version and size.
  static bool adopt(void *memory, std::size_t bytes, Zone *zone) noexcept;

  WindowTable *principals = nullptr;
  WindowTable *addresses = nullptr;
  KeySlots *keys = nullptr;
  Gate *gate = nullptr;
  const DigestKey *secret = nullptr;

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
