// What keyward's own content handlers have in common: they answer only whom keyward has admitted right there.
#pragma once

#include "ngx/request/request.hpp"

namespace keyward {

enum class Admitted : std::uint8_t {
  known,   // a key or a token
  anyone,  // also who needs no credential there
};

// nullptr, with the status to answer: the request was admitted by nobody, or by another module only (`satisfy any`), or
// keyward is off, or only tries here (shadow), or it is a subrequest.
RequestContext *find_admitted(ngx_http_request_t *r, Admitted who, ngx_int_t *status) noexcept;

// Refuses a request after all, in this style; the log is told. Answers with the status for nginx.
ngx_int_t refuse_there(RequestContext *ctx, Reason reason, const ErrorRule &errors,
                       const RefusalDetail &detail) noexcept;

// Cache-Control: no-store. false: memory was refused.
bool forbid_storing(ngx_http_request_t *r) noexcept;

}  // namespace keyward
