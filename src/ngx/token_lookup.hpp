// Who a token is about.
#pragma once

#include "auth/reason.hpp"
#include "ngx/request.hpp"
#include "ngx/step.hpp"

namespace keyward {

struct Worker;

// Step 5 of spec 2 for a token, and step 4 before it. Fills ctx's token, issuer and principal, or *reason. Re-entrant: after a wait all is
// looked at again.
Step look_up_token(Worker &worker, RequestContext *ctx, const LocationConfiguration &location,
                   const Acceptance &acceptance, Reason *reason);

}  // namespace keyward
