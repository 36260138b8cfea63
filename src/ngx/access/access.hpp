// keyward's handlers in nginx's phases.
#pragma once

#include "ngx/nginx/ngx.hpp"

namespace keyward {

struct RequestContext;

// Post-read phase: nothing has been able to read or keep a field by then.
ngx_int_t on_post_read(ngx_http_request_t *r) noexcept;
// The rewrite phases, the first there: takes out what an earlier location told of its principal, and starts a request
// that error_page has taken on from before post-read, as nginx's own 400 about a bad Host. Does nothing for any other.
ngx_int_t on_rewrite(ngx_http_request_t *r) noexcept;
// Access phase: decides, waits, refuses.
ngx_int_t on_access(ngx_http_request_t *r) noexcept;
// Preaccess phase: refuses subrequests, whose access phase nginx skips; and protects identity where nginx skipped
// post-read.
ngx_int_t on_preaccess(ngx_http_request_t *r) noexcept;
// Precontent phase, first of all its handlers: skips the others (mirror, try_files) for a request that was refused, so
// that nothing of it goes anywhere; and notes that one which we refused was let in by `satisfy any`.
ngx_int_t on_precontent(ngx_http_request_t *r) noexcept;
// Content phase, before nginx's own handlers: keeps an error page from being the very thing that was refused.
ngx_int_t on_content(ngx_http_request_t *r) noexcept;

// Within the access phase of an MCP location: a body that turned out too large while the request waited for the rest of
// it. Answers with the refusal's status, which nginx ends the request with.
ngx_int_t refuse_while_reading(RequestContext *ctx) noexcept;
// Of an admitted request, whose answer's header isn't sent yet: it can't be shown. Answers with the refusal's status.
ngx_int_t refuse_list(RequestContext *ctx) noexcept;
// Ends the request with 204, to which the filters add what a browser asks for. The request may be gone when it returns.
void answer_preflight(RequestContext *ctx) noexcept;

}  // namespace keyward
