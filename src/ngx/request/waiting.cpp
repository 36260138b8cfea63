// A list of requests, each of which may leave at any time.
#include "ngx/request/waiting.hpp"

namespace keyward {
namespace {

RequestContext *context_of(Waiter *waiter) noexcept {
  // The timer's data is the way back: a Waiter is part of a context, which isn't of standard layout.
  return static_cast<RequestContext *>(waiter->timer.data);
}

void link(WaitList *list, Waiter *waiter) noexcept {
  waiter->list = list;
  waiter->previous = nullptr;
  waiter->next = list->first;
  if (waiter->next != nullptr) {
    waiter->next->previous = waiter;
  }
  list->first = waiter;
  ++list->count;
}

void unlink(Waiter *waiter) noexcept {
  if (waiter->list != nullptr) {
    (waiter->previous != nullptr ? waiter->previous->next : waiter->list->first) = waiter->next;
    if (waiter->next != nullptr) {
      waiter->next->previous = waiter->previous;
    }
    --waiter->list->count;
  }
  waiter->next = waiter->previous = nullptr;
  waiter->list = nullptr;
}

void on_wait_expired(ngx_event_t *event) noexcept {
  auto *ctx = static_cast<RequestContext *>(event->data);
  stop_waiting(ctx);
  ctx->state.wait_expired = true;
  resume(ctx);
}

}  // namespace

void start_waiting(WaitList *list, RequestContext *ctx, ngx_msec_t most) noexcept {
  Waiter &waiter = ctx->waiter;
  link(list, &waiter);
  waiter.timer.data = ctx;
  waiter.timer.handler = on_wait_expired;
  waiter.timer.log = ctx->r->connection->log;
  ngx_add_timer(&waiter.timer, most);
  ctx->waiting = true;
  // Notices a client that leaves, as limit_req does while it delays.
  ctx->r->read_event_handler = ngx_http_test_reading;
  if (ngx_handle_read_event(ctx->r->connection->read, 0) != NGX_OK) {
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, ctx->r->connection->log, 0, "keyward: can't watch the client while waiting");
  }
}

void stop_waiting(RequestContext *ctx) noexcept {
  if (!ctx->waiting) {
    return;
  }
  unlink(&ctx->waiter);
  if (ctx->waiter.timer.timer_set) {
    ngx_del_timer(&ctx->waiter.timer);
  }
  ctx->waiting = false;
}

RequestContext *take_waiting(WaitList *list) noexcept {
  if (list->first == nullptr) {
    return nullptr;
  }
  RequestContext *ctx = context_of(list->first);
  stop_waiting(ctx);
  return ctx;
}

void resume(RequestContext *ctx) noexcept {
  ngx_http_request_t *r = ctx->r;
  ngx_connection_t *c = r->connection;
  ngx_http_set_log_request(c->log, r);
  r->read_event_handler = ngx_http_block_reading;
  // ngx_http_core_run_phases, or whatever has replaced it if the request was terminated meanwhile.
  r->write_event_handler(r);
  ngx_http_run_posted_requests(c);
}

void resume_all(WaitList *list) noexcept {
  WaitList now;  // whoever waits again is in the other one
  while (list->first != nullptr) {
    Waiter *waiter = list->first;
    unlink(waiter);
    link(&now, waiter);
  }
  while (RequestContext *ctx = take_waiting(&now)) {
    resume(ctx);
  }
}

void release_all(WaitList *list) noexcept {
  while (RequestContext *ctx = take_waiting(list)) {
    ctx->waiting = true;
    ngx_add_timer(&ctx->waiter.timer, 1);
  }
}

}  // namespace keyward
