// One piece of memory, cut the same way by whoever knows its size.
#include "limit/zone.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cstdint>

namespace keyward {
namespace {

constexpr std::uint64_t kMagic = 0x6b77'7a6f'6e65'3031;  // "kwzone01"
constexpr std::uint64_t kVersion = 2;
constexpr std::int64_t kWallStepMs = 1000;
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
  plan.keys = plan.gate + (VerifierGate::size() + kLine - 1) / kLine * kLine;
  const std::size_t rest = bytes - plan.keys;
  plan.key_bytes = whole_lines(rest / 2);
  plan.window_bytes = whole_lines(rest / 4);
  plan.principals = plan.keys + plan.key_bytes;
  plan.addresses = plan.principals + plan.window_bytes;
  return plan;
}

enum SecretState : std::uint32_t { kUnsettled, kOwnSecret, kStoreSecret };

}  // namespace

struct Zone::Header {
  std::atomic<std::uint64_t> magic;  // written last
  std::uint64_t version;
  std::uint64_t bytes;
  DigestKey own_secret;
  DigestKey store_secret;  // written before secret_state says so, never after
  std::atomic<std::uint32_t> secret_state;
  std::atomic<std::uint32_t> loaded;
  std::atomic<std::uint32_t> retired;
  std::atomic<std::int64_t> wall_ms;
  alignas(kLine) SharedMutex settling;
  alignas(kLine) SharedMutex transfer;
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
  if (VerifierGate::create(base + plan.gate) == nullptr ||
      KeySlots::create(base + plan.keys, plan.key_bytes) == nullptr ||
      WindowTable::create(base + plan.principals, plan.window_bytes) == nullptr ||
      WindowTable::create(base + plan.addresses, plan.window_bytes) == nullptr) {
    return false;
  }
  if (!header->settling.init() || !header->transfer.init()) {
    return false;
  }
  header->version = kVersion;
  header->bytes = bytes;
  fill_random(header->own_secret.data(), header->own_secret.size());
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
  found.secret = found.has_store_secret() ? &header->store_secret : &header->own_secret;
  found.gate = VerifierGate::adopt(base + plan.gate);
  found.keys = KeySlots::adopt(base + plan.keys, plan.key_bytes);
  found.principals = WindowTable::adopt(base + plan.principals, plan.window_bytes);
  found.addresses = WindowTable::adopt(base + plan.addresses, plan.window_bytes);
  if (found.gate == nullptr || found.keys == nullptr || found.principals == nullptr || found.addresses == nullptr) {
    return false;
  }
  *zone = found;
  return true;
}

bool Zone::settle_secret(const DigestKey *of_store) noexcept {
  if (header_->secret_state.load(std::memory_order_acquire) == kUnsettled) {
    const SharedLock lock(&header_->settling);
    if (!lock) {
      return false;
    }
    if (header_->secret_state.load(std::memory_order_acquire) == kUnsettled) {
      if (of_store != nullptr) {
        header_->store_secret = *of_store;
      }
      header_->secret_state.store(of_store != nullptr ? kStoreSecret : kOwnSecret, std::memory_order_release);
    }
  }
  secret = has_store_secret() ? &header_->store_secret : &header_->own_secret;
  return true;
}

bool Zone::has_store_secret() const noexcept {
  return header_->secret_state.load(std::memory_order_acquire) == kStoreSecret;
}

std::uint64_t Zone::copy_from(Zone *other, std::uint64_t now_ms) noexcept {
  Header &from = *other->header_;
  header_->own_secret = from.own_secret;
  // The state first: a worker of the other zone may be settling it.
  const std::uint32_t state = from.secret_state.load(std::memory_order_acquire);
  if (state == kStoreSecret) {
    header_->store_secret = from.store_secret;
  }
  header_->secret_state.store(state, std::memory_order_release);
  header_->loaded.store(from.loaded.load(std::memory_order_acquire), std::memory_order_release);
  secret = has_store_secret() ? &header_->store_secret : &header_->own_secret;
  header_->lost_usage.store(from.lost_usage.load(std::memory_order_relaxed), std::memory_order_relaxed);
  for (std::size_t i = 0; i < kReasons; ++i) {
    header_->decisions[i].store(from.decisions[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  keys->copy_from(other->keys);
  return principals->copy_from(other->principals, now_ms) + addresses->copy_from(other->addresses, now_ms);
}

std::uint32_t Zone::tell_day(std::uint32_t day) noexcept {
  return std::max(principals->tell_day(day), addresses->tell_day(day));
}

SharedMutex &Zone::transfer() noexcept { return header_->transfer; }

bool Zone::windows_loaded() const noexcept { return header_->loaded.load(std::memory_order_acquire) != 0; }

void Zone::set_windows_loaded() noexcept { header_->loaded.store(1, std::memory_order_release); }

std::int64_t Zone::settle_wall(std::int64_t wall_ms) noexcept {
  const std::int64_t told = header_->wall_ms.load(std::memory_order_relaxed);
  if (wall_ms - told <= kWallStepMs && told - wall_ms <= kWallStepMs) {
    return told;
  }
  header_->wall_ms.store(wall_ms, std::memory_order_relaxed);
  return wall_ms;
}

void Zone::retire() noexcept { header_->retired.store(1, std::memory_order_release); }

bool Zone::retired() const noexcept { return header_->retired.load(std::memory_order_acquire) != 0; }

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
