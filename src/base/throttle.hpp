// At most once in so long: for what must not flood a log.
#pragma once

#include <cstdint>

namespace keyward {

// The clock is the caller's, and should be a monotonic one: a clock that steps back must not keep it quiet.
class Throttle {
 public:
  explicit constexpr Throttle(std::uint64_t interval_ms) noexcept : interval_ms_(interval_ms) {}

  // Whether it may happen now; then not again before the interval is over.
  bool admits(std::uint64_t now_ms) noexcept {
    if (now_ms < next_ms_) {
      return false;
    }
    next_ms_ = now_ms + interval_ms_;
    return true;
  }

 private:
  std::uint64_t interval_ms_;
  std::uint64_t next_ms_ = 0;
};

}  // namespace keyward
