// Starting runs, and waking those that wait for them.
#include "ngx/worker/signature_check.hpp"

#include <chrono>
#include <string>
#include <thread>

namespace keyward {
namespace {

// Runs that the thread has not taken yet: at a millisecond each, the slowest, a tenth of a second of work.
constexpr std::size_t kQueue = 128;
// As for bcrypt: whoever shares a processor with a run waits for it the less, the nicer it is.
constexpr int kNiceness = 19;
// A suspect's run takes at least so long: to refuse a flood costs the loop more than a fast signature costs the thread,
// and whoever waits for an answer sends nothing.
constexpr std::chrono::microseconds kSuspectPause(500);

}  // namespace

class SignatureRuns::RunJob final : public Job {
 public:
  RunJob(SignatureRuns &owner, SignatureRun run)
      : owner_(owner), run_(std::move(run)), token_(run_.token), checked_(std::make_shared<CheckedToken>()) {
    checked_->name = run_.name;
    checked_->key_sets = run_.key_sets;
  }

  void run() noexcept override {
    checked_->failed = !guarded(false, [&] {
      jwt::ParsedToken token = jwt::parse_token(token_);
      // Only what is found out about its signature is kept: the clock goes on while the request waits.
      return token.fault == jwt::Cause::none &&
             jwt::verify_token(run_.accepted, &token, run_.now_s, &checked_->checks).cause !=
                 jwt::Cause::crypto_failure;
    });
    if (run_.suspect) {
      std::this_thread::sleep_for(kSuspectPause);
    }
  }
  void finish() noexcept override {
    owner_.runs_.finish({run_.name, run_.list}, [this](RequestContext *ctx) { ctx->state.checked = checked_; });
  }

 private:
  SignatureRuns &owner_;
  const SignatureRun run_;
  const std::string token_;
  const std::shared_ptr<CheckedToken> checked_;
};

bool SignatureRuns::start(RequestContext *ctx, SignatureRun run) {
  const Name name(run.name, run.list);
  if (runs_.find(name) != nullptr) {
    runs_.join(name, ctx);
    return true;
  }
  return runs_.start(name, {}, ctx, [&] {
    ThreadPool *pool = pool_for(run.suspect);
    std::unique_ptr<Job> job = pool != nullptr ? std::make_unique<RunJob>(*this, std::move(run)) : nullptr;
    return job != nullptr && pool->post(job);
  });
}

ThreadPool *SignatureRuns::pool_for(bool suspect) noexcept {
  WatchedPool &pool = suspect ? suspects_ : pool_;
  if (!pool && !pool.start(1, kQueue, suspect ? "keyward suspect" : "keyward tokens", log_, kNiceness) && !refused_) {
    refused_ = true;
    ngx_log_error(NGX_LOG_ERR, log_, ngx_errno,
                  "keyward: can't start a thread; tokens that were not verified before may be refused with 503");
  }
  return pool.get();
}

void SignatureRuns::stop() noexcept {
  pool_.stop();
  suspects_.stop();
  runs_.abandon();
}

}  // namespace keyward
