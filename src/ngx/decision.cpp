// The steps of a decision.
#include "ngx/decision.hpp"

#include <algorithm>
#include <optional>

#include "auth/challenge.hpp"
#include "ngx/cookie.hpp"
#include "ngx/credential.hpp"
#include "ngx/header_list.hpp"
#include "ngx/key_lookup.hpp"
#include "ngx/limits.hpp"
#include "ngx/read_variables.hpp"
#include "ngx/token_lookup.hpp"
#include "ngx/worker.hpp"

namespace keyward {
namespace {

bool is_preflight(ngx_http_request_t *r) noexcept {
  if (r->method != NGX_HTTP_OPTIONS || r->headers_in.content_length_n > 0 || r->headers_in.chunked) {
    return false;
  }
  bool origin = false, method = false;
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    if (header->value.len != 0) {
      origin = origin || is_same_name(header, "origin");
      method = method || is_same_name(header, "access-control-request-method");
    }
    return true;
  });
  return origin && method;
}

// The text of a required scope; empty if a variable made it no scope at all.
std::string_view scope_text(ngx_http_request_t *r, const RequiredScope &scope) noexcept {
  if (scope.value == nullptr) {
    return scope.text;
  }
  ngx_str_t text;
  if (ngx_http_complex_value(r, scope.value, &text) != NGX_OK || !is_scope(view(text))) {
    return {};
  }
  return view(text);
}

bool holds(ngx_http_request_t *r, const ScopeRule &rule, const Grants &grants) {
  const auto covered = [&](const RequiredScope &scope) {
    const std::string_view text = scope_text(r, scope);
    return !text.empty() && grants.covers(text);
  };
  return rule.any ? std::any_of(rule.scopes.begin(), rule.scopes.end(), covered)
                  : std::all_of(rule.scopes.begin(), rule.scopes.end(), covered);
}

// What the rule asks for, as a challenge names it.
std::string needed_text(ngx_http_request_t *r, const ScopeRule &rule) {
  std::string text;
  for (const RequiredScope &scope : rule.scopes) {
    const std::string_view one = scope_text(r, scope);
    if (!one.empty()) {
      text += (text.empty() ? "" : " ") + std::string(one);
    }
  }
  return text;
}

Reason check_scopes(RequestContext *ctx, const LocationConfiguration &location) {
  if (!location.scopes || location.scopes->empty()) {
    return Reason::none;
  }
  ngx_http_request_t *r = ctx->r;
  bool covered = false;
  const ScopeRule *failed = nullptr;
  for (const ScopeRule &rule : *location.scopes) {
    if (!applies(rule.methods, r->method)) {
      continue;
    }
    covered = true;
    // Nobody has no scopes at all: a scope is a demand for a credential.
    if (!ctx->principal || !holds(r, rule, ctx->principal->grants)) {
      failed = &rule;
      break;
    }
  }
  if (!covered) {
    return ctx->principal ? Reason::method_not_covered : Reason::missing_credential;
  }
  if (failed == nullptr) {
    return Reason::none;
  }
  if (!ctx->principal) {
    return Reason::missing_credential;
  }
  const std::string needed = needed_text(r, *failed);
  ctx->required_scope = view(copy(r->pool, needed));
  // Roles aren't what an authorization server is asked for.
  const Principal &who = *ctx->principal;
  const std::string_view granted = who.grants_are_roles ? std::string_view() : std::string_view(who.grants.text());
  ctx->challenge_scope = copy(r->pool, scopes_to_ask_for(granted, needed));
  return Reason::insufficient_scope;
}

// Steps 2 and 5: who is it? For nobody reason is none, with ctx->kind anonymous.
Step identify(Worker &worker, RequestContext *ctx, const LocationConfiguration &location, const Acceptance &acceptance,
              Reason *reason) {
  *reason = find_credential(ctx, location);
  if (*reason != Reason::none) {
    return Step::decided;
  }
  if (ctx->credential.source == nullptr) {
    ctx->kind = Kind::anonymous;
    return Step::decided;
  }
  if (ctx->credential.source->kind == SourceKind::cookie && !location.cookie->cross_site && may_be_cross_site(ctx->r)) {
    *reason = Reason::cross_site;
    return Step::decided;
  }
  *reason = classify_credential(worker.configuration, acceptance, &ctx->credential);
  ctx->kind = ctx->credential.kind;
  if (*reason != Reason::none) {
    return Step::decided;
  }
  if (ctx->kind == Kind::token) {
    return look_up_token(worker, ctx, location, acceptance, reason);
  }
  if (worker.configuration.store.empty()) {
    *reason = Reason::invalid_key;
    return Step::decided;
  }
  return look_up_key(worker, ctx, location, reason);
}

Reason judge(Worker &worker, RequestContext *ctx, const LocationConfiguration &location, const Acceptance &accept) {
  if (ctx->kind == Kind::anonymous) {
    if (accept.preflight && is_preflight(ctx->r)) {
      return Reason::none;
    }
    if (!accept.anonymous) {
      return Reason::missing_credential;
    }
  }
  Reason reason = Reason::none;
  if (ctx->principal && !(ctx->kind == Kind::key ? accept.key : accept.issuers != nullptr)) {
    reason = Reason::not_accepted;
  } else if (ctx->principal && ctx->principal->no_access) {
    reason = Reason::no_access;
  } else {
    reason = check_scopes(ctx, location);
  }
  if (reason != Reason::none) {
    look_at_limits(worker, ctx, location);
    return reason;
  }
  return charge_limits(worker, ctx, location);
}

// For as long as rules are looked at, and no longer, whatever comes of it: a request that waits, or ends here, is of
// nobody.
class Deciding {
 public:
  explicit Deciding(RequestContext *ctx) noexcept : ctx_(ctx) { ctx_->deciding = true; }
  ~Deciding() { ctx_->deciding = false; }
  Deciding(const Deciding &) = delete;
  Deciding &operator=(const Deciding &) = delete;

 private:
  RequestContext *ctx_;
};

}  // namespace

Step decide(Worker &worker, RequestContext *ctx, const LocationConfiguration &location, Mode mode) {
  ctx->begin_decision(location, mode == Mode::shadow);
  const Deciding deciding(ctx);
  std::optional<DecisionReads> reads;
  if (location.reads_variables) {
    // Of the request's own configuration, after which its array of variables was made.
    reads.emplace(ctx->r, main_configuration(ctx->r).derived_variables);
  }
  const Acceptance &acceptance = acceptance_for(location.acceptances, ctx->r->method);
  Reason reason = Reason::none;
  if (identify(worker, ctx, location, acceptance, &reason) == Step::wait) {
    return Step::wait;
  }
  if (reason == Reason::none) {
    reason = judge(worker, ctx, location, acceptance);
  }
  if (reason != Reason::none && info(reason).status == NGX_HTTP_SERVICE_UNAVAILABLE && ctx->retry_after_s == 0) {
    // busy is over when a run ends; a store comes back within a second of being mended.
    ctx->retry_after_s = 1;
  }
  ctx->reason = reason;
  return Step::decided;
}

}  // namespace keyward
