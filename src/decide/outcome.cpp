// What is read off an outcome.
#include "decide/outcome.hpp"

#include <algorithm>

namespace keyward {

std::string_view to_text(Decision decision) noexcept {
  switch (decision) {
    case Decision::allowed:
      return "allowed";
    case Decision::refused:
      return "refused";
    case Decision::shadow:
      return "shadow";
    case Decision::off:
      return "off";
    case Decision::none:
      break;
  }
  return "";
}

std::uint64_t SeenLimit::reset_ms(std::uint64_t now_ms) const noexcept {
  const std::uint64_t then_ms = state.admitted ? state.reset_ms : state.retry_ms;
  const std::uint64_t since_ms = now_ms - seen_ms;
  return then_ms > since_ms ? then_ms - since_ms : 0;
}

std::uint64_t SeenLimit::reset_in_s(std::uint64_t now_ms, std::int64_t wall_s) const noexcept {
  if (window_s > kMaxWindowSeconds) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(static_cast<std::int64_t>(state.charged_ms) - wall_s, 0));
  }
  return seconds_up(reset_ms(now_ms));
}

std::uint64_t SeenLimit::reset_at_s(std::uint64_t now_ms, std::uint64_t wall_ms) const noexcept {
  return window_s > kMaxWindowSeconds ? state.charged_ms : seconds_up(wall_ms + reset_ms(now_ms));
}

std::uint64_t seconds_up(std::uint64_t ms) noexcept { return (ms + 999) / 1000; }

}  // namespace keyward
