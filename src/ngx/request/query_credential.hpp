// A credential in the query (keyward_credential query=NAME): taken out before anything can log it or pass it on.
#pragma once

#include "ngx/request/request.hpp"

namespace keyward {

// At a request's start: cuts the argument that its server names out of the arguments, the URI as it was sent and the
// request line, and keeps its value for find_credential(). Its name may be spelled with escapes. false when memory was
// refused.
bool cut_query_credential(ngx_http_request_t *r) noexcept;

// Gives the argument back, for locations where keyward is off or in shadow, or forwards credentials: where it was, or
// behind the others where a rewrite has changed these. The request line stays as it is. What a location that admitted
// the request took stays gone, as a field does. false when memory was refused.
bool restore_query_credential(ngx_http_request_t *r) noexcept;

// Takes it out again, for a location that must not see it and comes after one that was given it. false when memory was
// refused.
bool hide_query_credential(ngx_http_request_t *r) noexcept;

// Sees to it that access logs have no credential from a query either where it was given back, nor of requests that
// nginx refuses before they start. While the configuration is read; false when memory was refused.
bool keep_query_from_logs(ngx_conf_t *cf) noexcept;

}  // namespace keyward
