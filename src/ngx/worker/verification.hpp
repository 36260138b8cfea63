// bcrypt and all that is as slow, off the event loop: one run for all requests of this worker that bring the same key, any number of which may
// leave.
#pragma once

#include "base/bytes.hpp"
#include "decide/deciding.hpp"
#include "ngx/request/request.hpp"
#include "ngx/request/waited_runs.hpp"

namespace keyward {

struct Worker;

// What a run is about: joined by its name, which two keys that are known by one plain prefix have in common.
struct VerifierSubject {
  Digest tag = {};  // the seal of the record whose verifier is asked
  Sha256 sha = {};  // of the key that is asked about
};
using Verifications = WaitedRuns<Digest, VerifierSubject>;

// Makes the request wait for its run: joins one, or starts it; the answer goes to ctx->state.verifying, which the
// caller has made. false: the queue is full.
bool start_verification(Worker &worker, RequestContext *ctx, const VerifierRun &run);

}  // namespace keyward
