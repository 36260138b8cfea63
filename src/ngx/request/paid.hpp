// What a request has paid in credits, until nginx frees it.
#pragma once

#include "limit/paid_credits.hpp"
#include "ngx/nginx/ngx.hpp"

namespace keyward {

// Of a main request. Made when it is asked for first; nullptr: memory was refused. Settled with the request's pool, when
// the final status is known.
PaidCredits *paid_credits_of(ngx_http_request_t *r) noexcept;
// nullptr: there is none.
PaidCredits *find_paid_credits(ngx_http_request_t *r) noexcept;

}  // namespace keyward
