// Requests to the keys API, off the event loop: each is one job of a thread that may wait for the store's lock and for
// bcrypt. Whoever leaves meanwhile leaves the job to its end.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "api/api.hpp"
#include "api/route.hpp"
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
  // there, and the request goes on. false: the queue, or its share of it, is full, or there are no threads.
  using Work = std::function<api::Reply()>;
  using Done = void (*)(RequestContext *ctx, api::Reply &&reply) noexcept;
  // who: counts against its share of the queue, so that one subject leaves room for others.
  bool start(RequestContext *ctx, api::Lane lane, const Digest &who, Work work, Done done);

  // For a worker that closes: whoever waits goes on soon, without an answer.
  void stop() noexcept;

 private:
  class RunJob;
  using Share = std::pair<api::Lane, Digest>;
  void leave(const Share &share) noexcept;

  ngx_log_t *log_;
  bool refused_ = false;                 // the log was told that there are no threads
  std::array<WatchedPool, 3> pools_;     // by api::Lane: who revokes a key waits for nobody's bcrypt
  std::map<Share, std::size_t> shares_;  // how many jobs there are for whom
  struct Nothing {};
  WaitedRuns<std::uint64_t, Nothing> runs_;  // by number
  std::uint64_t last_ = 0;
};

}  // namespace keyward
