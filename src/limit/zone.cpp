// One piece of memory, cut the same way by whoever knows its size.
#include "limit/zone.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <atomic>
#include <cstdint>

namespace keyward {
namespace {

constexpr std::uint64_t kMagic = 0x6b77'7a6f'6e65'3031;  // "kwzone01"
constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kLine = 64;
constexpr std::size_t kReasons = 256;  // whatever a std::uint8_t holds

// A lease: until when in milliseconds, above its holder's process id (at most 2^22 on Linux).
constexpr int kPidBits = 22;
constexpr std::uint64_t kPidMask = (std::uint64_t{1} << kPidBits) - 1;

std::size_t whole_lines(std::size_t bytes) noexcept { return bytes / kLine * kLine; }

// Keys, and secrets that prove them, belong in no core file. Whole pages: what shares one with them is kept out too.
void keep_from_core_files(void *memory, std::size_t bytes) noexcept {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(memory) / page * page;
  const std::uintptr_t end = (reinterpret_cast<std::uintptr_t>(memory) + bytes + page - 1) / page * page;
  madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTDUMP);
}

// Where the parts lie, behind the header.
struct Plan {
  std::size_t gate;
  std::size_t keys;
  std::size_t key_bytes;
  std::size_t principals;
  std::size_t addresses;
  std::size_t window_bytes;  // of each of the two
};

Plan plan_for(std::size_t header, std::size_t bytes) noexcept {
  Plan plan{};
  plan.gate = header;
  plan.keys = plan.gate + (Gate::size() + kLine - 1) / kLine * kLine;
  const std::size_t rest = bytes - plan.keys;
  plan.key_bytes = whole_lines(rest / 2);
  plan.window_bytes = whole_lines(rest / 4);
  plan.principals = plan.keys + plan.key_bytes;
  plan.addresses = plan.principals + plan.window_bytes;
  return plan;
}

}  // namespace

struct Zone::Header {
  std::atomic<std::uint64_t> magic;  // written last
  std::uint64_t version;
  std::uint64_t bytes;
  DigestKey secret;
  alignas(kLine) std::atomic<std::uint64_t> flush_lease;
  alignas(kLine) std::atomic<std::uint64_t> lost_usage;
  std::atomic<std::uint64_t> decisions[kReasons];
};

bool Zone::create(void *memory, std::size_t bytes, Zone *zone) noexcept {
  if (bytes < kMinZoneBytes) {
    return false;
  }
  keep_from_core_files(memory, bytes);
  auto *header = static_cast<Header *>(memory);
  auto *base = static_cast<unsigned char *>(memory);
  const Plan plan = plan_for(sizeof(Header), bytes);
  if (Gate::create(base + plan.gate) == nullptr || KeySlots::create(base + plan.keys, plan.key_bytes) == nullptr ||
      WindowTable::create(base + plan.principals, plan.window_bytes) == nullptr ||
      WindowTable::create(base + plan.addresses, plan.window_bytes) == nullptr) {
    return false;
  }
  header->version = kVersion;
  header->bytes = bytes;
  fill_random(header->secret.data(), header->secret.size());
  header->magic.store(kMagic, std::memory_order_release);
  return adopt(memory, bytes, zone);
}

bool Zone::adopt(void *memory, std::size_t bytes, Zone *zone) noexcept {
  auto *header = static_cast<Header *>(memory);
  if (bytes < kMinZoneBytes || header->magic.load(std::memory_order_acquire) != kMagic || header->version != kVersion ||
      header->bytes != bytes) {
    return false;
  }
  auto *base = static_cast<unsigned char *>(memory);
  const Plan plan = plan_for(sizeof(Header), bytes);
  Zone found;
  found.header_ = header;
  found.secret = &header->secret;
  found.gate = Gate::adopt(base + plan.gate);
  found.keys = KeySlots::adopt(base + plan.keys, plan.key_bytes);
  found.principals = WindowTable::adopt(base + plan.principals, plan.window_bytes);
  found.addresses = WindowTable::adopt(base + plan.addresses, plan.window_bytes);
  if (found.gate == nullptr || found.keys == nullptr || found.principals == nullptr || found.addresses == nullptr) {
    return false;
  }
  *zone = found;
  return true;
}

bool Zone::take_flush_lease(std::int32_t pid, std::uint64_t now_ms, std::uint64_t lease_ms) noexcept {
  const std::uint64_t holder = static_cast<std::uint64_t>(pid) & kPidMask;
  std::uint64_t lease = header_->flush_lease.load(std::memory_order_relaxed);
  do {
    if (lease >> kPidBits > now_ms && (lease & kPidMask) != holder) {
      return false;
    }
  } while (!header_->flush_lease.compare_exchange_weak(lease, (now_ms + lease_ms) << kPidBits | holder,
                                                       std::memory_order_acq_rel, std::memory_order_relaxed));
  return true;
}

void Zone::count_decision(std::uint8_t reason) noexcept {
  header_->decisions[reason].fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t Zone::decisions(std::uint8_t reason) const noexcept {
  return header_->decisions[reason].load(std::memory_order_relaxed);
}

void Zone::count_lost_usage() noexcept { header_->lost_usage.fetch_add(1, std::memory_order_relaxed); }

std::uint64_t Zone::lost_usage() const noexcept { return header_->lost_usage.load(std::memory_order_relaxed); }

}  // namespace keyward
