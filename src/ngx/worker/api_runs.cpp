// Starting jobs of the keys API, and waking those that wait for them.
#include "ngx/worker/api_runs.hpp"

#include <utility>

namespace keyward {
namespace {

// A little longer than a revocation waits for the store's lock.
constexpr ngx_msec_t kMaxWaitMs = 70000;
// A thread that waits for the lock, or for bcrypt, holds up what is behind it: so there are two.
constexpr std::size_t kThreads = 2;
// What is beyond that gets 503 at once.
constexpr std::size_t kQueue = 64;

}  // namespace

class ApiRuns::RunJob final : public Job {
 public:
  RunJob(ApiRuns &runs, std::uint64_t number, Work work, Done done)
      : runs_(runs), number_(number), work_(std::move(work)), done_(done) {}

  void run() noexcept override {
    const bool whole = guarded(false, [&] {
      reply_ = work_();
      return true;
    });
    if (!whole) {
      reply_ = api::Reply();
      reply_.reason = Reason::internal_error;
    }
  }
  void finish() noexcept override {
    runs_.runs_.finish(number_, [this](RequestContext *ctx) { done_(ctx, std::move(reply_)); });
  }

 private:
  ApiRuns &runs_;
  const std::uint64_t number_;
  const Work work_;
  const Done done_;
  api::Reply reply_;
};

bool ApiRuns::start(RequestContext *ctx, Work work, Done done) {
  if (!pool_ && !pool_.start(kThreads, kQueue, "keyward api", log_)) {
    if (!std::exchange(refused_, true)) {
      ngx_log_error(NGX_LOG_ERR, log_, ngx_errno, "keyward: can't start threads; the keys API answers 503");
    }
    return false;
  }
  const std::uint64_t number = ++last_;
  std::unique_ptr<Job> job = std::make_unique<RunJob>(*this, number, std::move(work), done);
  return runs_.start(
      number, {}, ctx, [&] { return pool_->post(job); }, kMaxWaitMs);
}

void ApiRuns::stop() noexcept {
  pool_.stop();
  runs_.abandon();
}

}  // namespace keyward
