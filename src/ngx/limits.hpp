// A location's limits, applied to one request.
#pragma once

#include "auth/reason.hpp"
#include "ngx/request.hpp"

namespace keyward {

struct Worker;

// All of the location's limits admit and are charged, or none is. Each limit charges a request once, whatever redirects it goes
// through. Fills ctx's limit with the tightest one, for the answer's fields.
Reason charge_limits(Worker &worker, RequestContext *ctx, const LocationConfiguration &location);

// 0, or, where the client's address has used up what the location grants it of wrong secrets (by=failures), the seconds until it
// may try again.
std::uint32_t failures_exhausted(Worker &worker, RequestContext *ctx, const LocationConfiguration &location) noexcept;
// Counts one.
void charge_failure(Worker &worker, RequestContext *ctx, const LocationConfiguration &location) noexcept;

// Fills ctx's limit without charging: for answers to a known principal that is refused for another reason.
void look_at_limits(Worker &worker, RequestContext *ctx, const LocationConfiguration &location);

}  // namespace keyward
