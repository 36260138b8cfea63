// Fields by which a backend would do something else than what was judged: another method, another URL, a place to move
// to.
#pragma once

#include "ngx/request/request.hpp"

namespace keyward {

// Of a request that ctx->location is about to admit: takes out what that location's rules could not see. by_method:
// they look at the method. false when memory was refused: then nothing may be passed on.
bool remove_overrides(RequestContext *ctx, bool by_method) noexcept;

// Of a request that passes unguarded where one with another method would not: takes out what would make it that one.
// false when memory was refused.
bool remove_method_overrides(ngx_http_request_t *r) noexcept;

}  // namespace keyward
