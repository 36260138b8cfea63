// Refusals as JSON-RPC 2.0 errors, and as results of MCP's tools that went wrong, in both eras of that protocol.
#include "answer/refusal_facts.hpp"
#include "json/json.hpp"

namespace keyward {
namespace {

constexpr std::uint16_t kUnauthorized = 401, kPaymentRequired = 402, kTooMany = 429;
constexpr std::int32_t kPastUnauthorized = -32001;  // where a server's own codes were; the modern era has none there
constexpr std::size_t kLongestName = 200;

bool is_modern(const Reader &reader) noexcept { return reader.call != nullptr && reader.call->era == mcp::Era::modern; }

// The request's id, as it was written. What had none to be answered under has none; one that couldn't be read is null,
// and left out in the modern era.
void write_id(const RefusalFacts &facts, json::Writer *out) {
  const mcp::Call *call = facts.reader.call;
  if (facts.style.errors.null_id || call == nullptr) {
    out->key("id").null();
    return;
  }
  switch (call->kind) {
    case mcp::MessageKind::notification:
    case mcp::MessageKind::response:
      return;
    case mcp::MessageKind::request:
    case mcp::MessageKind::unreadable:
      break;
  }
  if (!call->id.empty()) {
    out->key("id").as_written(call->id);
  } else if (!is_modern(facts.reader)) {
    out->key("id").null();
  }
}

// What could make the same call succeed.
std::string advice(const RefusalFacts &facts) {
  const Outcome &outcome = facts.outcome;
  if (outcome.reason == Reason::insufficient_scope && !outcome.required_scope.empty()) {
    return "It needs a permission that the user has to grant first: " + outcome.required_scope + ".";
  }
  if (facts.status == kUnauthorized) {
    return "The user has to sign in first, or to give a valid credential; then call it again.";
  }
  if (facts.status == kPaymentRequired) {
    return "Calling it again won't help until that has changed.";
  }
  if (facts.status == kTooMany && outcome.reason == Reason::repeated_request) {
    return "The same call was made again and again: do something else, or wait " +
           std::to_string(outcome.retry_after_s) + " seconds.";
  }
  if (outcome.retry_after_s != 0) {
    return "Wait " + std::to_string(outcome.retry_after_s) + (outcome.retry_after_s == 1 ? " second" : " seconds") +
           " before you call it again.";
  }
  return "Calling it again won't help.";
}

// For a model, which reads neither status nor fields.
std::string text_for_model(const RefusalFacts &facts) {
  const std::string_view tool = facts.reader.call->name;
  const bool is_named = !tool.empty() && tool.size() <= kLongestName;
  const std::string &message = facts.answer.message;
  const bool has_stop = !message.empty() && std::string_view(".!?").find(message.back()) != std::string_view::npos;
  return message + (has_stop ? " The call" : ". The call") + (is_named ? " of " + std::string(tool) : std::string()) +
         " was refused (" + std::string(info(facts.outcome.reason).name) + ") and nothing was done. " + advice(facts);
}

}  // namespace

std::int32_t json_rpc_code(const RefusalFacts &facts) noexcept {
  const ReasonInfo &row = info(facts.outcome.reason);
  const mcp::Call *call = facts.reader.call;
  if (facts.answer.rpc) {
    return *facts.answer.rpc;
  }
  if (facts.outcome.reason == Reason::invalid_message && call != nullptr && call->fault != mcp::Fault::none) {
    return rpc_code(call->fault, call->era);
  }
  const bool follows_status =
      row.json_rpc == row.status || (row.json_rpc == kPastUnauthorized && is_modern(facts.reader));
  return follows_status ? facts.status : row.json_rpc;
}

void write_json_rpc(const RefusalFacts &facts, Refusal *refusal) {
  json::Writer out;
  out.begin_object().member("jsonrpc", "2.0");
  write_id(facts, &out);
  out.key("error").begin_object();
  out.key("code").number(json_rpc_code(facts));
  out.member("message", facts.answer.message);
  out.end_object();
  refusal->is_final = true;
  refusal->content_type = "application/json";
  refusal->body = out.end_object().text();
}

void write_tool_result(const RefusalFacts &facts, Refusal *refusal) {
  json::Writer out;
  out.begin_object().member("jsonrpc", "2.0");
  out.key("id").as_written(facts.reader.call->id);
  out.key("result").begin_object();
  if (is_modern(facts.reader)) {
    out.member("resultType", "complete");
  }
  out.key("content").begin_array().begin_object();
  out.member("type", "text").member("text", text_for_model(facts));
  out.end_object().end_array();
  out.key("isError").boolean(true);
  if (needs_challenge(facts.outcome.reason, facts.status)) {
    out.key("_meta").begin_object().key("mcp/www_authenticate").begin_array();
    out.string(challenge_of(facts, true));
    out.end_array().end_object();
  }
  out.end_object();
  refusal->is_final = true;
  refusal->shown_status = 200;
  refusal->content_type = "application/json";
  refusal->body = out.end_object().text();
}

}  // namespace keyward
