// Starting jobs of the keys API, and waking those that wait for them.
#include "ngx/worker/api_runs.hpp"

#include <utility>

namespace keyward {
namespace {

// A little longer than a revocation waits for the store's lock.
constexpr ngx_msec_t kMaxWaitMs = 70000;
// A thread that waits for bcrypt holds up what is behind it.
constexpr std::size_t kHashingThreads = 2;
// What is beyond that gets 503 at once.
constexpr std::size_t kQueue = 64;
// So much of it may be one subject's.
constexpr std::size_t kShare = 8;

}  // namespace

class ApiRuns::RunJob final : public Job {
 public:
  RunJob(ApiRuns &runs, std::uint64_t number, const Share &share, Work work, Done done)
      : runs_(runs), number_(number), share_(share), work_(std::move(work)), done_(done) {}

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
    runs_.leave(share_);
    runs_.runs_.finish(number_, [this](RequestContext *ctx) { done_(ctx, std::move(reply_)); });
  }

 private:
  ApiRuns &runs_;
  const std::uint64_t number_;
  const Share share_;
  const Work work_;
  const Done done_;
  api::Reply reply_;
};

bool ApiRuns::start(RequestContext *ctx, api::Lane lane, const Digest &who, Work work, Done done) {
  WatchedPool &pool = pools_[static_cast<std::size_t>(lane)];
  if (!pool && !pool.start(lane == api::Lane::hashing ? kHashingThreads : 1, kQueue, "keyward api", log_)) {
    if (!std::exchange(refused_, true)) {
      ngx_log_error(NGX_LOG_ERR, log_, ngx_errno, "keyward: can't start threads; the keys API answers 503");
    }
    return false;
  }
  const auto share = shares_.try_emplace({lane, who}).first;
  if (share->second >= kShare) {
    return false;
  }
  ++share->second;
  const std::uint64_t number = ++last_;
  bool started = false;
  try {
    std::unique_ptr<Job> job = std::make_unique<RunJob>(*this, number, share->first, std::move(work), done);
    started = runs_.start(
        number, {}, ctx, [&] { return pool->post(job); }, kMaxWaitMs);
  } catch (...) {
    leave(share->first);
    throw;
  }
  if (!started) {
    leave(share->first);
  }
  return started;
}

void ApiRuns::leave(const Share &share) noexcept {
  const auto found = shares_.find(share);
  if (found != shares_.end() && --found->second == 0) {
    shares_.erase(found);
  }
}

void ApiRuns::stop() noexcept {
  for (WatchedPool &pool : pools_) {
    pool.stop();
  }
  runs_.abandon();
}

}  // namespace keyward
