// A decision about a request, in the place where it is: what nginx knows of both goes to the core, which decides.
#pragma once

#include "ngx/request/request.hpp"

namespace keyward {

struct Worker;

// Decides for the location that the request is in, and counts the decision unless it waits. Re-entrant: after a wait
// everything that may have changed meanwhile is read again. Makes ctx's outcome anew, but for what is done with it;
// touches neither request nor answer. But in an MCP location a request without a conclusion may have been answered, or
// ended by nginx while its body was read: nothing of it may be touched then.
Conclusion decide_request(Worker &worker, RequestContext *ctx, const LocationConfiguration &location, Mode mode);

}  // namespace keyward
