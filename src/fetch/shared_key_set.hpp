// One fetched key set in shared memory: its text, how old it is, and whose turn it is to fetch it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "fetch/fetch_problem.hpp"
#include "fetch/fetch_schedule.hpp"

namespace keyward {

inline constexpr std::size_t kMaxKeySetText = 1 << 20;  // jwt::kMaxKeySetBytes

// What is known of a set. Read without a lock: each member is whole, but they may be of neighbouring moments.
struct KeySetState {
  std::uint64_t generation = 0;  // rises with each set that differs from the one before; 0: there is none yet
  // Attempts are numbered from 1. Where begun and ended differ, one is under way, or its process died.
  std::uint64_t begun = 0, ended = 0;
  std::uint64_t succeeded = 0;  // the last one that brought a set, the same or another
  FetchHistory history;
  std::int64_t wanted_ms = kNever;            // when an unknown key id last led to an attempt
  std::int64_t fetched_at_s = 0;              // Unix time of the set that is there; 0: none
  std::uint32_t keys = 0;                     // in it
  FetchProblem problem = FetchProblem::none;  // of the last attempt
  int http_status = 0;
};

// One moment by both clocks.
struct FetchMoment {
  std::int64_t now_ms = 0;  // monotonic
  std::int64_t wall_s = 0;  // Unix time
};

// When the fetch began that brought the set, in Unix time: the earlier one of what each clock says, as the wall clock
// may have been stepped since. kNever: there is none, or the wall clock was stepped back, so that nobody can say.
std::int64_t fetch_time_s(const KeySetState &state, const FetchMoment &moment) noexcept;

// In memory that all workers map (created zeroed), and valid at every instruction: whoever uses it may be killed there.
// Any process, any thread. Sets are swapped whole: a reader gets the one or the other.
class SharedKeySet {
 public:
  static std::size_t size() noexcept;
  // name: of where the set comes from, so that memory is never taken for another one's. nullptr: it can't be had.
  static SharedKeySet *create(void *memory, const Sha256 &name) noexcept;
  static SharedKeySet *adopt(void *memory, const Sha256 &name) noexcept;

  // Wait-free, for the event loop.
  KeySetState state() const noexcept;
  // Whether an attempt is under way whose process lives. Asks the system where one has begun.
  bool in_progress(std::int64_t now_ms) const noexcept;

  enum class Why : std::uint8_t { due, wanted };
  enum class Begin : std::uint8_t {
    begun,
    in_progress,  // one is under way
    not_now,      // not due yet, or wanted too soon after the last time
    contended,    // somebody holds the memory for a moment: ask again
  };
  // Takes the turn, for as long as an attempt may last (or until this process dies). number: of the attempt. Never
  // waits.
  Begin begin(Why why, const FetchPlan &plan, pid_t self, std::int64_t now_ms, std::uint64_t *number) noexcept;

  // Both end attempt `number`; false where its turn had passed on, and nothing was changed. Wait for the memory up to a
  // second. text: at most kMaxKeySetText, checked by the caller. *changed: it isn't the one that was there.
  bool succeed(std::uint64_t number, std::string_view text, std::uint32_t keys, std::int64_t fetched_at_s,
               bool *changed) noexcept;
  bool fail(std::uint64_t number, FetchProblem problem, int http_status) noexcept;

  // Puts a set there that was fetched earlier, unless there is one. false: there is, or the memory can't be had.
  bool put_cached(std::string_view text, std::uint32_t keys, std::int64_t fetched_at_s,
                  const FetchMoment &moment) noexcept;

  // The whole set and its number; false where there is none, or the memory can't be had within a second.
  bool copy(std::string *text, std::uint64_t *generation) const;

  // True for the first of all processes that tells of the set of this generation that it is too old.
  bool tell_stale(std::uint64_t generation) noexcept;

 private:
  SharedKeySet() = default;
};

}  // namespace keyward
