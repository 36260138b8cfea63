// How long somebody may wait, over several waits.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace keyward {

// `each_ms` at most for one wait, and for all of them together until `all_ms` after this was made. By a clock that
// never steps.
class WaitBudget {
 public:
  WaitBudget(std::uint64_t each_ms) noexcept
      : each_ms_(each_ms), end_(Clock::time_point::max()) {}  // NOLINT: a number is one
  WaitBudget(std::uint64_t each_ms, std::uint64_t all_ms) noexcept
      : each_ms_(each_ms), end_(Clock::now() + std::chrono::milliseconds(all_ms)) {}

  // For the next wait; 0 once all is used up.
  std::uint64_t left_ms() const noexcept {
    if (end_ == Clock::time_point::max()) {
      return each_ms_;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end_ - Clock::now()).count();
    return left > 0 ? std::min(each_ms_, static_cast<std::uint64_t>(left)) : 0;
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::uint64_t each_ms_;
  Clock::time_point end_;
};

}  // namespace keyward
