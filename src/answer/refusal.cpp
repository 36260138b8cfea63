// Refusals: which status, which format, which fields.
#include "answer/refusal.hpp"

#include "answer/challenge.hpp"
#include "answer/media_type.hpp"
#include "answer/refusal_facts.hpp"

namespace keyward {
namespace {

constexpr std::uint16_t kBadRequest = 400, kUnauthorized = 401, kPaymentRequired = 402, kForbidden = 403;
constexpr std::uint16_t kTooMany = 429, kUnavailable = 503;

constexpr std::pair<std::string_view, ErrorFormat> kFormatNames[] = {
    {"auto", ErrorFormat::automatic},  {"json", ErrorFormat::json}, {"problem", ErrorFormat::problem},
    {"jsonrpc", ErrorFormat::jsonrpc}, {"mcp", ErrorFormat::mcp},   {"grpc", ErrorFormat::grpc},
    {"off", ErrorFormat::off},
};

using Write = void (*)(const RefusalFacts &facts, Refusal *refusal);

// What can be answered by a tool's result: a call that expects one, where whoever reads it can do something about it.
bool is_tool_result(const RefusalFacts &facts, bool of_401_and_403) noexcept {
  const mcp::Call *call = facts.reader.call;
  if (call == nullptr || !call->takes_tool_result || call->id.empty()) {
    return false;
  }
  const bool needs_credential = facts.status == kUnauthorized || facts.status == kForbidden;
  return facts.status == kPaymentRequired || facts.status == kTooMany || (of_401_and_403 && needs_credential);
}

Write automatic(const RefusalFacts &facts) noexcept {
  if (facts.reader.call != nullptr) {
    return is_tool_result(facts, false) ? write_tool_result : write_json_rpc;
  }
  if (!grpc_type_of(facts.reader.content_type).empty()) {
    return write_grpc;
  }
  return names_type(facts.reader.accept, "application/problem+json") ? write_problem : write_json;
}

// nullptr: the server's own page.
Write choose_format(const RefusalFacts &facts) noexcept {
  switch (facts.style.format) {
    case ErrorFormat::automatic:
      return automatic(facts);
    case ErrorFormat::json:
      return write_json;
    case ErrorFormat::problem:
      return write_problem;
    case ErrorFormat::jsonrpc:
      return write_json_rpc;
    case ErrorFormat::mcp:
      return is_tool_result(facts, true) ? write_tool_result : write_json_rpc;
    case ErrorFormat::grpc:
      return write_grpc;
    case ErrorFormat::off:
      break;
  }
  return nullptr;
}

// MCP's clients take most errors of server/discover for a server of the legacy era, and remember that.
std::uint16_t status_for_discovery(Reason reason, std::uint16_t status) noexcept {
  if (status == kUnauthorized || status == kForbidden || reason == Reason::invalid_message) {
    return status;
  }
  const bool of_credential = reason == Reason::invalid_request || reason == Reason::credential_too_large;
  return status == kBadRequest && of_credential ? kUnauthorized : kUnavailable;
}

// What a client replaces its token's scopes by: what it has, and what it needs.
std::string scope_to_ask_for(const Outcome &outcome) {
  const Principal *who = outcome.principal.get();
  // Roles aren't what an authorization server is asked for.
  const bool has_scopes = who != nullptr && !who->grants_are_roles;
  return scopes_to_ask_for(has_scopes ? std::string_view(who->grants.text()) : std::string_view(),
                           outcome.required_scope);
}

void add_challenges(const RefusalFacts &facts, Refusal *refusal) {
  refusal->fields.push_back({"WWW-Authenticate", "www-authenticate", challenge_of(facts, false)});
  if (facts.style.offers_basic && facts.status == kUnauthorized) {
    refusal->fields.push_back({"WWW-Authenticate", "www-authenticate", basic_challenge(facts.style.realm)});
  }
}

// A 503 that another status was made of asks to come back, as every 503 does.
std::uint32_t retry_after_s(const RefusalFacts &facts) noexcept {
  const std::uint32_t wait_s = facts.outcome.retry_after_s;
  return wait_s == 0 && facts.status == kUnavailable && facts.answer.status != kUnavailable ? 1 : wait_s;
}

}  // namespace

std::optional<ErrorFormat> format_by_name(std::string_view name) noexcept {
  for (const auto &[known, format] : kFormatNames) {
    if (known == name) {
      return format;
    }
  }
  return std::nullopt;
}

bool needs_challenge(Reason reason, std::uint16_t status) noexcept {
  const bool asks = info(reason).status == kUnauthorized || reason == Reason::insufficient_scope ||
                    reason == Reason::method_not_covered || status == kUnauthorized;
  return asks && (status == kUnauthorized || status == kForbidden);
}

std::string challenge_of(const RefusalFacts &facts, bool names_error) {
  const Reason reason = facts.outcome.reason;
  const ProtectedResource *resource = facts.style.resource;
  Challenge parts;
  parts.realm = facts.style.realm;
  parts.error = info(reason).bearer_error;
  if (parts.error.empty() && names_error) {
    parts.error = "invalid_token";
  }
  std::string scope;
  if (reason == Reason::insufficient_scope) {
    scope = scope_to_ask_for(facts.outcome);
    parts.scope = scope;
  }
  if (resource != nullptr) {
    parts.resource_metadata = resource->metadata_url;
    if (reason == Reason::missing_credential) {
      parts.scope = resource->scopes;
    }
  }
  if (!parts.error.empty()) {
    parts.description = facts.answer.message;
  }
  return to_text(parts);
}

std::uint16_t status_of(const Outcome &outcome, const RefusalStyle &style, const Reader &reader) noexcept {
  const std::uint16_t status = answer_to(style, outcome.reason).status;
  const bool is_discover = reader.call != nullptr && reader.call->is_discover;
  return is_discover ? status_for_discovery(outcome.reason, status) : status;
}

Refusal make_refusal(const Outcome &outcome, const RefusalStyle &style, const Reader &reader,
                     const RefusalDetail &detail) {
  const RefusalFacts facts{outcome, answer_to(style, outcome.reason), style, reader,
                           detail,  status_of(outcome, style, reader)};
  Refusal refusal;
  refusal.status = facts.status;
  if (const Write write = choose_format(facts)) {
    write(facts, &refusal);
  }
  const std::uint16_t shown = refusal.shown_status != 0 ? refusal.shown_status : refusal.status;
  if (needs_challenge(outcome.reason, shown)) {
    add_challenges(facts, &refusal);
  }
  if (const std::uint32_t wait_s = retry_after_s(facts); wait_s != 0) {
    refusal.fields.push_back({"Retry-After", "retry-after", std::to_string(wait_s)});
  }
  return refusal;
}

}  // namespace keyward
