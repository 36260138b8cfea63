// What the backend is told about who asks, and that nobody else tells it.
#pragma once

#include "ngx/request.hpp"

namespace keyward {

// Sets the identity fields for ctx's principal. With strip, the credential's own fields are removed (and reused). false when memory
// was refused: then nothing may be passed on.
bool set_identity(RequestContext *ctx, bool strip) noexcept;

// Takes the identity fields that an earlier decision set out again.
bool withdraw_identity(RequestContext *ctx) noexcept;

}  // namespace keyward
