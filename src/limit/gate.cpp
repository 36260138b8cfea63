// The places are robust mutexes, taken and given under a door's; waiting is a futex word that each release advances.
#include "limit/gate.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <climits>
#include <cstring>
#include <ctime>
#include <utility>

#include "limit/shared_mutex.hpp"

namespace keyward {
namespace {

constexpr std::uint64_t kMagic = 0x6b77'6761'7465'3032;  // "kwgate02"
// A killed holder wakes nobody, so that waiting ends by itself after this.
constexpr long kLongestWaitNs = 50'000'000;
// Of the time of a place that others wait for, spare work takes a quarter: it rests three times as long as it worked.
constexpr std::int64_t kRests = 3;
constexpr std::size_t kMaxWaiters = 64;  // that are seen; whoever comes beyond isn't the only one that waits

struct alignas(64) PlaceSlot {
  SharedMutex mutex;                   // held: the place is
  std::atomic<std::uint64_t> work[2];  // what its holder, or its last if that was killed, works on; 0: none
  std::atomic<std::uint32_t> spare;    // whether it was had by enter_spare()
};
static_assert(sizeof(PlaceSlot) == 64);

struct Shared {
  std::atomic<std::uint64_t> magic;  // written last
  SharedMutex door;
  alignas(64) std::atomic<std::uint32_t> releases;  // the futex word
  std::atomic<std::uint32_t> waited;                // somebody did, in enter(), since spare work last ended
  std::atomic<std::int64_t> rest_until_ns;          // no spare work before (CLOCK_MONOTONIC)
  SharedMutex waiters[kMaxWaiters];                 // held: somebody waits in enter()
  PlaceSlot places[VerifierGate::kMaxPlaces];
};
static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

Shared *shared_of(VerifierGate *gate) noexcept { return reinterpret_cast<Shared *>(gate); }

void set_work(PlaceSlot *place, std::uint64_t first, std::uint64_t second) noexcept {
  place->work[0].store(first, std::memory_order_relaxed);
  place->work[1].store(second, std::memory_order_relaxed);
}

bool works_on(const PlaceSlot &place, const std::uint64_t (&work)[2]) noexcept {
  return place.work[0].load(std::memory_order_relaxed) == work[0] &&
         place.work[1].load(std::memory_order_relaxed) == work[1];
}

bool is_held(PlaceSlot *place) noexcept {
  if (!place->mutex.try_lock()) {
    return true;
  }
  place->mutex.unlock();
  return false;
}

std::int64_t monotonic_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Says for a scope that somebody waits, in a way that ends with a thread that is killed.
class WaitingMark {
 public:
  WaitingMark() = default;
  WaitingMark(const WaitingMark &) = delete;
  WaitingMark &operator=(const WaitingMark &) = delete;
  ~WaitingMark() {
    if (held_ != nullptr) {
      held_->unlock();
    }
  }

  void make(Shared *shared) noexcept {
    shared->waited.store(1, std::memory_order_relaxed);
    for (SharedMutex *waiter = shared->waiters; held_ == nullptr && waiter != shared->waiters + kMaxWaiters; ++waiter) {
      held_ = waiter->try_lock() ? waiter : nullptr;
    }
  }

 private:
  SharedMutex *held_ = nullptr;
};

// Behind the door. Whether spare work may have a place, if one is free.
bool has_turn(Shared *shared, std::size_t places) noexcept {
  if (monotonic_ns() < shared->rest_until_ns.load(std::memory_order_relaxed)) {
    return false;
  }
  for (SharedMutex &waiter : shared->waiters) {
    if (!waiter.try_lock()) {
      return false;
    }
    waiter.unlock();
  }
  std::size_t spare = 0;
  for (PlaceSlot &place : shared->places) {
    spare += place.spare.load(std::memory_order_relaxed) != 0 && is_held(&place) ? 1U : 0U;
  }
  return spare < std::max<std::size_t>(1, places / 4);
}

enum class Entry { entered, full, same_work };

// Behind the door, so that two with the same work can't both find nobody at it.
Entry try_enter(Shared *shared, std::size_t places, bool spare, const std::uint64_t (&work)[2],
                std::size_t *index) noexcept {
  const SharedLock door(&shared->door);
  if (!door) {
    return Entry::full;
  }
  for (PlaceSlot &place : shared->places) {
    if (works_on(place, work) && is_held(&place)) {
      return Entry::same_work;
    }
  }
  if (spare && !has_turn(shared, places)) {
    return Entry::full;
  }
  for (std::size_t i = 0; i < places; ++i) {
    if (shared->places[i].mutex.try_lock()) {
      set_work(&shared->places[i], work[0], work[1]);
      shared->places[i].spare.store(spare ? 1 : 0, std::memory_order_relaxed);
      *index = i;
      return Entry::entered;
    }
  }
  return Entry::full;
}

void wait_for_release(std::atomic<std::uint32_t> *releases, std::uint32_t seen) noexcept {
  const timespec longest{0, kLongestWaitNs};
  syscall(SYS_futex, reinterpret_cast<std::uint32_t *>(releases), FUTEX_WAIT, seen, &longest, nullptr, 0);
}

// spare_since_ns: 0: it isn't spare work's.
void release(Shared *shared, std::size_t index, std::int64_t spare_since_ns) noexcept {
  PlaceSlot &place = shared->places[index];
  if (spare_since_ns != 0) {
    const std::int64_t now = monotonic_ns();
    const bool waited = shared->waited.exchange(0, std::memory_order_relaxed) != 0;
    shared->rest_until_ns.store(waited ? now + kRests * (now - spare_since_ns) : 0, std::memory_order_relaxed);
    place.spare.store(0, std::memory_order_relaxed);
  }
  set_work(&place, 0, 0);
  place.mutex.unlock();
  shared->releases.fetch_add(1, std::memory_order_release);
  syscall(SYS_futex, reinterpret_cast<std::uint32_t *>(&shared->releases), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace

std::size_t VerifierGate::size() noexcept { return sizeof(Shared); }

VerifierGate *VerifierGate::create(void *memory) noexcept {
  auto *shared = static_cast<Shared *>(memory);
  if (!shared->door.init()) {
    return nullptr;
  }
  for (PlaceSlot &place : shared->places) {
    if (!place.mutex.init()) {
      return nullptr;
    }
  }
  for (SharedMutex &waiter : shared->waiters) {
    if (!waiter.init()) {
      return nullptr;
    }
  }
  shared->magic.store(kMagic, std::memory_order_release);
  return reinterpret_cast<VerifierGate *>(shared);
}

VerifierGate *VerifierGate::adopt(void *memory) noexcept {
  auto *shared = static_cast<Shared *>(memory);
  return shared->magic.load(std::memory_order_acquire) == kMagic ? reinterpret_cast<VerifierGate *>(shared) : nullptr;
}

VerifierGate::Place::Place(Place &&other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)), index_(other.index_), spare_since_ns_(other.spare_since_ns_) {}

VerifierGate::Place &VerifierGate::Place::operator=(Place &&other) noexcept {
  std::swap(gate_, other.gate_);
  std::swap(index_, other.index_);
  std::swap(spare_since_ns_, other.spare_since_ns_);
  return *this;
}

VerifierGate::Place::~Place() {
  if (gate_ != nullptr) {
    release(shared_of(gate_), index_, spare_since_ns_);
  }
}

VerifierGate::Place VerifierGate::enter(std::size_t places, const Digest &work, bool *shared, bool (*give_up)(void *),
                                        void *context) noexcept {
  return wait(places, false, work, shared, give_up, context);
}

VerifierGate::Place VerifierGate::enter_spare(std::size_t places, const Digest &work, bool *shared,
                                              bool (*give_up)(void *), void *context) noexcept {
  return wait(places, true, work, shared, give_up, context);
}

VerifierGate::Place VerifierGate::wait(std::size_t places, bool spare, const Digest &work, bool *shared,
                                       bool (*give_up)(void *), void *context) noexcept {
  Shared *memory = shared_of(this);
  std::uint64_t name[2];
  std::memcpy(name, work.data(), sizeof(name));
  *shared = false;
  Place place;
  WaitingMark mark;
  for (bool first = true;; first = false) {
    // Before trying: a release in between ends the wait at once.
    const std::uint32_t seen = memory->releases.load(std::memory_order_acquire);
    const Entry entry = try_enter(memory, std::clamp<std::size_t>(places, 1, kMaxPlaces), spare, name, &place.index_);
    if (entry == Entry::entered) {
      place.gate_ = this;
      place.spare_since_ns_ = spare ? monotonic_ns() : 0;
      return place;
    }
    if (first && !spare) {
      mark.make(memory);
    }
    *shared = *shared || entry == Entry::same_work;
    if (give_up != nullptr && give_up(context)) {
      return place;
    }
    wait_for_release(&memory->releases, seen);
  }
}

std::size_t VerifierGate::held() const noexcept {
  Shared *shared = shared_of(const_cast<VerifierGate *>(this));
  const SharedLock door(&shared->door);
  std::size_t held = 0;
  for (PlaceSlot &place : shared->places) {
    held += door && is_held(&place) ? 1U : 0U;
  }
  return held;
}

}  // namespace keyward
