// Identity fields in the request that goes to the backend.
#include "ngx/identity.hpp"

#include <algorithm>

#include "ngx/cookie.hpp"
#include "ngx/credential.hpp"
#include "ngx/header_list.hpp"

namespace keyward {
namespace {

bool remove_identity(ngx_http_request_t *r, const ServerConfiguration &server) noexcept {
  return remove_request_headers(
      r, [&](const ngx_table_elt_t *header) { return server.watched.find(header) == FieldUse::identity; });
}

}  // namespace

bool withdraw_identity(RequestContext *ctx) noexcept {
  if (!ctx->identity_set) {
    return true;
  }
  ctx->identity_set = false;
  return remove_identity(ctx->r, server_configuration(ctx->r));
}

bool set_identity(RequestContext *ctx, bool strip) noexcept {
  ngx_http_request_t *r = ctx->r;
  const ServerConfiguration &server = server_configuration(r);
  // An earlier location's decision about this request may have been another.
  if (!withdraw_identity(ctx)) {
    return false;
  }
  std::size_t free_fields = strip && !ctx->stripped ? ctx->credential.header_count : 0;
  if (strip && !ctx->stripped && ctx->credential.websocket != nullptr && !strip_websocket(r, ctx->credential.text)) {
    return false;
  }
  if (strip && ctx->location->cookie != nullptr && !strip_cookie(r, ctx->location->cookie->name)) {
    return false;
  }
  ctx->stripped = ctx->stripped || (strip && ctx->credential.source != nullptr);

  if (server.identity_on && ctx->kind != Kind::none) {
    ctx->identity_set = true;
    const Principal *principal = ctx->principal.get();
    const std::string_view values[kIdentityFields] = {
        principal != nullptr ? std::string_view(principal->subject) : std::string_view(),
        principal != nullptr ? std::string_view(principal->key_id) : std::string_view(),
        principal != nullptr ? std::string_view(principal->plan) : std::string_view(),
        principal != nullptr ? std::string_view(principal->grants.text()) : std::string_view(),
        to_text(ctx->kind),
        principal != nullptr ? std::string_view(principal->issuer) : std::string_view(),
        {},
    };
    for (std::size_t i = 0; i < kIdentityFields; ++i) {
      if (values[i].empty()) {
        continue;
      }
      // Where a credential was, nothing moves for its removal.
      ngx_table_elt_t *header;
      if (free_fields != 0) {
        header = ctx->credential.headers[--free_fields];
        forget_request_header(r, header);
      } else if ((header = add_request_header(r)) == nullptr) {
        return false;
      }
      *header = server.identity[i].field;
      header->value = borrow(values[i]);  // the request keeps the principal (let_go_of_principal())
    }
  }
  if (free_fields == 0) {
    return true;
  }
  const auto &fields = ctx->credential.headers;
  return remove_request_headers(r, [&](const ngx_table_elt_t *header) {
    const auto end = fields.begin() + static_cast<std::ptrdiff_t>(free_fields);
    return std::find(fields.begin(), end, header) != end;
  });
}

}  // namespace keyward
