// Starting bcrypt runs, and waking those that wait for them.
#include "ngx/verification.hpp"

#include "key/verifier.hpp"
#include "ngx/worker.hpp"

namespace keyward {
namespace {

// The longest that a request waits for bcrypt. The queue is bounded so that this is far off; the timer is also what
// keeps a worker that shuts down from leaving while a request waits.
constexpr ngx_msec_t kMaxWaitMs = 30000;

// Goes on with a request that waited. It may be gone when this returns.
void resume(RequestContext *ctx) noexcept {
  ngx_http_request_t *r = ctx->r;
  ngx_connection_t *c = r->connection;
  ngx_http_set_log_request(c->log, r);
  r->read_event_handler = ngx_http_block_reading;
  // ngx_http_core_run_phases, or whatever has replaced it if the request was terminated meanwhile.
  r->write_event_handler(r);
  ngx_http_run_posted_requests(c);
}

// Out of its run, where it is in one, and no longer waiting.
void unlink(RequestContext *ctx) noexcept {
  Waiter &waiter = ctx->waiter;
  if (waiter.run != nullptr) {
    (waiter.previous != nullptr ? waiter.previous->next : waiter.run->waiters) = waiter.next;
    if (waiter.next != nullptr) {
      waiter.next->previous = waiter.previous;
    }
  }
  waiter.next = waiter.previous = nullptr;
  waiter.run = nullptr;
  if (waiter.timer.timer_set) {
    ngx_del_timer(&waiter.timer);
  }
  ctx->waiting = false;
}

void on_wait_expired(ngx_event_t *event) noexcept {
  auto *ctx = static_cast<RequestContext *>(event->data);
  unlink(ctx);
  ctx->wait_expired = true;
  resume(ctx);
}

RequestContext *context_of(Waiter *waiter) noexcept {
  // The timer's data is the way back: a Waiter is part of a context, which isn't of standard layout.
  return static_cast<RequestContext *>(waiter->timer.data);
}

class BcryptJob final : public Job {
 public:
  BcryptJob(Worker &worker, const VerificationRequest &request)
      : worker_(worker),
        key_(request.key),
        hash_(request.hash),
        sha_(request.sha),
        tag_(request.tag),
        usage_name_(request.usage_name),
        name_(request.name),
        work_(keyed_digest(*worker.zone.secret, view_of(name_))) {}

  ~BcryptJob() override { wipe(key_.data(), key_.size()); }

  void run() noexcept override {
    // Whoever held a place under the same name may have proved this very key, in whatever worker.
    bool shared = false;
    const auto closing = [](void *context) { return static_cast<Worker *>(context)->closing.load(); };
    const Gate::Place place = worker_.zone.gate->enter(worker_.bcrypt_concurrency, work_, &shared, closing, &worker_);
    if (!place) {
      return;
    }
    if (worker_.zone.keys->proven(usage_name_, sha_, tag_, 0)) {
      match_ = Match::yes;
      return;
    }
    match_ = bcrypt_matches(key_, hash_);
    if (match_ == Match::yes) {
      // Before the place is given up, so that a thread of another worker that waits for it finds the proof.
      worker_.zone.keys->remember(usage_name_, sha_, tag_);
    }
  }

  void finish() noexcept override {
    const auto found = worker_.verifications.runs.find(name_);
    if (found == worker_.verifications.runs.end()) {
      return;
    }
    const std::unique_ptr<Verification> run = std::move(found->second);
    worker_.verifications.runs.erase(found);
    while (run->waiters != nullptr) {
      RequestContext *ctx = context_of(run->waiters);
      unlink(ctx);
      ctx->wait_failed = match_ == Match::failed;
      if (match_ != Match::failed) {
        ctx->verdicts->add(tag_, match_ == Match::yes);
      }
      resume(ctx);
    }
  }

 private:
  Worker &worker_;
  std::string key_, hash_;
  Sha256 sha_;
  Digest tag_, usage_name_, name_, work_;
  Match match_ = Match::failed;
};

void wait_for(Verification *run, RequestContext *ctx) noexcept {
  Waiter &waiter = ctx->waiter;
  waiter.run = run;
  waiter.previous = nullptr;
  waiter.next = run->waiters;
  if (waiter.next != nullptr) {
    waiter.next->previous = &waiter;
  }
  run->waiters = &waiter;
  waiter.timer.data = ctx;
  waiter.timer.handler = on_wait_expired;
  waiter.timer.log = ctx->r->connection->log;
  ngx_add_timer(&waiter.timer, kMaxWaitMs);
  ctx->waiting = true;
  // Notices a client that leaves, as limit_req does while it delays.
  ctx->r->read_event_handler = ngx_http_test_reading;
  if (ngx_handle_read_event(ctx->r->connection->read, 0) != NGX_OK) {
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, ctx->r->connection->log, 0, "keyward: can't watch the client while waiting");
  }
}

}  // namespace

Started start_verification(Worker &worker, RequestContext *ctx, const VerificationRequest &request) {
  if (!ctx->verdicts) {
    ctx->verdicts = std::make_unique<Verdicts>();
  }
  if (ctx->verdicts->sha != request.sha) {  // after a redirect another source's key may be asked about
    ctx->verdicts->sha = request.sha;
    ctx->verdicts->count = 0;
  }
  const auto found = worker.verifications.runs.find(request.name);
  if (found != worker.verifications.runs.end()) {
    if (request.exclusive && (found->second->tag != request.tag || found->second->sha != request.sha)) {
      return Started::busy;
    }
    wait_for(found->second.get(), ctx);
    return Started::waiting;
  }
  auto run = std::make_unique<Verification>();
  run->tag = request.tag;
  run->sha = request.sha;
  Verification *started = run.get();
  const auto entry = worker.verifications.runs.emplace(request.name, std::move(run)).first;
  std::unique_ptr<Job> job;
  try {
    job = std::make_unique<BcryptJob>(worker, request);
  } catch (...) {
    worker.verifications.runs.erase(entry);
    throw;
  }
  if (!worker.bcrypt_pool || !worker.bcrypt_pool->post(job)) {
    worker.verifications.runs.erase(entry);
    return Started::busy;
  }
  wait_for(started, ctx);
  return Started::waiting;
}

void stop_waiting(RequestContext *ctx) noexcept {
  if (ctx->waiting) {
    unlink(ctx);
  }
}

void abandon_runs(Verifications *verifications) noexcept {
  for (const auto &[name, run] : verifications->runs) {
    while (run->waiters != nullptr) {
      RequestContext *ctx = context_of(run->waiters);
      unlink(ctx);
      // Not from here, where nothing may be decided: from the event loop.
      ctx->waiting = true;
      ngx_add_timer(&ctx->waiter.timer, 1);
    }
  }
  verifications->runs.clear();
}

}  // namespace keyward
