// What a client reads: the body of a refusal and the fields of every answer.
#pragma once

#include "ngx/request.hpp"

namespace keyward {

// Adds the fields that the decision calls for: challenge, Retry-After, Cache-Control, limits. Only for the main request, once.
bool add_answer_fields(RequestContext *ctx) noexcept;

// The body of the refusal in the format that the location and the request ask for; its type goes to content_type. An empty body:
// nginx's own page it is. false when memory was refused.
bool make_refusal_body(RequestContext *ctx, ngx_str_t *body, ngx_str_t *content_type);

}  // namespace keyward
