// Starting runs of slow verifiers, and waking those that wait for them.
#include "ngx/worker/verification.hpp"

#include "key/hash_verifier.hpp"
#include "ngx/worker/worker.hpp"

namespace keyward {
namespace {

class VerifierJob final : public Job {
 public:
  VerifierJob(Worker &worker, const VerifierRun &request)
      : worker_(worker),
        kind_(request.kind),
        key_(request.key),
        hash_(request.hash),
        sha_(request.sha),
        tag_(request.tag),
        usage_name_(request.usage_name),
        name_(request.name),
        work_(keyed_digest(*worker.zone.secret, view_of(name_))),
        candidate_(request.candidate),
        until_ms_(now_ms() + kMaxRunWaitMs) {}

  ~VerifierJob() override { wipe(key_.data(), key_.size()); }

  void run() noexcept override {
    // Whoever held a place under the same name may have proved this very key, in whatever worker.
    bool shared = false;
    VerifierGate &gate = *worker_.zone.gate;
    const std::size_t places = worker_.bcrypt_concurrency;
    const VerifierGate::Place place = candidate_ ? gate.enter_spare(places, work_, &shared, is_in_vain, this)
                                                 : gate.enter(places, work_, &shared, is_in_vain, this);
    if (!place) {
      return;
    }
    if (worker_.zone.keys->proven(usage_name_, sha_, tag_, 0)) {
      match_ = Match::yes;
      return;
    }
    match_ = slow_matches(kind_, key_, hash_);
    if (match_ == Match::yes) {
      // Before the place is given up, so that a thread of another worker that waits for it finds the proof.
      worker_.zone.keys->remember(usage_name_, sha_, tag_);
    }
  }

  void finish() noexcept override {
    worker_.verifications.finish(name_, [this](RequestContext *ctx) {
      ctx->state.wait_failed = match_ == Match::failed;
      if (match_ != Match::failed) {
        ctx->state.verifying->add(tag_, match_ == Match::yes);
      }
    });
  }

 private:
  // A candidate may never have its turn: then nobody waits for it any more at some time.
  static bool is_in_vain(void *context) noexcept {
    const auto *job = static_cast<const VerifierJob *>(context);
    return job->worker_.closing.load() || (job->candidate_ && now_ms() >= job->until_ms_);
  }

  static ngx_msec_t now_ms() noexcept {
    struct timespec now = {};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return static_cast<ngx_msec_t>(now.tv_sec) * 1000 + static_cast<ngx_msec_t>(now.tv_nsec / 1000000);
  }

  Worker &worker_;
  const VerifierKind kind_;
  std::string key_, hash_;
  Sha256 sha_;
  Digest tag_, usage_name_, name_, work_;
  const bool candidate_;
  const ngx_msec_t until_ms_;
  Match match_ = Match::failed;
};

}  // namespace

bool start_verification(Worker &worker, RequestContext *ctx, const VerifierRun &request) {
  if (const VerifierSubject *running = worker.verifications.find(request.name)) {
    if (request.candidate && (running->tag != request.tag || running->sha != request.sha)) {
      return false;
    }
    worker.verifications.join(request.name, ctx);
    return true;
  }
  return worker.verifications.start(request.name, {request.tag, request.sha}, ctx, [&] {
    std::unique_ptr<Job> job = std::make_unique<VerifierJob>(worker, request);
    ThreadPool *pool = request.candidate ? worker.candidate_pool() : worker.bcrypt_pool.get();
    return pool != nullptr && pool->post(job);
  });
}

}  // namespace keyward
