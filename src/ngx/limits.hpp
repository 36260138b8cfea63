// A location's limits, applied to one request.
#pragma once

#include "auth/reason.hpp"
#include "ngx/request.hpp"

namespace keyward {

struct Worker;

// All of the location's limits admit and are charged, or none is. Each takes of its cost what the request hasn't paid in
// that window yet, in a location that it came through, and admits where the window's count then fits its own rate. What a
// location took stays paid when a later one refuses. Fills ctx's limit with the tightest one, for the answer's fields.
Reason charge_limits(Worker &worker, RequestContext *ctx, const LocationConfiguration &location);

// 0, or, where the client's address has used up what the location grants it of wrong secrets (by=failures), the seconds until it
// may try again.
std::uint32_t failures_exhausted(Worker &worker, RequestContext *ctx, const LocationConfiguration &location) noexcept;
// Counts one.
void charge_failure(Worker &worker, RequestContext *ctx, const LocationConfiguration &location) noexcept;

// Fills ctx's limit without charging: for answers to a known principal that is refused for another reason.
void look_at_limits(Worker &worker, RequestContext *ctx, const LocationConfiguration &location);

// When the limit in ctx closes its window, or, where it doesn't admit, when it will: in seconds from now, and as a Unix
// time; rounded up, so that who comes back then isn't too early.
std::uint64_t reset_in_s(const RequestContext &ctx) noexcept;
std::uint64_t reset_at_s(const RequestContext &ctx) noexcept;

}  // namespace keyward
