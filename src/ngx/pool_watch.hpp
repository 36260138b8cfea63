// Tells the event loop that a thread pool has finished something.
#pragma once

#include "base/thread_pool.hpp"
#include "ngx/ngx.hpp"

namespace keyward {

// Lets nginx's event loop collect what a thread pool has done: an eventfd of our own, as nginx's ngx_notify() has one handler
// slot, which nginx's own pool uses. Not one of nginx's connections, so that none is taken from clients.
class PoolWatch {
 public:
  bool begin(ThreadPool *pool, ngx_log_t *log) noexcept;
  void end() noexcept;

 private:
  static void on_event(ngx_event_t *event) noexcept;
  ThreadPool *pool_ = nullptr;
  ngx_connection_t connection_ = {};
  ngx_event_t read_ = {}, write_ = {};
  ngx_connection_t **files_ = nullptr;  // nginx's connections by descriptor, where its event method wants them
};

}  // namespace keyward
