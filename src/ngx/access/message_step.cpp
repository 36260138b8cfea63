// The order is by cost: fields, then the body, then what is in it.
#include "ngx/access/message_step.hpp"

#include <new>

#include "mcp/reader.hpp"
#include "ngx/access/access.hpp"
#include "ngx/request/body.hpp"

namespace keyward {
namespace {

using State = BodyReading::State;

MessageLook refused(Reason reason) noexcept {
  MessageLook look;
  look.conclusion = reason;
  return look;
}

MessageLook gone() noexcept {
  MessageLook look;
  look.conclusion = kWaits;
  return look;
}

// A browser's question whether a page may ask; it has no credential, and no body.
bool is_preflight(ngx_http_request_t *r, const MessageState &state) noexcept {
  return r->method == NGX_HTTP_OPTIONS && state.origin.count == 1 && !state.requested_method.empty() && !has_body(r) &&
         r->headers_in.upgrade == nullptr;
}

MessageLook look_at_preflight(RequestContext *ctx) noexcept {
  MessageLook look;
  if (ctx->outcome.in_shadow) {
    look.is_preflight = look.open = true;
    return look;
  }
  ctx->message->answers_preflight = true;
  answer_preflight(ctx);
  return gone();
}

// A request that is judged by its fields alone.
MessageLook look_at_other(mcp::HttpVerdict verdict) noexcept {
  MessageLook look;
  switch (verdict) {
    case mcp::HttpVerdict::needs_credential:
    case mcp::HttpVerdict::options:
      return look;
    case mcp::HttpVerdict::open_to_anonymous:
      look.open = true;
      return look;
    case mcp::HttpVerdict::has_message:
      return refused(Reason::invalid_message);
    case mcp::HttpVerdict::not_allowed:
    case mcp::HttpVerdict::read_body:
      break;
  }
  return refused(Reason::method_not_allowed);
}

// Whatever goes wrong on the way leaves a message that is refused.
void parse(RequestContext *ctx) {
  MessageState &state = *ctx->message;
  state.parsed = true;
  state.body_fault = Reason::internal_error;
  mcp::MessageReader reader(&state.message, main_configuration(ctx->r).has_repeat);
  BodyPieces pieces(ctx->r);
  std::string_view piece;
  bool failed = false;
  while (pieces.next(&piece, &failed) && reader.read(piece)) {
  }
  if (failed) {
    return;
  }
  reader.finish();
  state.body_fault = Reason::none;
}

MessageLook judge(RequestContext *ctx, const McpTerms &terms) {
  MessageState &state = *ctx->message;
  if (state.body_fault != Reason::none) {
    return refused(state.body_fault);
  }
  state.call = mcp::make_call(state.message, state.fields);
  if (state.call.fault != mcp::Fault::none) {
    state.problem = state.message.problem();
    return refused(Reason::invalid_message);
  }
  MessageLook look;
  look.judgement = terms.rules.judge(state.message);
  if (look.judgement.verdict == mcp::RuleVerdict::bad_uri) {
    state.call.fault = mcp::Fault::no_message;
    state.problem = "its URI means different things to different readers";
    return refused(Reason::invalid_message);
  }
  look.has_judgement = true;
  look.open = look.judgement.is_public;
  return look;
}

MessageLook look_at_body(RequestContext *ctx, const McpTerms &terms) {
  if (obtain_body(ctx) == nullptr) {
    throw std::bad_alloc();
  }
  BodyReading &body = *ctx->body;
  body.most = terms.settings.body;
  body.tolerant = ctx->outcome.in_shadow;
  body.refuse = refuse_while_reading;
  const ngx_int_t rc = read_body(ctx, &body);
  if (rc != NGX_OK) {
    if (rc != NGX_DONE) {
      ngx_http_finalize_request(ctx->r, rc);
    }
    return gone();
  }
  switch (body.state) {
    case State::whole:
      break;
    case State::too_large:
      end_connection_after(ctx->r);
      return refused(Reason::body_too_large);
    default:
      ctx->message->problem = "something has read its body before, and not kept it";
      return refused(Reason::invalid_message);
  }
  if (!ctx->message->parsed) {
    parse(ctx);
  }
  return judge(ctx, terms);
}

}  // namespace

MessageLook look_at_message(RequestContext *ctx, const LocationConfiguration &location, const Credential &presented,
                            bool accepts_anonymous) {
  MessageState *state = obtain_message(ctx);
  if (state == nullptr) {
    throw std::bad_alloc();
  }
  ngx_http_request_t *r = ctx->r;
  const McpTerms &terms = *location.mcp_terms;
  state->problem = nullptr;
  state->answers_preflight = state->filters_list = false;
  state->list = nullptr;
  state->call = mcp::make_call(state->fields);
  const bool may_come = is_origin_allowed(r, location, state->origin);
  state->may_answer_origin = may_come && state->origin.count != 0;
  if (!may_come) {
    return refused(Reason::origin_refused);
  }
  // What comes through a tunnel is nobody's to judge, and the protocol has none.
  if (r->headers_in.upgrade != nullptr) {
    state->problem = "it asks for another protocol (Upgrade)";
    return refused(Reason::invalid_message);
  }
  if (is_preflight(r, *state)) {
    return look_at_preflight(ctx);
  }
  // X-Accel-Redirect and error_page make a GET of what was, and still is, a message.
  const bool is_kept = r->internal && state->parsed;
  const bool has_credential = presented.kind != Kind::anonymous;
  const mcp::HttpVerdict verdict =
      mcp::judge_http_method({view(r->method_name), has_body(r) || mcp::names_message(state->fields), has_credential,
                              state->resumes, accepts_anonymous},
                             state->call.era);
  if (!is_kept && verdict != mcp::HttpVerdict::read_body) {
    return look_at_other(verdict);
  }
  // What can't be a credential costs no more than a look at it.
  return presented.fault != Reason::none ? MessageLook() : look_at_body(ctx, terms);
}

}  // namespace keyward
