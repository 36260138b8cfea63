// bcrypt and all that is as slow, off the event loop: one run for all requests of this worker that bring the same key, any number of which may
// leave.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "decide/deciding.hpp"
#include "ngx/request/request.hpp"
#include "ngx/request/waiting.hpp"

namespace keyward {

struct Worker;

// A run that requests wait for. Lives on the event loop; the job in the thread has copies of all it needs.
class Verification {
 public:
  WaitList waiters;
  Digest tag = {};  // the seal of the record whose verifier is asked
  Sha256 sha = {};  // of the key that is asked about
};

// All runs of one worker that haven't ended, by their name.
struct Verifications {
  std::map<Digest, std::unique_ptr<Verification>> runs;
};

// Makes the request wait for its run: joins one, or starts it; the answer goes to ctx->state.verifying, which the
// caller has made. false: the queue is full.
bool start_verification(Worker &worker, RequestContext *ctx, const VerifierRun &run);

// Ends all runs of a worker that closes: whoever waits goes on soon, without a verdict.
void abandon_runs(Verifications *verifications) noexcept;

}  // namespace keyward
