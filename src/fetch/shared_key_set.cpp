// Two texts, of which the one that isn't shown is written; and a robust mutex around all that changes.
#include "fetch/shared_key_set.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/digest.hpp"
#include "limit/shared_mutex.hpp"

namespace keyward {

namespace {

constexpr std::uint64_t kMagic = 0x6b77'6b65'7973'3031;  // "kwkeys01"
// Longer than any attempt that hasn't been stopped: 5 s for the answer, and what reading 128 keys takes on a busy
// machine.
constexpr std::int64_t kTurnMs = 15000;
// What rounding, and a wait for a thread between the two looks at clocks, may make of one moment.
constexpr std::int64_t kClocksDifferS = 5;

struct Shared {
  std::atomic<std::uint64_t> magic;  // written last
  Sha256 name;
  SharedMutex mutex;
  std::atomic<std::uint64_t> generation;  // its last bit says which of the texts is shown: one store swaps both
  std::atomic<std::uint64_t> begun, ended, succeeded;
  std::atomic<std::int64_t> fetched_ms, attempted_ms, wanted_ms, fetched_at_s, turn_ends_ms;
  std::atomic<pid_t> holder;
  std::atomic<std::uint32_t> failures, dice, keys, problem, http_status;
  std::atomic<std::uint64_t> told_stale;
  std::atomic<std::uint32_t> sizes[2];
  char texts[2][kMaxKeySetText];
};

Shared *shared_of(SharedKeySet *set) noexcept { return reinterpret_cast<Shared *>(set); }
Shared *shared_of(const SharedKeySet *set) noexcept { return shared_of(const_cast<SharedKeySet *>(set)); }

template <typename T>
T get(const std::atomic<T> &value) noexcept {
  return value.load(std::memory_order_acquire);
}

template <typename T, typename V>
void put(std::atomic<T> *value, V now) noexcept {
  value->store(static_cast<T>(now), std::memory_order_release);
}

bool lives(pid_t process) noexcept { return process > 0 && (kill(process, 0) == 0 || errno == EPERM); }

bool is_under_way(const Shared &shared, std::int64_t now_ms) noexcept {
  return get(shared.begun) != get(shared.ended) && now_ms < get(shared.turn_ends_ms) && lives(get(shared.holder));
}

std::string_view shown_text(const Shared &shared) noexcept {
  const std::uint64_t which = get(shared.generation) & 1;
  return {shared.texts[which], get(shared.sizes[which])};
}

// Under the mutex.
void show(Shared *shared, std::string_view text, std::uint32_t keys) noexcept {
  const std::uint64_t next = get(shared->generation) + 1;
  std::memcpy(shared->texts[next & 1], text.data(), text.size());
  put(&shared->sizes[next & 1], text.size());
  put(&shared->keys, keys);
  put(&shared->generation, next);
}

std::uint32_t throw_dice() noexcept {
  std::uint32_t dice = 0;
  fill_random(&dice, sizeof(dice));
  return dice;
}

}  // namespace

std::int64_t fetch_time_s(const KeySetState &state, const FetchMoment &moment) noexcept {
  if (state.fetched_at_s == 0 || state.history.fetched_ms == kNever) {
    return kNever;
  }
  const std::int64_t age_ms = std::max<std::int64_t>(moment.now_ms - state.history.fetched_ms, 0);
  const std::int64_t by_age_s = moment.wall_s - (age_ms + 999) / 1000;
  return state.fetched_at_s > by_age_s + kClocksDifferS ? kNever : std::min(state.fetched_at_s, by_age_s);
}

std::size_t SharedKeySet::size() noexcept { return sizeof(Shared); }

SharedKeySet *SharedKeySet::create(void *memory, const Sha256 &name) noexcept {
  auto *shared = static_cast<Shared *>(memory);
  // But for the texts, whose pages aren't there until somebody writes them.
  std::memset(memory, 0, offsetof(Shared, texts));
  if (!shared->mutex.init()) {
    return nullptr;
  }
  shared->name = name;
  for (std::atomic<std::int64_t> *time : {&shared->fetched_ms, &shared->attempted_ms, &shared->wanted_ms}) {
    put(time, kNever);
  }
  put(&shared->magic, kMagic);
  return adopt(memory, name);
}

SharedKeySet *SharedKeySet::adopt(void *memory, const Sha256 &name) noexcept {
  auto *shared = static_cast<Shared *>(memory);
  return get(shared->magic) == kMagic && shared->name == name ? static_cast<SharedKeySet *>(memory) : nullptr;
}

KeySetState SharedKeySet::state() const noexcept {
  const Shared &shared = *shared_of(this);
  KeySetState state;
  // These before the generation: who sees that an attempt succeeded sees its set, too.
  state.ended = get(shared.ended);
  state.succeeded = get(shared.succeeded);
  state.begun = get(shared.begun);
  state.history.attempted_ms = get(shared.attempted_ms);
  state.history.fetched_ms = get(shared.fetched_ms);
  state.history.failures = get(shared.failures);
  state.history.dice = get(shared.dice);
  state.wanted_ms = get(shared.wanted_ms);
  state.fetched_at_s = get(shared.fetched_at_s);
  state.keys = get(shared.keys);
  state.problem = static_cast<FetchProblem>(get(shared.problem));
  state.http_status = static_cast<int>(get(shared.http_status));
  state.generation = get(shared.generation);
  return state;
}

bool SharedKeySet::in_progress(std::int64_t now_ms) const noexcept { return is_under_way(*shared_of(this), now_ms); }

SharedKeySet::Begin SharedKeySet::begin(Why why, const FetchPlan &plan, pid_t self, std::int64_t now_ms,
                                        std::uint64_t *number) noexcept {
  Shared *shared = shared_of(this);
  const SharedLock lock(&shared->mutex, false);
  if (!lock) {
    return Begin::contended;
  }
  if (is_under_way(*shared, now_ms)) {
    return Begin::in_progress;
  }
  // What a process has begun that then died is anybody's, throttled or not.
  const bool left = get(shared->begun) != get(shared->ended);
  if (why == Why::wanted && !left && !may_want(get(shared->wanted_ms), now_ms)) {
    return Begin::not_now;
  }
  if (why == Why::due && !left && now_ms < next_attempt_ms(plan, state().history)) {
    return Begin::not_now;
  }
  put(&shared->holder, self);
  put(&shared->turn_ends_ms, now_ms + kTurnMs);
  put(&shared->attempted_ms, now_ms);
  if (why == Why::wanted) {
    put(&shared->wanted_ms, now_ms);
  }
  *number = get(shared->begun) + 1;
  put(&shared->begun, *number);
  return Begin::begun;
}

bool SharedKeySet::succeed(std::uint64_t number, std::string_view text, std::uint32_t keys, std::int64_t fetched_at_s,
                           bool *changed) noexcept {
  Shared *shared = shared_of(this);
  *changed = false;
  const SharedLock lock(&shared->mutex);
  if (!lock || get(shared->begun) != number || get(shared->ended) == number || text.size() > kMaxKeySetText) {
    return false;
  }
  *changed = get(shared->generation) == 0 || shown_text(*shared) != text;
  // In this order: should this process be killed here, a new set is taken for older than it is, and never the old one
  // for fresher.
  if (*changed) {
    show(shared, text, keys);
  }
  put(&shared->fetched_at_s, fetched_at_s);
  put(&shared->fetched_ms, get(shared->attempted_ms));
  put(&shared->failures, 0);
  put(&shared->problem, FetchProblem::none);
  put(&shared->http_status, 200);
  put(&shared->dice, throw_dice());
  put(&shared->succeeded, number);
  put(&shared->ended, number);
  return true;
}

bool SharedKeySet::fail(std::uint64_t number, FetchProblem problem, int http_status) noexcept {
  Shared *shared = shared_of(this);
  const SharedLock lock(&shared->mutex);
  if (!lock || get(shared->begun) != number || get(shared->ended) == number) {
    return false;
  }
  if (problem == FetchProblem::aborted) {
    put(&shared->wanted_ms, kNever);  // it says nothing about the issuer: the next one may try at once
  } else {
    put(&shared->failures, get(shared->failures) + 1);
    put(&shared->problem, problem);
    put(&shared->http_status, http_status);
    put(&shared->dice, throw_dice());
  }
  put(&shared->ended, number);
  return true;
}

bool SharedKeySet::put_cached(std::string_view text, std::uint32_t keys, std::int64_t fetched_at_s,
                              const FetchMoment &moment) noexcept {
  Shared *shared = shared_of(this);
  const SharedLock lock(&shared->mutex);
  if (!lock || get(shared->generation) != 0 || text.size() > kMaxKeySetText) {
    return false;
  }
  put(&shared->fetched_at_s, fetched_at_s);
  // A clock that has stepped back makes it as old as it can't be: of this moment, so that it is gone in `stale` at the
  // latest.
  const std::int64_t age_s = moment.wall_s > fetched_at_s ? moment.wall_s - fetched_at_s : 0;
  put(&shared->fetched_ms, moment.now_ms - age_s * 1000);
  show(shared, text, keys);
  return true;
}

bool SharedKeySet::copy(std::string *text, std::uint64_t *generation) const {
  Shared *shared = shared_of(this);
  text->reserve(shown_text(*shared).size());  // not under the mutex, if it can be avoided
  const SharedLock lock(&shared->mutex);
  if (!lock || get(shared->generation) == 0) {
    return false;
  }
  text->assign(shown_text(*shared));
  *generation = get(shared->generation);
  return true;
}

bool SharedKeySet::tell_stale(std::uint64_t generation) noexcept {
  return shared_of(this)->told_stale.exchange(generation, std::memory_order_acq_rel) != generation;
}

}  // namespace keyward
