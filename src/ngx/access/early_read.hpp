// A variable of keyward's that is read too early.
#pragma once

#include <string_view>

#include "ngx/nginx/ngx.hpp"

namespace keyward {

// $variable had nothing to say. Where that is so only because keyward comes later to this request, the log is told,
// at times.
void note_early_read(ngx_http_request_t *r, std::string_view variable) noexcept;

}  // namespace keyward
