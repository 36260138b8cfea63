// What is read off an outcome.
#include "decide/outcome.hpp"

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

std::uint64_t TightestLimit::reset_ms(std::uint64_t now_ms) const noexcept {
  const std::uint64_t then_ms = state.admitted ? state.reset_ms : state.retry_ms;
  const std::uint64_t since_ms = now_ms - seen_ms;
  return then_ms > since_ms ? then_ms - since_ms : 0;
}

std::uint64_t seconds_up(std::uint64_t ms) noexcept { return (ms + 999) / 1000; }

}  // namespace keyward
