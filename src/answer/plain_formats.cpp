// Refusals as JSON, and as problem details (RFC 9457).
#include "answer/limit_fields.hpp"
#include "answer/refusal_facts.hpp"
#include "json/json.hpp"

namespace keyward {
namespace {

void write_scope_and_wait(const RefusalFacts &facts, json::Writer *out) {
  if (facts.outcome.reason == Reason::insufficient_scope) {
    out->member("required_scope", facts.outcome.required_scope);
  }
  if (facts.outcome.retry_after_s != 0) {
    out->key("retry_after").number(facts.outcome.retry_after_s);
  }
}

void write_detail(const RefusalDetail &detail, json::Writer *out) {
  if (!detail.text.empty()) {
    out->member("detail", detail.text);
  }
  if (!detail.id.empty()) {
    out->member("id", detail.id);
  }
}

// The problem types of draft-ietf-httpapi-ratelimit-headers-11, section 5, for what limits refuse; nullptr: our own.
const char *quota_problem(Reason reason) noexcept {
  switch (reason) {
    case Reason::rate_limited:
    case Reason::too_many_concurrent:
      return "https://iana.org/assignments/http-problem-types#quota-exceeded";
    case Reason::repeated_request:
    case Reason::too_many_failures:
      return "https://iana.org/assignments/http-problem-types#abnormal-usage-detected";
    default:
      return nullptr;
  }
}

// By the names that RateLimit-Policy has for them.
void write_violated(const Outcome &outcome, json::Writer *out) {
  out->key("violated-policies").begin_array();
  if (outcome.every_limit) {
    const std::vector<std::string> names = policy_names(*outcome.every_limit);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!(*outcome.every_limit)[i].state.admitted) {
        out->string(names[i]);
      }
    }
  }
  out->end_array();
}

}  // namespace

void write_json(const RefusalFacts &facts, Refusal *refusal) {
  static const std::vector<std::pair<ErrorField, std::string>> kUsual = {
      {ErrorField::error, "error"},
      {ErrorField::code, "code"},
      {ErrorField::required_scope, "required_scope"},
      {ErrorField::retry_after, "retry_after"},
  };
  const auto &chosen = facts.style.errors.fields;
  json::Writer out;
  out.begin_object();
  for (const auto &[field, name] : chosen.empty() ? kUsual : chosen) {
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
        out.key(name).number(facts.status);
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
  if (chosen.empty()) {
    write_detail(facts.detail, &out);
  }
  refusal->content_type = "application/json";
  refusal->body = out.end_object().text();
}

void write_problem(const RefusalFacts &facts, Refusal *refusal) {
  const std::string_view reason = info(facts.outcome.reason).name;
  const char *quota = quota_problem(facts.outcome.reason);
  json::Writer out;
  out.begin_object();
  out.member("type", quota != nullptr ? quota : "urn:keyward:problem:" + std::string(reason));
  out.member("title", facts.answer.message);
  out.key("status").number(facts.status);
  out.member("code", facts.answer.code);
  if (quota != nullptr) {
    out.member("reason", reason);
    write_violated(facts.outcome, &out);
  }
  write_scope_and_wait(facts, &out);
  write_detail(facts.detail, &out);
  refusal->content_type = "application/problem+json";
  refusal->body = out.end_object().text();
}

}  // namespace keyward
