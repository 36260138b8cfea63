// Runs off the event loop that requests wait for, one of each name: any number may join one, and leave it.
#pragma once

#include <map>
#include <memory>
#include <utility>

#include "ngx/request/request.hpp"
#include "ngx/request/waiting.hpp"

namespace keyward {

// The longest that a request waits for a run. The queues are bounded so that this is far off; the timer is also what
// keeps a worker that shuts down from leaving while a request waits.
inline constexpr ngx_msec_t kMaxRunWaitMs = 30000;

// Those of one worker that haven't ended. Lives on the event loop; the job in the thread has copies of all it needs.
// About: what has to be known of a run beside its name.
template <typename Name, typename About>
class WaitedRuns {
 public:
  // What is known of a run that goes on; nullptr: there is none of this name.
  const About *find(const Name &name) const {
    const auto found = runs_.find(name);
    return found == runs_.end() ? nullptr : &found->second->about;
  }

  // Makes the request wait for a run that goes on.
  void join(const Name &name, RequestContext *ctx) {
    start_waiting(&runs_.find(name)->second->waiters, ctx, kMaxRunWaitMs);
  }
  // The same of a new one, which post() gives to a thread. false: it couldn't.
  template <typename Post>
  bool start(const Name &name, const About &about, RequestContext *ctx, Post &&post, ngx_msec_t most = kMaxRunWaitMs) {
    const auto entry = runs_.emplace(name, std::make_unique<Run>()).first;
    entry->second->about = about;
    bool posted = false;
    try {
      posted = post();
    } catch (...) {
      runs_.erase(entry);
      throw;
    }
    if (!posted) {
      runs_.erase(entry);
      return false;
    }
    start_waiting(&entry->second->waiters, ctx, most);
    return true;
  }

  // The run has ended: give(ctx) hands what came of it to each that waits, which goes on then.
  template <typename Give>
  void finish(const Name &name, Give &&give) noexcept {
    const auto found = runs_.find(name);
    if (found == runs_.end()) {
      return;
    }
    const std::unique_ptr<Run> run = std::move(found->second);
    runs_.erase(found);
    while (RequestContext *ctx = take_waiting(&run->waiters)) {
      give(ctx);
      resume(ctx);
    }
  }

  // For a worker that closes: whoever waits goes on soon, without an answer.
  void abandon() noexcept {
    for (const auto &[name, run] : runs_) {
      release_all(&run->waiters);
    }
    runs_.clear();
  }

 private:
  struct Run {
    WaitList waiters;
    About about = {};
  };

  std::map<Name, std::unique_ptr<Run>> runs_;
};

}  // namespace keyward
