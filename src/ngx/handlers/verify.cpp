// keyward_verify: an answer without a body, for proxies that ask before they pass a request on.
#include "ngx/configuration/configuration.hpp"
#include "ngx/handlers/admitted.hpp"
#include "ngx/nginx/header_list.hpp"
#include "ngx/worker/worker.hpp"

namespace keyward {
namespace {

// All of them, as a backend would get them, so that a proxy that copies them overwrites what a client has sent under
// these names. Of those that are in the request only what keyward has set is left.
bool add_identity_fields(ngx_http_request_t *r) noexcept {
  const ServerConfiguration &server = server_configuration(r);
  bool added = true;
  for (std::size_t i = 0; i < kIdentityFields && server.identity_on; ++i) {
    const IdentityName &identity = server.identity[i];
    std::string_view told;
    for_each_header(&r->headers_in.headers, [&](const ngx_table_elt_t *header) {
      told = header->key.data == identity.field.key.data ? view(header->value) : told;
      return true;
    });
    const ngx_str_t value = copy(r->pool, told);
    added = added && value.data != nullptr && add_answer_header(r, identity.name, value) != nullptr;
  }
  return added;
}

}  // namespace

ngx_int_t on_verify(ngx_http_request_t *r) noexcept {
  ngx_int_t status = NGX_HTTP_INTERNAL_SERVER_ERROR;
  if (find_admitted(r, Admitted::anyone, &status) == nullptr) {
    return status;
  }
  const ngx_int_t rc = ngx_http_discard_request_body(r);
  if (rc != NGX_OK) {
    return rc;
  }
  if (!forbid_storing(r) || !add_identity_fields(r)) {
    return internal_error(r, "out of memory");
  }
  r->disable_not_modified = 1;
  r->headers_out.status = NGX_HTTP_NO_CONTENT;
  r->header_only = 1;
  return ngx_http_send_header(r);
}

}  // namespace keyward
