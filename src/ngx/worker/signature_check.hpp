// Signatures of tokens off the event loop: one run for all requests of this worker that bring the same token.
#pragma once

#include <memory>
#include <utility>

#include "decide/deciding.hpp"
#include "ngx/nginx/watched_pool.hpp"
#include "ngx/request/request.hpp"
#include "ngx/request/waited_runs.hpp"

namespace keyward {

// Those of one worker. Its threads are started when the first one is needed.
class SignatureRuns {
 public:
  explicit SignatureRuns(ngx_log_t *log) noexcept : log_(log) {}
  ~SignatureRuns() { stop(); }
  SignatureRuns(const SignatureRuns &) = delete;
  SignatureRuns &operator=(const SignatureRuns &) = delete;

  // Makes the request wait for its run: joins one, or starts it. false: the queue is full, or there are no threads.
  bool start(RequestContext *ctx, SignatureRun run);

  // For a worker that closes: whoever waits goes on soon, without an answer.
  void stop() noexcept;

 private:
  class RunJob;
  using Name = std::pair<Digest, const IssuerList *>;

  // nullptr: can't be started. Of suspects there is another one, so that their queue is nobody else's.
  ThreadPool *pool_for(bool suspect) noexcept;

  ngx_log_t *log_;
  bool refused_ = false;  // the log was told that there are no threads
  WatchedPool pool_, suspects_;
  struct Nothing {};
  WaitedRuns<Name, Nothing> runs_;
};

}  // namespace keyward
