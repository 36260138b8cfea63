// What a client reads besides the body: the fields of every answer.
#pragma once

#include "ngx/request/request.hpp"

namespace keyward {

// Adds the fields that the decision calls for: those of its refusal, Cache-Control, limits. Only for the main request,
// once. false when memory was refused.
bool add_answer_fields(RequestContext *ctx) noexcept;

// Whether what nginx is about to send is its own page about our refusal: the request has gone nowhere since (a redirect
// clears nginx's pointer to the context), and the status is ours. A final refusal stands whatever other modules of
// `satisfy any` made the status.
bool is_refusal_page(const RequestContext *ctx) noexcept;

// When the window of the limit closes, or, where the limit doesn't admit, when it will: as a Unix time, rounded up, so
// that whoever comes back then isn't too early.
std::uint64_t reset_at_s(const SeenLimit &limit) noexcept;

}  // namespace keyward
