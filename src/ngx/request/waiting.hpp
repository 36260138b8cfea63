// Requests that wait for something off the event loop: how they wait, leave and go on.
#pragma once

#include <cstddef>

#include "ngx/request/request.hpp"

namespace keyward {

// Those that wait for one thing. Lives on the event loop, and is empty when it goes.
struct WaitList {
  Waiter *first = nullptr;
  std::size_t count = 0;
};

// Puts the request into the list until it is taken out or leaves. After `most` it goes on by itself, with
// state.wait_expired.
void start_waiting(WaitList *list, RequestContext *ctx, ngx_msec_t most) noexcept;
// Takes the request out of whatever it waits for, if anything. Called when it ends.
void stop_waiting(RequestContext *ctx) noexcept;

// Takes one out, which goes on by resume(); nullptr: nobody waits.
RequestContext *take_waiting(WaitList *list) noexcept;
// Goes on with a request that waited: decides again. It may be gone when this returns, and so may others that wait.
void resume(RequestContext *ctx) noexcept;

// All go on, and may wait again.
void resume_all(WaitList *list) noexcept;
// All go on soon, from the event loop, with state.wait_expired: for a worker that closes, where nothing may be decided.
void release_all(WaitList *list) noexcept;

}  // namespace keyward
