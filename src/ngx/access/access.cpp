// The access phase: one decision for each location that a request comes to.
#include "ngx/access/access.hpp"

#include "decide/decide.hpp"
#include "ngx/access/decision.hpp"
#include "ngx/access/refusal_log.hpp"
#include "ngx/access/refuse.hpp"
#include "ngx/nginx/header_list.hpp"
#include "ngx/request/body.hpp"
#include "ngx/request/identity.hpp"
#include "ngx/request/overrides.hpp"
#include "ngx/request/query_credential.hpp"
#include "ngx/request/request.hpp"
#include "ngx/request/request_start.hpp"
#include "ngx/worker/worker.hpp"

namespace keyward {
namespace {

constexpr const char *kNoMemory = "out of memory";
constexpr ngx_int_t kProxyAuthRequired = 407;  // nginx has a name for it from 1.31.0 on

// Whether a refusal still waits for its answer. A post_action comes after that.
bool is_unanswered_refusal(const RequestContext *ctx) noexcept {
  return ctx->refused_for_good() && !ctx->r->header_sent && !ctx->r->post_action;
}

// Whether error_page has just brought our own refusal to this location. Only that one redirect counts: where it leads
// on to (by X-Accel-Redirect, try_files, an error of the error page's own) is decided like any request.
bool is_own_refusal_redirected(const RequestContext *ctx) noexcept {
  return is_unanswered_refusal(ctx) && ctx->r->uri_changes + 1U == ctx->refused.uri_changes;
}

// The refusal stands: nginx's page answers, whatever error_page says.
ngx_int_t refuse_again(RequestContext *ctx) noexcept {
  ctx->r->error_page = 1;
  return refuse(ctx, ctx->outcome.reason);
}

// It isn't decided again, or an error page in a guarded location could never be shown. But a location with a handler of
// its own (proxy_pass and its like) would hand the refused request on, as where an error_page meant for the backend's
// own 503 leads to another backend; so it stays refused there. What nginx's own handlers may show is on_content()'s to
// say.
ngx_int_t answer_refusal_here(RequestContext *ctx) noexcept {
  if (ctx->r->content_handler != nullptr) {
    return refuse_again(ctx);
  }
  ctx->refused.answered_elsewhere = true;
  return NGX_DECLINED;
}

// The location's mode at this moment.
Mode mode_of(const LocationConfiguration &location) noexcept { return location.enforcement->at(ngx_time()); }

// Whether the location would hand a refused request on: it has a content handler of its own (proxy_pass and its like),
// and keyward is off there without anybody having written so. However many redirects led there, the request stays
// refused. Asked before the access phase, which `satisfy any` may end before it comes to us.
bool would_hand_refusal_on(ngx_http_request_t *r, const RequestContext *ctx) noexcept {
  const LocationConfiguration &location = location_configuration(r);
  return r->content_handler != nullptr && !location.enforcement->written && is_unanswered_refusal(ctx);
}

// Whether what runs now answers a request that keyward has refused, and that nobody has admitted since: in the location
// that error_page led to, and where that leads on to locations in which nothing decides.
bool is_answering_refusal(ngx_http_request_t *r) noexcept {
  if (const RequestContext *ctx = current_context(r)) {
    return ctx->refused.answered_elsewhere && ctx->refused_for_good();
  }
  const RequestContext *ctx = r->internal ? find_context(r) : nullptr;
  return ctx != nullptr && ctx->refused_for_good() &&
         (is_own_refusal_redirected(ctx) || mode_of(location_configuration(r)) == Mode::off);
}

// Names who was admitted to the backend. false: memory was refused.
bool tell_identity(Worker &worker, RequestContext *ctx, bool strip) noexcept {
  const jwt::IdentitySigner *signer = server_configuration(ctx->r).signer.get();
  if (signer == nullptr) {
    return add_identity(ctx, strip, {});
  }
  const ngx_str_t assertion = guarded(ngx_str_t{}, [&] {
    static const std::shared_ptr<const Principal> kNobody;
    const Outcome &outcome = ctx->outcome;
    const bool is_named = outcome.named() != nullptr;
    return copy(ctx->r->pool,
                worker.identity_tokens.find(*signer, outcome.kind, is_named ? outcome.principal : kNobody, ngx_time()));
  });
  return assertion.data != nullptr && add_identity(ctx, strip, view(assertion));
}

ngx_int_t admit(Worker &worker, RequestContext *ctx, const LocationConfiguration &location) noexcept {
  const bool keep = location.forward_credential.value_or(false);
  // A request that overrides its method would have passed for another one than its site was looked at for.
  const bool unasked = ctx->credential.source != nullptr && ctx->credential.source->is_ambient();
  const bool is_preflight =
      ctx->outcome.kind == Kind::anonymous && acceptance_for(location.acceptances, ctx->r->method).preflight;
  const bool by_method = location.has_methods || is_preflight;
  ctx->outcome.decision = Decision::allowed;  // from here on it may be told who that is
  const bool ready = tell_identity(worker, ctx, !keep) &&
                     (!keep || !location.has_query || restore_query_credential(ctx->r)) &&
                     remove_overrides(ctx, by_method || unasked);
  if (!ready) {
    ctx->outcome.reason = Reason::internal_error;
    log_refusal(worker, ctx, "refused");
    return refuse(ctx, Reason::internal_error);
  }
  return NGX_OK;
}

// Shadow decides, logs and counts, and changes nothing but the identity of whom it would have admitted.
ngx_int_t shadow(Worker &worker, RequestContext *ctx) noexcept {
  ctx->outcome.decision = Decision::shadow;
  if (ctx->location->has_query && !restore_query_credential(ctx->r)) {
    return internal_error(ctx->r, kNoMemory);
  }
  if (ctx->outcome.reason == Reason::none) {
    if (!tell_identity(worker, ctx, false)) {
      ctx->outcome.reason = Reason::internal_error;
      return internal_error(ctx->r, kNoMemory);
    }
  } else {
    log_refusal(worker, ctx, "would have refused (shadow)");
  }
  // Never NGX_OK, which would satisfy `satisfy any` for everyone.
  return NGX_DECLINED;
}

ngx_int_t decide_access(ngx_http_request_t *r, const LocationConfiguration &location, Mode mode) {
  Worker *own = worker();
  if (own == nullptr) {
    return internal_error(r, "this worker could not be initialised; the log says why, at its start");
  }
  // A location in shadow, which this request came through, may have given it back.
  if (mode == Mode::on && location.has_query && !hide_query_credential(r)) {
    return internal_error(r, kNoMemory);
  }
  RequestContext *ctx = current_context(r);
  if (ctx == nullptr) {
    ctx = obtain_context(r);
    if (ctx == nullptr) {
      return internal_error(r, kNoMemory);
    }
    set_current_context(r, ctx);
    if (is_own_refusal_redirected(ctx)) {
      return answer_refusal_here(ctx);
    }
  }
  if (ctx->waiting) {
    return NGX_AGAIN;
  }
  if (!withdraw_identity(ctx)) {
    return internal_error(r, kNoMemory);
  }
  if (!decide_request(*own, ctx, location, mode)) {
    return NGX_AGAIN;
  }
  ctx->state.wait_expired = ctx->state.wait_failed = false;
  ctx->key_wait.reset();
  if (mode == Mode::shadow) {
    return shadow(*own, ctx);
  }
  if (ctx->outcome.reason == Reason::none) {
    return admit(*own, ctx, location);
  }
  log_refusal(*own, ctx, "refused");
  return refuse(ctx, ctx->outcome.reason);
}

// Whether `satisfy any` would ask others because of the status alone, which keyward_message has chosen: who is over a
// limit, or sent two credentials, is refused whatever others say.
bool is_final_by_reason(ngx_http_request_t *r, ngx_int_t rc) noexcept {
  const auto asks_others = [](ngx_int_t status) {
    return status == NGX_HTTP_UNAUTHORIZED || status == NGX_HTTP_FORBIDDEN || status == kProxyAuthRequired;
  };
  const auto *core = static_cast<ngx_http_core_loc_conf_t *>(ngx_http_get_module_loc_conf(r, ngx_http_core_module));
  if (core->satisfy != NGX_HTTP_SATISFY_ANY || !asks_others(rc)) {
    return false;
  }
  const RequestContext *ctx = current_context(r);
  return ctx != nullptr && ctx->outcome.decision == Decision::refused && !asks_others(info(ctx->outcome.reason).status);
}

// The first of our phases that every main request comes to in each of its locations.
ngx_int_t begin_location(ngx_http_request_t *r) noexcept {
  if (!withdraw_earlier_identity(r)) {
    return internal_error(r, kNoMemory);
  }
  RequestContext *ctx = r->internal && current_context(r) == nullptr ? find_context(r) : nullptr;
  if (ctx != nullptr && would_hand_refusal_on(r, ctx)) {
    set_current_context(r, ctx);
    return refuse_again(ctx);
  }
  const LocationConfiguration &location = location_configuration(r);
  const bool passes_by_method = location.whole->partly_guarded && mode_of(location) != Mode::on;
  return !passes_by_method || remove_method_overrides(r) ? NGX_DECLINED : internal_error(r, kNoMemory);
}

}  // namespace

ngx_int_t on_post_read(ngx_http_request_t *r) noexcept {
  return start_at_post_read(r) ? NGX_DECLINED : internal_error(r, kNoMemory);
}

ngx_int_t on_rewrite(ngx_http_request_t *r) noexcept {
  if (!r->internal && is_started(r)) {
    return NGX_DECLINED;  // nearly always
  }
  return ensure_started(r) && (r != r->main || withdraw_earlier_identity(r)) ? NGX_DECLINED
                                                                             : internal_error(r, kNoMemory);
}

ngx_int_t on_access(ngx_http_request_t *r) noexcept {
  const LocationConfiguration &location = location_configuration(r);
  const Mode mode = mode_of(location);
  if (mode == Mode::off) {
    return location.has_query && !restore_query_credential(r) ? internal_error(r, kNoMemory) : NGX_DECLINED;
  }
  // Memory that was refused ends a request with 500, never with a pass.
  const ngx_int_t rc = guarded(static_cast<ngx_int_t>(NGX_ERROR), [&] { return decide_access(r, location, mode); });
  if (rc == NGX_ERROR) {
    return internal_error(r, kNoMemory);
  }
  if (rc >= NGX_HTTP_SPECIAL_RESPONSE && is_final_by_reason(r, rc)) {
    ngx_http_finalize_request(r, rc);
    return NGX_DONE;
  }
  return rc;
}

ngx_int_t refuse_while_reading(RequestContext *ctx) noexcept {
  ctx->outcome.reason = Reason::body_too_large;
  end_connection_after(ctx->r);
  if (Worker *own = worker()) {
    own->zone.count_decision(static_cast<std::uint8_t>(ctx->outcome.reason));
    log_refusal(*own, ctx, "refused");
  }
  return refuse(ctx, ctx->outcome.reason);
}

ngx_int_t refuse_list(RequestContext *ctx) noexcept {
  ctx->outcome.reason = Reason::list_unreadable;
  if (Worker *own = worker()) {
    own->zone.count_decision(static_cast<std::uint8_t>(ctx->outcome.reason));
    log_refusal(*own, ctx, "refused the answer");
  }
  ctx->r->error_page = 1;  // in the middle of an answer there is no other way
  return refuse(ctx, ctx->outcome.reason);
}

void answer_preflight(RequestContext *ctx) noexcept {
  if (Worker *own = worker()) {
    own->zone.count_decision(static_cast<std::uint8_t>(Reason::none));
  }
  ctx->outcome.decision = Decision::allowed;
  ctx->outcome.kind = Kind::anonymous;
  ngx_http_finalize_request(ctx->r, NGX_HTTP_NO_CONTENT);
}

ngx_int_t on_preaccess(ngx_http_request_t *r) noexcept {
  if (r == r->main) {
    return begin_location(r);
  }
  if (mode_of(location_configuration(r)) != Mode::on) {
    return NGX_DECLINED;
  }
  const RequestContext *ctx = current_context(r->main);
  const Reason reason = judge_subrequest(ctx != nullptr ? &ctx->outcome : nullptr);
  if (reason == Reason::none) {
    return NGX_DECLINED;
  }
  const ngx_str_t name = borrow(info(reason).name);
  ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                "keyward refused: %V, a subrequest of a request that was not admitted", &name);
  r->error_page = 1;  // final: an error page would show or change the refused file, or be auth_request's yes
  return info(reason).status;
}

ngx_int_t on_content(ngx_http_request_t *r) noexcept {
  if (r != r->main || !is_answering_refusal(r)) {
    return NGX_DECLINED;
  }
  RequestContext *ctx = find_context(r);
  // A named location keeps the URI and the method that were refused: static files, autoindex and WebDAV would do what
  // keyward has refused to; so would an error_page that leads to $uri. An error page is a file other than what was
  // asked for, or the one that the configuration names (who asks for that gets it anyway), and it is only read.
  const auto *core = static_cast<ngx_http_core_loc_conf_t *>(ngx_http_get_module_loc_conf(r, ngx_http_core_module));
  const bool reads = (r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) != 0;
  if (reads && ((!core->named && ctx->refused.literal_page) || view(r->uri) != view(ctx->refused.uri))) {
    return NGX_DECLINED;
  }
  set_current_context(r, ctx);
  return refuse_again(ctx);
}

ngx_int_t on_precontent(ngx_http_request_t *r) noexcept {
  if (r != r->main) {
    return NGX_DECLINED;
  }
  if (is_answering_refusal(r)) {
    return NGX_OK;  // on to the content
  }
  RequestContext *ctx = current_context(r);
  if (ctx != nullptr && ctx->outcome.decision == Decision::refused) {
    pass_otherwise(ctx);
  }
  return NGX_DECLINED;
}

}  // namespace keyward
