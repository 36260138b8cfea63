// Making a request's outcome a refusal.
#pragma once

#include "ngx/request/request.hpp"

namespace keyward {

// Of the latest decision's location; answers with the status that nginx is to be told.
ngx_int_t refuse(RequestContext *ctx, Reason reason) noexcept;
// The same in another style, and with more to say.
ngx_int_t refuse(RequestContext *ctx, Reason reason, const ErrorStyle &errors, const RefusalDetail &detail) noexcept;

}  // namespace keyward
