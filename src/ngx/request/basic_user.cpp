// Looking at Basic before nginx does.
#include "ngx/request/basic_user.hpp"

#include "auth/credential_text.hpp"
#include "decide/credential.hpp"
#include "ngx/configuration/configuration.hpp"

namespace keyward {

bool hide_key_as_user(ngx_http_request_t *r) noexcept {
  const ngx_table_elt_t *header = r->headers_in.authorization;
  // Without a name, and with a place for it, nginx has looked and found none.
  const bool is_hidden = r->headers_in.user.len == 0 && r->headers_in.user.data != nullptr;
  if (header == nullptr || is_hidden || scheme_value(view(header->value), "basic").empty()) {
    return true;
  }
  auto *decoded = static_cast<char *>(ngx_pnalloc(r->pool, header->value.len));
  if (decoded == nullptr) {
    return false;
  }
  const BasicText text = read_basic(view(header->value), decoded);
  // nginx reads more leniently than we do.
  if (!text.is_readable || may_be_credential(text.user, main_configuration(r).forms)) {
    r->headers_in.user = r->headers_in.passwd = borrow("");
  }
  return true;
}

}  // namespace keyward
