// A refusal's fields, Cache-Control, and limits, among the fields that the answer has already.
#include "ngx/answer/answer.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "answer/limit_fields.hpp"
#include "base/digits.hpp"
#include "ngx/nginx/compat.hpp"
#include "ngx/nginx/header_list.hpp"
#include "ngx/request/paid.hpp"

namespace keyward {
namespace {

constexpr std::string_view kChallenge = "WWW-Authenticate";

// Hides every field of these names that the answer has already.
void clear_answer_fields(ngx_http_request_t *r, std::initializer_list<std::string_view> lowcase) noexcept {
  for_each_header(&r->headers_out.headers, [&](ngx_table_elt_t *header) {
    if (std::any_of(lowcase.begin(), lowcase.end(),
                    [&](std::string_view name) { return is_same_name(header, name); })) {
      header->hash = 0;
    }
    return true;
  });
}

bool add_answer_field(ngx_http_request_t *r, std::string_view name, ngx_str_t value) noexcept {
  return value.data != nullptr && add_answer_header(r, name, value) != nullptr;
}

struct NumberField {
  std::string_view name;
  std::uint64_t value;
};

// The texts of all lie in one piece of the pool.
template <std::size_t N>
bool add_number_fields(ngx_http_request_t *r, const NumberField (&fields)[N]) noexcept {
  auto *texts = static_cast<char *>(ngx_pnalloc(r->pool, N * kMaxDigits));
  if (texts == nullptr) {
    return false;
  }
  char *end = texts + N * kMaxDigits;
  for (const NumberField &field : fields) {
    char *begin = write_digits_before(end, field.value);
    if (add_answer_header(r, field.name, borrow({begin, static_cast<std::size_t>(end - begin)})) == nullptr) {
      return false;
    }
    end = begin;
  }
  return true;
}

bool add_limit_fields(RequestContext *ctx) {
  ngx_http_request_t *r = ctx->r;
  const LimitHeaderStyle style = ctx->location->limit_headers.value_or(LimitHeaderStyle());
  const WindowState &limit = ctx->outcome.limit.state;
  const std::uint64_t reset_s = ctx->outcome.limit.reset_in_s(ngx_current_msec, ngx_time());
  if (style.names == LimitHeaders::x || style.names == LimitHeaders::both) {
    const std::uint64_t reset = style.reset_is_delta ? reset_s : reset_at_s(ctx->outcome.limit);
    clear_answer_fields(r, {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"});
    if (!add_number_fields(r, {{"X-RateLimit-Limit", limit.limit},
                               {"X-RateLimit-Remaining", limit.remaining},
                               {"X-RateLimit-Reset", reset}})) {
      return false;
    }
  }
  if (style.tells_every_limit() && ctx->outcome.every_limit) {
    clear_answer_fields(r, {"ratelimit-policy", "ratelimit"});
    const std::vector<SeenLimit> &all = *ctx->outcome.every_limit;
    const std::string state = state_field(all, ngx_current_msec, ngx_time());
    if (!add_answer_field(r, "RateLimit-Policy", copy(r->pool, policy_field(all))) ||
        !add_answer_field(r, "RateLimit", copy(r->pool, state))) {
      return false;
    }
  }
  return true;
}

bool add_credit_field(ngx_http_request_t *r) noexcept {
  const PaidCredits *paid = find_paid_credits(r);
  clear_answer_fields(r, {"x-credits-remaining"});
  return paid == nullptr || add_number_fields(r, {{"X-Credits-Remaining", paid->left()}});
}

// Ours comes first, also where auth_basic (`satisfy any`) has put its own there.
bool add_challenge(ngx_http_request_t *r, ngx_str_t value) noexcept {
  ngx_table_elt_t *other = r->headers_out.www_authenticate;
  if (other != nullptr && other->hash != 0) {
    ngx_table_elt_t *second = add_answer_header(r, kChallenge, other->value);
    other->value = value;
    return second != nullptr;
  }
  ngx_table_elt_t *header = add_answer_header(r, kChallenge, value);
  r->headers_out.www_authenticate = header;
  return header != nullptr;
}

bool set_cache_control(ngx_http_request_t *r, std::string_view value) noexcept {
  clear_cache_control(r);
  ngx_table_elt_t *header = add_answer_header(r, "Cache-Control", borrow(value));
  return header != nullptr && register_cache_control(r, header);
}

bool add_refusal_fields(RequestContext *ctx) {
  ngx_http_request_t *r = ctx->r;
  const Refusal &refusal = ctx->refused.refusal;
  if (!set_cache_control(r, "no-store")) {
    return false;
  }
  // error_page may have made it another status, to which the refusal's fields don't belong.
  if (r->headers_out.status != refusal.status && !is_refusal_page(ctx)) {
    return true;
  }
  // Basic asks behind Bearer, and not where auth_basic asks already.
  const bool has_asked = r->headers_out.www_authenticate != nullptr;
  bool is_first = true;
  return std::all_of(refusal.fields.begin(), refusal.fields.end(), [&](const AnswerField &field) {
    if (field.name == kChallenge && !is_first && has_asked) {
      return true;
    }
    const ngx_str_t value = copy(r->pool, field.value);
    if (value.data == nullptr) {
      return false;
    }
    if (field.name == kChallenge) {
      return std::exchange(is_first, false) ? add_challenge(r, value) : add_answer_field(r, kChallenge, value);
    }
    clear_answer_fields(r, {field.lowcase});
    return add_answer_field(r, field.name, value);
  });
}

// A client that offered protocols must be answered with one of them (RFC 6455, section 4.1), and all that this one
// offered may be the credential's.
bool confirm_websocket(RequestContext *ctx) noexcept {
  ngx_http_request_t *r = ctx->r;
  if (r->headers_out.status != NGX_HTTP_SWITCHING_PROTOCOLS) {
    return true;
  }
  const Source *offered = nullptr;
  for (const Source &source : *ctx->location->sources) {
    offered = source.kind == SourceKind::websocket && ctx->credential.websocket != nullptr ? &source : offered;
  }
  for (const TakenCredential *taken = ctx->taken; taken != nullptr && offered == nullptr; taken = taken->next) {
    offered = taken->source->kind == SourceKind::websocket ? taken->source : nullptr;
  }
  bool answered = false;
  for_each_header(&r->headers_out.headers, [&](ngx_table_elt_t *header) {
    answered = answered || is_same_name(header, "sec-websocket-protocol");
    return !answered;
  });
  return offered == nullptr || answered ||
         add_answer_header(r, "Sec-WebSocket-Protocol", borrow(offered->word)) != nullptr;
}

}  // namespace

bool is_refusal_page(const RequestContext *ctx) noexcept {
  const Refused &refused = ctx->refused;
  const bool is_answer = refused.refusal.is_final || ctx->r->headers_out.status == refused.refusal.status;
  return ctx->refused_for_good() && !refused.answered_elsewhere && current_context(ctx->r) == ctx && is_answer;
}

bool add_answer_fields(RequestContext *ctx) noexcept {
  return guarded(false, [&] {
    if (ctx->outcome.decision == Decision::shadow || ctx->outcome.decision == Decision::none ||
        ctx->refused.passed_otherwise) {
      return true;
    }
    if (ctx->outcome.limit.known && ctx->outcome.principal && !add_limit_fields(ctx)) {
      return false;
    }
    if (ctx->outcome.knows_credits && ctx->outcome.principal && !add_credit_field(ctx->r)) {
      return false;
    }
    if (ctx->outcome.decision == Decision::refused) {
      return add_refusal_fields(ctx);
    }
    if (!confirm_websocket(ctx)) {
      return false;
    }
    // RFC 9111, section 3.5 keeps shared caches from answers to Authorization only; a credential from elsewhere needs
    // this.
    const bool elsewhere = ctx->credential.source != nullptr && !ctx->credential.source->is_authorization();
    return !elsewhere || has_cache_control(ctx->r) || set_cache_control(ctx->r, "private");
  });
}

std::uint64_t reset_at_s(const SeenLimit &limit) noexcept {
  const ngx_time_t *now = ngx_timeofday();
  return limit.reset_at_s(ngx_current_msec, static_cast<std::uint64_t>(now->sec) * 1000 + now->msec);
}

}  // namespace keyward
