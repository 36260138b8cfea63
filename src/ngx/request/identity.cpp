// Identity fields in the request that goes to the backend.
#include "ngx/request/identity.hpp"

#include <algorithm>
#include <set>

#include "ngx/nginx/header_list.hpp"
#include "ngx/request/cookie.hpp"
#include "ngx/request/credential.hpp"
#include "ngx/request/read_variables.hpp"

namespace keyward {
namespace {

bool remove_identity(ngx_http_request_t *r, const ServerConfiguration &server) noexcept {
  return remove_request_headers(
      r, [&](const ngx_table_elt_t *header) { return server.watched.find(header) == FieldUse::identity; });
}

// What a later location has to know of a field: another one may look for another scheme in Authorization.
std::string_view held_text(ngx_http_request_t *r, const Source &source, const FoundCredential &credential) noexcept {
  return source.is_authorization() && r->headers_in.authorization != nullptr ? view(r->headers_in.authorization->value)
                                                                             : credential.text;
}

// Takes the credential out of everything that holds it but the fields of its own, which the caller reuses or removes.
// What each source gave is remembered.
bool take_credential(RequestContext *ctx) noexcept {
  ngx_http_request_t *r = ctx->r;
  const LocationConfiguration &location = *ctx->location;
  FoundCredential &credential = ctx->credential;
  for (std::size_t i = 0; i < location.sources->size(); ++i) {
    if ((*location.sources)[i].kind == SourceKind::query) {
      ctx->query.taken = true;  // it was cut out at the start
    }
    if ((credential.held_by >> i & 1) != 0 &&
        !ctx->remember_taken((*location.sources)[i], held_text(r, (*location.sources)[i], credential))) {
      return false;
    }
    if ((*location.sources)[i].kind == SourceKind::websocket && credential.websocket != nullptr &&
        !strip_websocket(r, (*location.sources)[i].word, credential.text)) {
      return false;
    }
  }
  if (credential.basic != nullptr && !ctx->remember_taken(*location.basic, view(credential.basic->value))) {
    return false;
  }
  if (location.cookie == nullptr) {
    return true;
  }
  // A location that knows no other source may come yet.
  std::size_t count;
  const std::string_view cookie = find_cookie(r, location.cookie->name, &count);
  return (count == 0 || ctx->remember_taken(*location.cookie, cookie, count > 1)) &&
         strip_cookie(r, location.cookie->name);
}

}  // namespace

bool withdraw_earlier_identity(ngx_http_request_t *r) noexcept {
  RequestContext *ctx = r->internal ? find_context(r) : nullptr;
  if (ctx == nullptr || current_context(r) == ctx) {
    return true;
  }
  // nginx's log reads what it has kept of a variable, also of one that isn't to be kept.
  forget_variables(r, main_configuration(r).derived_variables);
  return withdraw_identity(ctx);
}

bool withdraw_identity(RequestContext *ctx) noexcept {
  if (!ctx->identity_set) {
    return true;
  }
  ngx_http_request_t *r = ctx->r;
  // Whatever has read the fields, and keeps what it read, points into the principal.
  if (ctx->outcome.principal &&
      pool_new<std::shared_ptr<const Principal>>(r->pool, ctx->outcome.principal) == nullptr) {
    return false;
  }
  ctx->identity_set = false;
  forget_variables(r, main_configuration(r).identity_variables);
  return remove_identity(r, server_configuration(r));
}

bool add_identity(RequestContext *ctx, bool strip, std::string_view assertion) noexcept {
  ngx_http_request_t *r = ctx->r;
  const ServerConfiguration &server = server_configuration(r);
  std::size_t free_fields = strip ? ctx->credential.header_count : 0;
  if (strip && !take_credential(ctx)) {
    return false;
  }
  if (server.identity_on && ctx->outcome.kind != Kind::none) {
    ctx->identity_set = true;
    const Principal *principal = ctx->outcome.named();
    const std::string_view values[kIdentityFields] = {
        principal != nullptr ? std::string_view(principal->subject) : std::string_view(),
        principal != nullptr ? std::string_view(principal->key_id) : std::string_view(),
        principal != nullptr ? std::string_view(principal->plan) : std::string_view(),
        principal != nullptr ? std::string_view(principal->grants.text()) : std::string_view(),
        to_text(ctx->outcome.kind),
        principal != nullptr ? std::string_view(principal->issuer) : std::string_view(),
        assertion,
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
      header->value = borrow(values[i]);  // the request keeps the principal (withdraw_identity())
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

void find_identity_variables(ngx_conf_t *cf) {
  auto *core = static_cast<ngx_http_core_main_conf_t *>(ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
  std::set<std::string> names;
  auto *servers = static_cast<ngx_http_core_srv_conf_t **>(core->servers.elts);
  for (ngx_uint_t i = 0; i < core->servers.nelts; ++i) {
    const auto *server =
        static_cast<const ServerConfiguration *>(servers[i]->ctx->srv_conf[ngx_http_keyward_module.ctx_index]);
    for (const IdentityName &identity : server->identity) {
      std::string name = "http_" + identity.lowcase;
      std::replace(name.begin(), name.end(), '-', '_');
      names.insert(std::move(name));
    }
  }
  auto *variables = static_cast<ngx_http_variable_t *>(core->variables.elts);
  for (ngx_uint_t i = 0; i < core->variables.nelts; ++i) {
    if (names.count(std::string(view(variables[i].name))) != 0) {
      main_configuration(cf)->identity_variables.push_back(i);
    }
  }
}

}  // namespace keyward
