// What of a request and its location decides how a refusal looks.
#include "ngx/access/refuse.hpp"

#include <string>

#include "ngx/nginx/header_list.hpp"
#include "ngx/request/message.hpp"
#include "ngx/request/read_variables.hpp"

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

// What isn't a format's name is "auto". Maps over our own variables are read anew, as they are after the decision.
ErrorFormat format_of(ngx_http_request_t *r, const ErrorRule &errors) noexcept {
  if (errors.variable == nullptr) {
    return errors.format;
  }
  return guarded(ErrorFormat::automatic, [&] {
    const DecisionReads reads(r, main_configuration(r).derived_variables);
    ngx_str_t name = {};
    const bool is_read = ngx_http_complex_value(r, errors.variable, &name) == NGX_OK;
    return is_read ? format_by_name(view(name)).value_or(ErrorFormat::automatic) : ErrorFormat::automatic;
  });
}

// All Accept fields of the request as one.
std::string accept_of(ngx_http_request_t *r) {
  std::string all;
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    if (is_same_name(header, "accept")) {
      all.append(all.empty() ? "" : ",").append(view(header->value));
    }
    return true;
  });
  return all;
}

Refusal refusal_of(RequestContext *ctx, const ErrorRule &errors, const RefusalDetail &detail) noexcept {
  ngx_http_request_t *r = ctx->r;
  const LocationConfiguration &location = *ctx->location;
  const RefusalStyle style{*location.answers,         errors,
                           format_of(r, errors),      location.realm ? *location.realm : std::string_view(),
                           location.basic != nullptr, location.resource.get()};
  Reader reader;
  reader.content_type =
      r->headers_in.content_type != nullptr ? view(r->headers_in.content_type->value) : std::string_view();
  // A message's answer elsewhere is that of the place.
  reader.call = location.mcp_terms != nullptr && ctx->message != nullptr ? &ctx->message->call : nullptr;
  // Without memory for it nginx's own page tells the status.
  Refusal without;
  without.status = status_of(ctx->outcome, style, reader);
  return guarded(std::move(without), [&] {
    std::string accept;
    if (style.format == ErrorFormat::automatic) {
      accept = accept_of(r);
      reader.accept = accept;
    }
    return make_refusal(ctx->outcome, style, reader, detail);
  });
}

}  // namespace

ngx_int_t refuse(RequestContext *ctx, Reason reason, const ErrorRule &errors, const RefusalDetail &detail) noexcept {
  ngx_http_request_t *r = ctx->r;
  ctx->outcome.decision = Decision::refused;
  ctx->outcome.reason = reason;
  ctx->refused = Refused();
  ctx->refused.refusal = refusal_of(ctx, errors, detail);
  ctx->refused.uri_changes = r->uri_changes;
  ctx->refused.uri = r->uri;
  ctx->refused.literal_page = has_literal_page(r, ctx->refused.refusal.status);
  ctx->refused.had_error_page = r->error_page != 0;
  r->error_page = r->error_page | static_cast<unsigned>(ctx->refused.refusal.is_final);
  return ctx->refused.refusal.status;
}

const ErrorRule &errors_of_calls(const LocationConfiguration &location) noexcept {
  static const ErrorRule kProblem = [] {
    ErrorRule rule;
    rule.format = ErrorFormat::problem;
    return rule;
  }();
  return location.errors->written ? *location.errors : kProblem;
}

ngx_int_t refuse(RequestContext *ctx, Reason reason) noexcept {
  const LocationConfiguration &location = *ctx->location;
  if (location.api != nullptr && reason == Reason::body_too_large) {
    return refuse(ctx, reason, errors_of_calls(location), {"at most 16 KiB", {}});
  }
  return refuse(ctx, reason, *location.errors, {});
}

void pass_otherwise(RequestContext *ctx) noexcept {
  ctx->refused.passed_otherwise = true;
  if (!ctx->refused.had_error_page) {
    ctx->r->error_page = 0;  // the answer is another's now, with its error pages
  }
}

}  // namespace keyward
