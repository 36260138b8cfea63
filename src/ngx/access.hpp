// keyward's handlers in nginx's phases.
#pragma once

#include "ngx/ngx.hpp"

namespace keyward {

// Access phase: decides, waits, refuses.
ngx_int_t on_access(ngx_http_request_t *r) noexcept;
// Preaccess phase: refuses subrequests, whose access phase nginx skips; and protects identity where nginx skipped post-read.
ngx_int_t on_preaccess(ngx_http_request_t *r) noexcept;
// Precontent phase, first of all its handlers: skips the others (mirror, try_files) for a request that was refused, so
// that nothing of it goes anywhere; and notes that one which we refused was let in by `satisfy any`.
ngx_int_t on_precontent(ngx_http_request_t *r) noexcept;
// Content phase, before nginx's own handlers: keeps an error page from being the very thing that was refused.
ngx_int_t on_content(ngx_http_request_t *r) noexcept;

}  // namespace keyward
