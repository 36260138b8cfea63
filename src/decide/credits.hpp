// What a request costs, and who pays for it.
#pragma once

#include "decide/deciding.hpp"

namespace keyward {

// Takes what all demands of credits cost together from the principal's balance, less what this request has paid, or
// nothing; in shadow it only looks. insufficient_credits, or why nobody can say.
Reason charge_credits(const Case &one, const LimitDemands &limits) noexcept;
// Tells the outcome what is left.
void look_at_credits(const Case &one, const LimitDemands &limits) noexcept;

}  // namespace keyward
