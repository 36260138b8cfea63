// Refusals in words: the challenge (RFC 6750, section 3), JSON, and problem details (RFC 9457).
#include "answer/refusal.hpp"

#include "answer/challenge.hpp"
#include "auth/credential_text.hpp"
#include "base/ascii.hpp"
#include "json/json.hpp"

namespace keyward {
namespace {

constexpr std::uint16_t kUnauthorized = 401, kForbidden = 403;

// What the formats write about.
struct Facts {
  const Outcome &outcome;
  const RefusalText &answer;
  const ErrorStyle &style;
  const RefusalDetail &detail;
};

void put_detail(json::Writer *out, const RefusalDetail &detail) {
  if (!detail.text.empty()) {
    out->member("detail", detail.text);
  }
  if (!detail.id.empty()) {
    out->member("id", detail.id);
  }
}

std::string json_body(const Facts &facts) {
  static const std::vector<std::pair<ErrorField, std::string>> kUsual = {
      {ErrorField::error, "error"},
      {ErrorField::code, "code"},
      {ErrorField::required_scope, "required_scope"},
      {ErrorField::retry_after, "retry_after"},
  };
  json::Writer out;
  out.begin_object();
  for (const auto &[field, name] : facts.style.fields.empty() ? kUsual : facts.style.fields) {
    switch (field) {
      case ErrorField::error:
        out.member(name, facts.answer.message);
        break;
      case ErrorField::code:
        out.member(name, facts.answer.code);
        break;
      case ErrorField::reason:
        out.member(name, info(facts.outcome.reason).name);
        break;
      case ErrorField::status:
        out.key(name).number(facts.answer.status);
        break;
      case ErrorField::required_scope:
        if (facts.outcome.reason == Reason::insufficient_scope) {
          out.member(name, facts.outcome.required_scope);
        }
        break;
      case ErrorField::retry_after:
        if (facts.outcome.retry_after_s != 0) {
          out.key(name).number(facts.outcome.retry_after_s);
        }
        break;
    }
  }
  if (facts.style.fields.empty()) {
    put_detail(&out, facts.detail);
  }
  return out.end_object().text();
}

std::string problem_body(const Facts &facts) {
  json::Writer out;
  out.begin_object();
  out.member("type", "urn:keyward:problem:" + std::string(info(facts.outcome.reason).name));
  out.member("title", facts.answer.message);
  out.key("status").number(facts.answer.status);
  out.member("code", facts.answer.code);
  if (facts.outcome.reason == Reason::insufficient_scope) {
    out.member("required_scope", facts.outcome.required_scope);
  }
  if (facts.outcome.retry_after_s != 0) {
    out.key("retry_after").number(facts.outcome.retry_after_s);
  }
  put_detail(&out, facts.detail);
  return out.end_object().text();
}

// One row for each format: its type and what writes its body. A format that answers another status than the reason's
// would name it here.
struct Format {
  ErrorFormat format;
  std::string_view content_type;
  std::string (*body)(const Facts &facts);
};
constexpr Format kFormats[] = {
    {ErrorFormat::json, "application/json", json_body},
    {ErrorFormat::problem, "application/problem+json", problem_body},
};

// nullptr: the server's own page.
const Format *choose_format(ErrorFormat wanted, std::string_view accept) noexcept {
  if (wanted == ErrorFormat::automatic) {
    wanted = names_type(accept, "application/problem+json") ? ErrorFormat::problem : ErrorFormat::json;
  }
  for (const Format &format : kFormats) {
    if (format.format == wanted) {
      return &format;
    }
  }
  return nullptr;
}

bool needs_challenge(Reason reason, std::uint16_t status) noexcept {
  const bool asks = info(reason).status == kUnauthorized || reason == Reason::insufficient_scope ||
                    reason == Reason::method_not_covered;
  return asks && (status == kUnauthorized || status == kForbidden);
}

// What a client replaces its token's scopes by: what it has, and what it needs.
std::string scope_to_ask_for(const Outcome &outcome) {
  const Principal *who = outcome.principal.get();
  // Roles aren't what an authorization server is asked for.
  const bool has_scopes = who != nullptr && !who->grants_are_roles;
  return scopes_to_ask_for(has_scopes ? std::string_view(who->grants.text()) : std::string_view(),
                           outcome.required_scope);
}

std::string challenge_of(const Outcome &outcome, const RefusalText &answer, std::string_view realm) {
  Challenge parts;
  parts.realm = realm;
  parts.error = info(outcome.reason).bearer_error;
  std::string scope;
  if (outcome.reason == Reason::insufficient_scope) {
    scope = scope_to_ask_for(outcome);
    parts.scope = scope;
  }
  if (!parts.error.empty()) {
    parts.description = answer.message;
  }
  return to_text(parts);
}

// Cuts the next part off the front, without blanks around it.
std::string_view next_part(std::string_view *text, char separator) noexcept {
  const std::size_t end = text->find(separator);
  const std::string_view part = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  return trim_blanks(part);
}

// One element of an Accept field.
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

}  // namespace

bool names_type(std::string_view accept, std::string_view type) noexcept {
  while (!accept.empty()) {
    if (accepts(next_part(&accept, ','), type)) {
      return true;
    }
  }
  return false;
}

Refusal make_refusal(const Outcome &outcome, const RefusalStyle &style, std::string_view accept,
                     const RefusalDetail &detail) {
  const RefusalText &answer = answer_to(style, outcome.reason);
  Refusal refusal;
  refusal.status = answer.status;
  if (needs_challenge(outcome.reason, answer.status)) {
    refusal.fields.push_back({"WWW-Authenticate", "www-authenticate", challenge_of(outcome, answer, style.realm)});
    if (style.offers_basic && answer.status == kUnauthorized) {
      refusal.fields.push_back({"WWW-Authenticate", "www-authenticate", basic_challenge(style.realm)});
    }
  }
  if (outcome.retry_after_s != 0) {
    refusal.fields.push_back({"Retry-After", "retry-after", std::to_string(outcome.retry_after_s)});
  }
  if (const Format *format = choose_format(style.errors.format, accept)) {
    refusal.content_type = format->content_type;
    refusal.body = format->body({outcome, answer, style.errors, detail});
  }
  return refusal;
}

}  // namespace keyward
