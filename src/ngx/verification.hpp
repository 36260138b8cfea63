// bcrypt off the event loop: one run for all requests of this worker that bring the same key, any number of which may leave.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "ngx/request.hpp"
#include "ngx/waiting.hpp"

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

enum class Started { waiting, busy };

// What a run needs to know; copied.
struct VerificationRequest {
  std::string_view key;  // the whole credential
  Sha256 sha = {};
  std::string_view hash;   // the record's bcrypt hash
  Digest tag = {};         // the record's seal
  Digest usage_name = {};  // the record's, for the shared proof
  // Runs of one name are one run. For legacy prefixes the name is the prefix's, so that there is one at a time.
  Digest name = {};
  // One of those that a legacy prefix names, which anybody can have run: it has a small queue of its own and a small share
  // of the gate, and under one name only the same key may wait for a run; another is busy.
  bool candidate = false;
};

// Makes the request wait for its run: joins one, or starts it. busy when the queue is full.
Started start_verification(Worker &worker, RequestContext *ctx, const VerificationRequest &request);

// Ends all runs of a worker that closes: whoever waits goes on soon, without a verdict.
void abandon_runs(Verifications *verifications) noexcept;

}  // namespace keyward
