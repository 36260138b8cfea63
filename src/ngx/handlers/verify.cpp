// keyward_verify: an answer without a body, for proxies that ask before they pass a request on.
#include "ngx/configuration/configuration.hpp"
#include "ngx/handlers/admitted.hpp"
#include "ngx/nginx/header_list.hpp"
#include "ngx/request/identity.hpp"
#include "ngx/worker/worker.hpp"

namespace keyward {
namespace {

// All of them, so that a proxy that copies them overwrites what a client has sent under these names.
bool add_identity_fields(ngx_http_request_t *r, const Outcome &outcome) noexcept {
  const ServerConfiguration &server = server_configuration(r);
  const IdentityValues values = identity_values(outcome);
  bool added = true;
  for (std::size_t i = 0; i < kIdentityFields && server.identity_on; ++i) {
    const ngx_str_t value = copy(r->pool, values[i]);
    added = added && value.data != nullptr && add_answer_header(r, server.identity[i].name, value) != nullptr;
  }
  return added;
}

}  // namespace

ngx_int_t on_verify(ngx_http_request_t *r) noexcept {
  ngx_int_t status = NGX_HTTP_INTERNAL_SERVER_ERROR;
  const RequestContext *ctx = find_admitted(r, Admitted::anyone, &status);
  if (ctx == nullptr) {
    return status;
  }
  const ngx_int_t rc = ngx_http_discard_request_body(r);
  if (rc != NGX_OK) {
    return rc;
  }
  if (!forbid_storing(r) || !add_identity_fields(r, ctx->outcome)) {
    return internal_error(r, "out of memory");
  }
  r->disable_not_modified = 1;
  r->headers_out.status = NGX_HTTP_NO_CONTENT;
  r->header_only = 1;
  return ngx_http_send_header(r);
}

}  // namespace keyward
