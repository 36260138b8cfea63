// A timer of nginx's that goes off again and again.
#pragma once

#include "ngx/nginx/ngx.hpp"

namespace keyward {

// Keeps no worker from leaving. Doesn't go on by itself: its handler sets it anew.
class Ticker {
 public:
  using Handler = void (*)(void *owner) noexcept;

  Ticker(Handler handler, void *owner, ngx_log_t *log) noexcept : handler_(handler), owner_(owner) {
    connection_.fd = static_cast<ngx_socket_t>(-1);
    connection_.data = this;
    event_.data = &connection_;
    event_.handler = on_event;
    event_.log = log;
    event_.cancelable = 1;
  }
  ~Ticker() { stop(); }
  Ticker(const Ticker &) = delete;
  Ticker &operator=(const Ticker &) = delete;

  // Goes off in so long, or sooner where it would have anyway.
  void set_within(ngx_msec_t most) noexcept {
    if (event_.timer_set && event_.timer.key > ngx_current_msec + most) {
      ngx_del_timer(&event_);
    }
    if (!event_.timer_set) {
      ngx_add_timer(&event_, most);
    }
  }
  void stop() noexcept {
    if (event_.timer_set) {
      ngx_del_timer(&event_);
    }
  }

 private:
  static void on_event(ngx_event_t *event) noexcept {
    auto *self = static_cast<Ticker *>(static_cast<ngx_connection_t *>(event->data)->data);
    self->handler_(self->owner_);
  }

  Handler handler_;
  void *owner_;
  ngx_event_t event_ = {};
  ngx_connection_t connection_ = {};  // what nginx's debug log looks at
};

}  // namespace keyward
