// Refreshing at 80 to 90 % of the time, so that a fetch that takes its five seconds, or a first failure, is still
// within it.
#include "fetch/fetch_schedule.hpp"

#include <algorithm>

namespace keyward {

namespace {

constexpr std::int64_t kFirstBackoffMs = 1000;
constexpr std::int64_t kMaxBackoffMs = 60000;
constexpr unsigned kMaxDoublings = 6;

// part of whole / 2^32, at most whole.
std::int64_t share(std::int64_t whole, std::uint32_t dice) noexcept {
  return static_cast<std::int64_t>(static_cast<double>(whole) * (static_cast<double>(dice) / 4294967296.0));
}

}  // namespace

std::int64_t next_attempt_ms(const FetchPlan &plan, const FetchHistory &history) noexcept {
  if (history.attempted_ms == kNever) {
    return kNever;  // also with a set from a cache: the issuer may have new ones by now
  }
  if (history.failures > 0) {
    // Half fixed, half thrown. Never more often than once a second, and no less often than the set would be refreshed.
    const std::int64_t doubled = kFirstBackoffMs << std::min(history.failures - 1, kMaxDoublings);
    const std::int64_t most = std::max(kFirstBackoffMs, std::min({doubled * 2, kMaxBackoffMs, plan.refresh_ms}));
    const std::int64_t least = std::max(kFirstBackoffMs, most / 2);
    return history.attempted_ms + least + share(most - least, history.dice);
  }
  if (history.fetched_ms == kNever) {
    return history.attempted_ms;  // that one was broken off
  }
  return history.fetched_ms + plan.refresh_ms * 4 / 5 + share(plan.refresh_ms / 10, history.dice);
}

bool may_want(std::int64_t wanted_ms, std::int64_t now_ms) noexcept {
  return wanted_ms == kNever || now_ms - wanted_ms >= kWantedEveryMs;
}

std::uint32_t seconds_until_wanted(std::int64_t wanted_ms, std::int64_t now_ms) noexcept {
  if (may_want(wanted_ms, now_ms)) {
    return 1;
  }
  const std::int64_t left_ms = std::min(wanted_ms + kWantedEveryMs - now_ms, kWantedEveryMs);
  return static_cast<std::uint32_t>(std::max<std::int64_t>(1, (left_ms + 999) / 1000));
}

bool is_stale(const FetchPlan &plan, std::int64_t fetched_ms, std::int64_t now_ms) noexcept {
  return fetched_ms == kNever || now_ms - fetched_ms >= plan.stale_ms;
}

}  // namespace keyward
