// Refusals in words: json, problem (RFC 9457), the challenge (RFC 6750), and limits in header fields.
#include "ngx/answer.hpp"

#include <algorithm>
#include <initializer_list>

#include "auth/challenge.hpp"
#include "base/digits.hpp"
#include "json/json.hpp"
#include "ngx/compat.hpp"
#include "ngx/header_list.hpp"
#include "ngx/limits.hpp"

namespace keyward {
namespace {

const Answer &answer_of(const RequestContext *ctx) noexcept {
  return (*ctx->location->answers)[static_cast<std::size_t>(ctx->reason)];
}

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
  const WindowState &limit = ctx->limit;
  const std::uint64_t reset_s = reset_in_s(*ctx);
  if (style.names == LimitHeaders::x || style.names == LimitHeaders::both) {
    const std::uint64_t reset = style.reset_is_delta ? reset_s : reset_at_s(*ctx);
    clear_answer_fields(r, {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"});
    if (!add_number_fields(r, {{"X-RateLimit-Limit", limit.limit},
                               {"X-RateLimit-Remaining", limit.remaining},
                               {"X-RateLimit-Reset", reset}})) {
      return false;
    }
  }
  if (style.names == LimitHeaders::ietf || style.names == LimitHeaders::both) {
    const std::string name = '"' + std::string(ctx->limit_name) + '"';
    const std::string policy = name + ";q=" + std::to_string(limit.limit) + ";w=" + std::to_string(ctx->limit_window_s);
    const std::string state = name + ";r=" + std::to_string(limit.remaining) + ";t=" + std::to_string(reset_s);
    clear_answer_fields(r, {"ratelimit-policy", "ratelimit"});
    if (!add_answer_field(r, "RateLimit-Policy", copy(r->pool, policy)) ||
        !add_answer_field(r, "RateLimit", copy(r->pool, state))) {
      return false;
    }
  }
  return true;
}

std::string challenge(const RequestContext *ctx) {
  Challenge parts;
  if (ctx->location->realm) {
    parts.realm = *ctx->location->realm;
  }
  parts.error = info(ctx->reason).bearer_error;
  if (ctx->reason == Reason::insufficient_scope) {
    parts.scope = view(ctx->challenge_scope);
  }
  if (!parts.error.empty()) {
    parts.description = answer_of(ctx).message;
  }
  return to_text(parts);
}

bool needs_challenge(const RequestContext *ctx) noexcept {
  return info(ctx->reason).status == NGX_HTTP_UNAUTHORIZED || ctx->reason == Reason::insufficient_scope ||
         ctx->reason == Reason::method_not_covered;
}

// Ours comes first, also where auth_basic (`satisfy any`) has put its own there.
bool add_challenge(RequestContext *ctx) {
  ngx_http_request_t *r = ctx->r;
  const ngx_str_t value = copy(r->pool, challenge(ctx));
  if (value.data == nullptr) {
    return false;
  }
  ngx_table_elt_t *other = r->headers_out.www_authenticate;
  if (other != nullptr && other->hash != 0) {
    ngx_table_elt_t *second = add_answer_header(r, "WWW-Authenticate", other->value);
    other->value = value;
    return second != nullptr;
  }
  ngx_table_elt_t *header = add_answer_header(r, "WWW-Authenticate", value);
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
  if (!set_cache_control(r, "no-store")) {
    return false;
  }
  // error_page may have made it another status, to which these don't belong.
  if (r->headers_out.status != answer_of(ctx).status) {
    return true;
  }
  if (needs_challenge(ctx) &&
      (r->headers_out.status == NGX_HTTP_UNAUTHORIZED || r->headers_out.status == NGX_HTTP_FORBIDDEN) &&
      !add_challenge(ctx)) {
    return false;
  }
  if (ctx->retry_after_s == 0) {
    return true;
  }
  clear_answer_fields(r, {"retry-after"});
  return add_number_fields(r, {{"Retry-After", ctx->retry_after_s}});
}

// A client that offered protocols must be answered with one of them (RFC 6455, section 4.1), and all that this one offered may be the
// credential's.
bool confirm_websocket(RequestContext *ctx) noexcept {
  ngx_http_request_t *r = ctx->r;
  const bool offered = ctx->credential.websocket != nullptr ||
                       std::any_of(ctx->taken.begin(), ctx->taken.end(), [](const TakenCredential &taken) {
                         return taken.source->kind == SourceKind::websocket;
                       });
  if (!offered || r->headers_out.status != NGX_HTTP_SWITCHING_PROTOCOLS) {
    return true;
  }
  bool answered = false;
  for_each_header(&r->headers_out.headers, [&](ngx_table_elt_t *header) {
    answered = answered || is_same_name(header, "sec-websocket-protocol");
    return !answered;
  });
  return answered || add_answer_header(r, "Sec-WebSocket-Protocol", borrow("bearer")) != nullptr;
}

// --- bodies ----------------------------------------------------------------------------------------------------

std::string json_body(const RequestContext *ctx) {
  static const std::vector<std::pair<ErrorField, std::string>> kDefaultFields = {
      {ErrorField::error, "error"},
      {ErrorField::code, "code"},
      {ErrorField::required_scope, "required_scope"},
      {ErrorField::retry_after, "retry_after"},
  };
  const Answer &answer = answer_of(ctx);
  const auto &chosen = ctx->location->errors->fields;
  json::Writer out;
  out.begin_object();
  for (const auto &[field, name] : chosen.empty() ? kDefaultFields : chosen) {
    switch (field) {
      case ErrorField::error:
        out.member(name, answer.message);
        break;
      case ErrorField::code:
        out.member(name, answer.code);
        break;
      case ErrorField::reason:
        out.member(name, info(ctx->reason).name);
        break;
      case ErrorField::status:
        out.key(name).number(answer.status);
        break;
      case ErrorField::required_scope:
        if (ctx->reason == Reason::insufficient_scope) {
          out.member(name, ctx->required_scope);
        }
        break;
      case ErrorField::retry_after:
        if (ctx->retry_after_s != 0) {
          out.key(name).number(ctx->retry_after_s);
        }
        break;
    }
  }
  return out.end_object().text();
}

std::string problem_body(const RequestContext *ctx) {
  const Answer &answer = answer_of(ctx);
  json::Writer out;
  out.begin_object();
  out.member("type", "urn:keyward:problem:" + std::string(info(ctx->reason).name));
  out.member("title", answer.message);
  out.key("status").number(answer.status);
  out.member("code", answer.code);
  if (ctx->reason == Reason::insufficient_scope) {
    out.member("required_scope", ctx->required_scope);
  }
  if (ctx->retry_after_s != 0) {
    out.key("retry_after").number(ctx->retry_after_s);
  }
  return out.end_object().text();
}

// Cuts the next part off the front, without blanks around it.
std::string_view next_part(std::string_view *text, char separator) noexcept {
  const std::size_t end = text->find(separator);
  std::string_view part = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!part.empty() && is_blank(part.front())) {
    part.remove_prefix(1);
  }
  while (!part.empty() && is_blank(part.back())) {
    part.remove_suffix(1);
  }
  return part;
}

bool equal_caseless(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && ngx_strncasecmp(borrow(a).data, borrow(b).data, a.size()) == 0;
}

// Whether one element of an Accept field (RFC 9110, section 12.5.1) is this type, with a weight other than 0.
bool accepts(std::string_view element, std::string_view type) noexcept {
  if (!equal_caseless(next_part(&element, ';'), type)) {
    return false;
  }
  while (!element.empty()) {
    const std::string_view parameter = next_part(&element, ';');
    if (parameter.size() > 2 && equal_caseless(parameter.substr(0, 2), "q=")) {
      return parameter.find_first_not_of("0.", 2) != std::string_view::npos;
    }
  }
  return true;
}

// Who names problem+json in Accept reads that.
bool asks_for_problem(ngx_http_request_t *r) noexcept {
  bool asks = false;
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    std::string_view field = is_same_name(header, "accept") ? view(header->value) : std::string_view();
    while (!field.empty() && !asks) {
      asks = accepts(next_part(&field, ','), "application/problem+json");
    }
    return !asks;
  });
  return asks;
}

}  // namespace

bool add_answer_fields(RequestContext *ctx) noexcept {
  return guarded(false, [&] {
    if (ctx->decision == Decision::shadow || ctx->decision == Decision::none || ctx->passed_otherwise) {
      return true;
    }
    if (ctx->has_limit && ctx->principal && !add_limit_fields(ctx)) {
      return false;
    }
    if (ctx->decision == Decision::refused) {
      return add_refusal_fields(ctx);
    }
    if (!confirm_websocket(ctx)) {
      return false;
    }
    // RFC 9111, section 3.5 keeps shared caches from answers to Authorization only; a credential from elsewhere needs this.
    const bool elsewhere = ctx->credential.source != nullptr && ctx->credential.source->kind != SourceKind::bearer;
    return !elsewhere || has_cache_control(ctx->r) || set_cache_control(ctx->r, "private");
  });
}

bool make_refusal_body(RequestContext *ctx, ngx_str_t *body, ngx_str_t *content_type) {
  ErrorFormat format = ctx->location->errors->format;
  if (format == ErrorFormat::automatic) {
    format = asks_for_problem(ctx->r) ? ErrorFormat::problem : ErrorFormat::json;
  }
  if (format == ErrorFormat::off) {
    *body = borrow({});
    return true;
  }
  *content_type = borrow(format == ErrorFormat::problem ? "application/problem+json" : "application/json");
  *body = copy(ctx->r->pool, format == ErrorFormat::problem ? problem_body(ctx) : json_body(ctx));
  return body->data != nullptr;
}

}  // namespace keyward
