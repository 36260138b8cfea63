// Who a key belongs to.
#pragma once

#include "auth/reason.hpp"
#include "ngx/request.hpp"
#include "ngx/step.hpp"

namespace keyward {

struct Worker;

// Step 5 of spec 2 for a key, and step 4 before it. Fills ctx's principal, or *reason. Re-entrant: after a wait all is looked at again.
Step look_up_key(Worker &worker, RequestContext *ctx, const LocationConfiguration &location, Reason *reason);

}  // namespace keyward
