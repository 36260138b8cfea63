// Threads whose finished jobs nginx's event loop collects.
#pragma once

#include <memory>

#include "base/thread_pool.hpp"
#include "ngx/nginx/ngx.hpp"

namespace keyward {

// A thread pool and an event of nginx's on its eventfd: one of our own, as nginx's ngx_notify() has one handler slot,
// which nginx's own pool uses. Not one of nginx's connections, so that none is taken from clients.
class WatchedPool {
 public:
  WatchedPool() = default;
  ~WatchedPool() { stop(); }
  WatchedPool(const WatchedPool &) = delete;
  WatchedPool &operator=(const WatchedPool &) = delete;

  // As ThreadPool::create(). false, with the system's error in errno: there are no threads then.
  bool start(std::size_t threads, std::size_t queue_limit, const char *name, ngx_log_t *log,
             int niceness = ThreadPool::kNiceness) noexcept;
  // Waits for jobs that run, and drops those that are queued.
  void stop() noexcept;

  // nullptr: not started.
  ThreadPool *get() const noexcept { return pool_.get(); }
  ThreadPool *operator->() const noexcept { return pool_.get(); }
  explicit operator bool() const noexcept { return pool_ != nullptr; }

 private:
  static void on_event(ngx_event_t *event) noexcept;
  bool watch(ngx_log_t *log) noexcept;

  std::unique_ptr<ThreadPool> pool_;
  ngx_connection_t connection_ = {};
  ngx_event_t read_ = {}, write_ = {};
  ngx_connection_t **files_ = nullptr;  // nginx's connections by descriptor, where its event method wants them
};

}  // namespace keyward
