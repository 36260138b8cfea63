// What the error log says of a refusal.
#pragma once

#include "ngx/request/request.hpp"
#include "ngx/worker/worker.hpp"

namespace keyward {

// Tells why, and of whom, in one line; verb: "refused". A fault of ours is an error, now and then; anything else is
// information. Nothing of a credential is in it.
void log_refusal(Worker &worker, const RequestContext *ctx, const char *verb) noexcept;

}  // namespace keyward
