// Who was admitted.
#include "ngx/handlers/admitted.hpp"

#include "ngx/access/refusal_log.hpp"
#include "ngx/access/refuse.hpp"
#include "ngx/nginx/compat.hpp"
#include "ngx/nginx/header_list.hpp"
#include "ngx/worker/worker.hpp"

namespace keyward {

RequestContext *find_admitted(ngx_http_request_t *r, Admitted who, ngx_int_t *status) noexcept {
  if (r != r->main) {
    *status = NGX_HTTP_FORBIDDEN;
    return nullptr;
  }
  RequestContext *ctx = current_context(r);
  const LocationConfiguration &location = location_configuration(r);
  if (ctx == nullptr) {
    ctx = obtain_context(r);
    if (ctx == nullptr) {
      *status = internal_error(r, "out of memory");
      return nullptr;
    }
    set_current_context(r, ctx);
    ctx->begin_decision(location, false);
  }
  const Outcome &outcome = ctx->outcome;
  const bool is_known = outcome.principal != nullptr && (outcome.kind == Kind::key || outcome.kind == Kind::token);
  if (outcome.decision == Decision::allowed && ctx->location == &location && (is_known || who == Admitted::anyone)) {
    return ctx;
  }
  const Reason reason = outcome.reason != Reason::none ? outcome.reason
                        : outcome.principal != nullptr ? Reason::not_accepted
                                                       : Reason::missing_credential;
  ctx->location = &location;
  *status = refuse_there(ctx, reason, *location.errors, {});
  return nullptr;
}

ngx_int_t refuse_there(RequestContext *ctx, Reason reason, const ErrorRule &errors,
                       const RefusalDetail &detail) noexcept {
  ctx->outcome.decision = Decision::refused;
  ctx->outcome.reason = reason;
  if (Worker *own = worker()) {
    log_refusal(*own, ctx, "refused");
  }
  return refuse(ctx, reason, errors, detail);
}

bool forbid_storing(ngx_http_request_t *r) noexcept {
  clear_cache_control(r);
  ngx_table_elt_t *field = add_answer_header(r, "Cache-Control", borrow("no-store"));
  return field != nullptr && register_cache_control(r, field);
}

}  // namespace keyward
