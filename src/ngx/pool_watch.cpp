// An eventfd as an event of nginx's.
#include "ngx/pool_watch.hpp"

namespace keyward {

bool PoolWatch::begin(ThreadPool *pool, ngx_log_t *log) noexcept {
  pool_ = pool;
  connection_.fd = pool->event_fd();
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
  files_ = ngx_cycle->files;
  if (files_ != nullptr) {
    if (static_cast<ngx_uint_t>(connection_.fd) >= ngx_cycle->files_n) {
      return false;
    }
    files_[connection_.fd] = &connection_;
  }
  ngx_uint_t how = NGX_LEVEL_EVENT;
  if ((ngx_event_flags & NGX_USE_CLEAR_EVENT) != 0) {
    how = NGX_CLEAR_EVENT;
  }
  return ngx_add_event(&read_, NGX_READ_EVENT, how) == NGX_OK;
}

void PoolWatch::end() noexcept {
  if (read_.active) {
    ngx_del_event(&read_, NGX_READ_EVENT, 0);
  }
  if (files_ != nullptr && files_[connection_.fd] == &connection_) {
    files_[connection_.fd] = nullptr;
  }
}

void PoolWatch::on_event(ngx_event_t *event) noexcept {
  auto *connection = static_cast<ngx_connection_t *>(event->data);
  static_cast<PoolWatch *>(connection->data)->pool_->collect();
}

}  // namespace keyward
