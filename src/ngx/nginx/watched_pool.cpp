// An eventfd as an event of nginx's.
#include "ngx/nginx/watched_pool.hpp"

namespace keyward {

bool WatchedPool::start(std::size_t threads, std::size_t queue_limit, const char *name, ngx_log_t *log,
                        int niceness) noexcept {
  stop();
  pool_ = ThreadPool::create(threads, queue_limit, name, niceness);
  if (pool_ && watch(log)) {
    return true;
  }
  const ngx_err_t error = ngx_errno;
  stop();
  ngx_set_errno(error);
  return false;
}

bool WatchedPool::watch(ngx_log_t *log) noexcept {
  connection_.fd = pool_->event_fd();
  connection_.read = &read_;
  connection_.write = &write_;
  connection_.log = log;
  connection_.data = this;
  read_.data = write_.data = &connection_;
  read_.log = write_.log = log;
  read_.handler = on_event;
  write_.write = 1;
  // `use poll` and `use select` number their events, and poll finds connections by their descriptors.
  read_.index = write_.index = NGX_INVALID_INDEX;
  if (ngx_cycle->files != nullptr) {
    if (static_cast<ngx_uint_t>(connection_.fd) >= ngx_cycle->files_n) {
      return false;
    }
    files_ = ngx_cycle->files;
    files_[connection_.fd] = &connection_;
  }
  ngx_uint_t how = NGX_LEVEL_EVENT;
  if ((ngx_event_flags & NGX_USE_CLEAR_EVENT) != 0) {
    how = NGX_CLEAR_EVENT;
  }
  return ngx_add_event(&read_, NGX_READ_EVENT, how) == NGX_OK;
}

void WatchedPool::stop() noexcept {
  if (read_.active) {
    ngx_del_event(&read_, NGX_READ_EVENT, 0);
  }
  if (files_ != nullptr && files_[connection_.fd] == &connection_) {
    files_[connection_.fd] = nullptr;
  }
  files_ = nullptr;
  pool_.reset();
}

void WatchedPool::on_event(ngx_event_t *event) noexcept {
  auto *connection = static_cast<ngx_connection_t *>(event->data);
  static_cast<WatchedPool *>(connection->data)->pool_->collect();
}

}  // namespace keyward
