// Limits, applied to one request.
#pragma once

#include <vector>

#include "decide/deciding.hpp"

namespace keyward {

// All of the limits admit and are charged, or none is. Each takes of its cost what the request hasn't paid in that
// window yet, at a place that it came through, and admits where the window's count then fits its own rate. What was
// taken at one place stays paid when a later one refuses. Fills the outcome's limit with the tightest one, for the
// answer's fields, and its list of every limit, where there is one or where a limit refuses.
Reason charge_limits(const Case &one, const LimitDemands &limits);

// Fills the outcome's limit without charging: for answers to a known principal that is refused for another reason.
void look_at_limits(const Case &one, const LimitDemands &limits);

// What is left to a principal of its own limits, as `keyward_limit plan` counts them by key or by subject. Nothing is
// charged.
struct OwnWindow {
  Charge charge;  // by which the window can be found again
  WindowState state;
};
std::vector<OwnWindow> look_at_own(const Zone &zone, const ConfiguredLimit &configured, const Principal &principal,
                                   std::int64_t now_s, std::uint64_t now_ms);

// 0, or, where the address has used up what it is granted of wrong secrets (by=failures), the seconds until it may try
// again.
std::uint32_t failures_exhausted(const Case &one) noexcept;
// Counts one.
void charge_failure(const Case &one) noexcept;

}  // namespace keyward
