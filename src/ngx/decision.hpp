// Whether a location admits a request, looked at in the order of what costs least.
#pragma once

#include "auth/reason.hpp"
#include "ngx/request.hpp"
#include "ngx/step.hpp"

namespace keyward {

struct Worker;

// Decides for the location that the request is in. Re-entrant: after a wait everything that may have changed meanwhile is read
// again. Makes ctx's outcome anew, but for the decision itself; touches neither request nor answer.
Step decide(Worker &worker, RequestContext *ctx, const LocationConfiguration &location, Mode mode);

}  // namespace keyward
