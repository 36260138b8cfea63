// Refusals as nginx is told of them: a status, whose answer the filters write.
#include "ngx/request/refuse.hpp"

#include "ngx/nginx/header_list.hpp"

namespace keyward {
namespace {

// Whether the location that the request is in has an error_page for this status, whose URI has no variables. A named
// location has no URI of its own.
bool has_literal_page(ngx_http_request_t *r, ngx_int_t status) noexcept {
  const auto *core = static_cast<ngx_http_core_loc_conf_t *>(ngx_http_get_module_loc_conf(r, ngx_http_core_module));
  if (core->error_pages == nullptr) {
    return false;
  }
  const auto *pages = static_cast<ngx_http_err_page_t *>(core->error_pages->elts);
  for (ngx_uint_t i = 0; i < core->error_pages->nelts; ++i) {
    if (pages[i].status == status) {
      return pages[i].value.lengths == nullptr && view(pages[i].value.value).substr(0, 1) != "@";
    }
  }
  return false;
}

// All Accept fields of the request as one, where they choose the format.
std::string accept_of(ngx_http_request_t *r, const ErrorStyle &errors) {
  std::string all;
  if (errors.format != ErrorFormat::automatic) {
    return all;
  }
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    if (is_same_name(header, "accept")) {
      all.append(all.empty() ? "" : ",").append(view(header->value));
    }
    return true;
  });
  return all;
}

}  // namespace

ngx_int_t refuse(RequestContext *ctx, Reason reason, const ErrorStyle &errors, const RefusalDetail &detail) noexcept {
  const LocationConfiguration &location = *ctx->location;
  ctx->outcome.decision = Decision::refused;
  ctx->outcome.reason = reason;
  const RefusalStyle style{*location.answers, errors, location.realm ? *location.realm : std::string_view(),
                           location.basic != nullptr};
  ctx->refused = Refused();
  // Without memory for it nginx's own page tells the status.
  ctx->refused.refusal = guarded(Refusal{answer_to(style, reason).status, {}, {}, {}}, [&] {
    return make_refusal(ctx->outcome, style, accept_of(ctx->r, style.errors), detail);
  });
  ctx->refused.uri_changes = ctx->r->uri_changes;
  ctx->refused.uri = ctx->r->uri;
  ctx->refused.literal_page = has_literal_page(ctx->r, ctx->refused.refusal.status);
  return ctx->refused.refusal.status;
}

ngx_int_t refuse(RequestContext *ctx, Reason reason) noexcept {
  return refuse(ctx, reason, *ctx->location->errors, {});
}

}  // namespace keyward
