// What a client is told of a refusal: a value, made once from the reason, in one of several formats.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "answer/resource.hpp"
#include "auth/reason.hpp"
#include "decide/outcome.hpp"
#include "mcp/call.hpp"

namespace keyward {

// A row of the table of reasons, as keyward_message may have changed it.
struct RefusalText {
  std::uint16_t status = 0;
  std::string code, message;
  std::optional<std::int32_t> rpc;  // rpc=; else the number follows from reason, status and era
};
using RefusalTexts = std::array<RefusalText, kReasonCount>;

enum class ErrorFormat : std::uint8_t { automatic, json, problem, jsonrpc, mcp, grpc, off };
enum class ErrorField : std::uint8_t { error, code, reason, status, required_scope, retry_after };

// "auto", "json", ...; nothing: there is no such format.
std::optional<ErrorFormat> format_by_name(std::string_view name) noexcept;

// keyward_errors
struct ErrorStyle {
  ErrorFormat format = ErrorFormat::automatic;
  bool null_id = false;  // id=null: of JSON-RPC errors, whatever the request's is
  // Which members a json body has, and under which names; empty: the usual ones.
  std::vector<std::pair<ErrorField, std::string>> fields;
};

// How refusals look at one place.
struct RefusalStyle {
  const RefusalTexts &answers;
  const ErrorStyle &errors;
  ErrorFormat format;                           // of errors, or what its variable says
  std::string_view realm;                       // of challenges; empty: none
  bool offers_basic = false;                    // Basic is a source here
  const ProtectedResource *resource = nullptr;  // keyward_resource
};

inline const RefusalText &answer_to(const RefusalStyle &style, Reason reason) noexcept {
  return style.answers[static_cast<std::size_t>(reason)];
}

// What the request says of the answer that its sender can read. Views into the request.
struct Reader {
  std::string_view accept;          // the Accept field, or several joined by commas
  std::string_view content_type;    // of the request's body
  const mcp::Call *call = nullptr;  // in an MCP location; nullptr elsewhere
};

struct AnswerField {
  std::string_view name, lowcase;  // literals
  std::string value;
};

struct Refusal {
  std::uint16_t status = 0;  // by which nginx judges it: satisfy, auth_delay, error_page
  // What the client sees; 0: the same. gRPC and tool results speak of failures in a 200.
  std::uint16_t shown_status = 0;
  bool is_final = false;            // no error_page takes its place, nor is it taken for a backend's answer
  bool is_fields_only = false;      // an answer without a body
  std::vector<AnswerField> fields;  // they belong to this status
  std::string_view content_type;    // a literal, or of the request; empty: the server's own page is the body
  std::string body;
};

// What the keys API says besides: a sentence, and the key that is in the way. In problem details, and in JSON of the usual
// members.
struct RefusalDetail {
  std::string_view text, id;
};

// Of an outcome that has a reason. Throws std::bad_alloc.
Refusal make_refusal(const Outcome &outcome, const RefusalStyle &style, const Reader &reader,
                     const RefusalDetail &detail = {});

// What nginx is asked for where there is no memory for more.
std::uint16_t status_of(const Outcome &outcome, const RefusalStyle &style, const Reader &reader) noexcept;

}  // namespace keyward
