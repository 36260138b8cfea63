// When a key set is fetched: pure functions of what has happened so far.
#pragma once

#include <cstdint>

namespace keyward {

// All times are milliseconds since the system was started, time asleep too; also of what happened before it began (a
// set from a cache): then negative.
inline constexpr std::int64_t kNever = INT64_MIN;

// How often unknown key ids may lead to a fetch, over all workers.
inline constexpr std::int64_t kWantedEveryMs = 30000;

struct FetchPlan {
  std::int64_t refresh_ms = 900000;  // a set is at most about so old when the next one comes
  std::int64_t stale_ms = 86400000;  // a set of this age is gone
};

struct FetchHistory {
  std::int64_t fetched_ms = kNever;    // when the attempt began that brought the set that is there
  std::int64_t attempted_ms = kNever;  // when the last attempt began
  std::uint32_t failures = 0;          // since the last success
  std::uint32_t dice = 0;              // thrown at each attempt's end, so that edges and issuers don't fall into step
};

// When the next attempt is due by itself: at once where there is no set and nothing has failed; ahead of refresh; after
// failures at growing distances.
std::int64_t next_attempt_ms(const FetchPlan &plan, const FetchHistory &history) noexcept;

// Whether a key id that isn't in the set may lead to a fetch, wanted_ms being when one last did.
bool may_want(std::int64_t wanted_ms, std::int64_t now_ms) noexcept;
// Until then, in whole seconds, at least 1.
std::uint32_t seconds_until_wanted(std::int64_t wanted_ms, std::int64_t now_ms) noexcept;

// A set may be used until then.
bool is_stale(const FetchPlan &plan, std::int64_t fetched_ms, std::int64_t now_ms) noexcept;

}  // namespace keyward
