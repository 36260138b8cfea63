// keyward_identity_keys: the key set by which backends verify signed identity (RFC 7517).
#include "ngx/configuration/configuration.hpp"
#include "ngx/nginx/header_list.hpp"

namespace keyward {

ngx_int_t on_identity_keys(ngx_http_request_t *r) noexcept {
  if ((r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) == 0) {
    return NGX_HTTP_NOT_ALLOWED;
  }
  const jwt::IdentitySigner *signer = server_configuration(r).signer.get();
  if (signer == nullptr) {
    return NGX_HTTP_NOT_FOUND;
  }
  if (const ngx_int_t rc = ngx_http_discard_request_body(r); rc != NGX_OK) {
    return rc;
  }
  // A new key is known a minute after it is used at the latest; until then a backend asks again for a `kid` that it
  // doesn't know.
  if (add_answer_header(r, "Cache-Control", borrow("max-age=60")) == nullptr) {
    return NGX_ERROR;
  }
  ngx_str_t type = ngx_string("application/jwk-set+json");
  ngx_http_complex_value_t text = {};
  text.value = borrow(signer->key_set());
  return ngx_http_send_response(r, NGX_HTTP_OK, &type, &text);
}

}  // namespace keyward
