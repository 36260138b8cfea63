// Refusing a request: what it is told is made once, here.
#pragma once

#include "ngx/request/request.hpp"

namespace keyward {

// Makes the decision of this context a refusal. What the access phase returns, so that nginx answers.
ngx_int_t refuse(RequestContext *ctx, Reason reason) noexcept;
// In which form the keys API tells of a mistake: problem details, unless keyward_errors says otherwise.
const ErrorRule &errors_of_calls(const LocationConfiguration &location) noexcept;

// The same in another style, and with more to say.
ngx_int_t refuse(RequestContext *ctx, Reason reason, const ErrorRule &errors, const RefusalDetail &detail) noexcept;

// Another module has admitted what keyward has refused (`satisfy any`).
void pass_otherwise(RequestContext *ctx) noexcept;

}  // namespace keyward
