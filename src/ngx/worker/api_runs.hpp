// Requests to the keys API, off the event loop: each is one job of a thread that may wait for the store's lock and for
// bcrypt. Whoever leaves meanwhile leaves the job to its end.
#pragma once

#include <cstdint>
#include <functional>

#include "api/api.hpp"
#include "ngx/nginx/watched_pool.hpp"
#include "ngx/request/request.hpp"
#include "ngx/request/waited_runs.hpp"

namespace keyward {

// Those of one worker. Its threads are started when the first one is needed.
class ApiRuns {
 public:
  explicit ApiRuns(ngx_log_t *log) noexcept : log_(log) {}
  ~ApiRuns() { stop(); }
  ApiRuns(const ApiRuns &) = delete;
  ApiRuns &operator=(const ApiRuns &) = delete;

  // Makes the request wait while a thread works; then `done` is called with what came of it, where the request is still
  // there, and the request goes on. false: the queue is full, or there are no threads.
  using Work = std::function<api::Reply()>;
  using Done = void (*)(RequestContext *ctx, api::Reply &&reply) noexcept;
  bool start(RequestContext *ctx, Work work, Done done);

  // For a worker that closes: whoever waits goes on soon, without an answer.
  void stop() noexcept;

 private:
  class RunJob;
  ngx_log_t *log_;
  bool refused_ = false;  // the log was told that there are no threads
  WatchedPool pool_;
  struct Nothing {};
  WaitedRuns<std::uint64_t, Nothing> runs_;  // by number
  std::uint64_t last_ = 0;
};

}  // namespace keyward
