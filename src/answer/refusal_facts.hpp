// What the formats of a refusal write about, gathered once.
#pragma once

#include "answer/refusal.hpp"

namespace keyward {

struct RefusalFacts {
  const Outcome &outcome;
  const RefusalText &answer;
  const RefusalStyle &style;
  const Reader &reader;
  const RefusalDetail &detail;
  std::uint16_t status;  // the answer's, as the reader has to have it
};

// Each fills the refusal's type and body, and, where it isn't an ordinary answer, what makes it another one.
void write_json(const RefusalFacts &facts, Refusal *refusal);         // plain_formats.cpp
void write_problem(const RefusalFacts &facts, Refusal *refusal);      // RFC 9457
void write_json_rpc(const RefusalFacts &facts, Refusal *refusal);     // rpc_formats.cpp
void write_tool_result(const RefusalFacts &facts, Refusal *refusal);  // a tools/call of MCP that went wrong
void write_grpc(const RefusalFacts &facts, Refusal *refusal);         // grpc_format.cpp

// The number in a JSON-RPC error.
std::int32_t json_rpc_code(const RefusalFacts &facts) noexcept;

// Which challenge an answer with this status has: none, one for whoever may come back with another credential.
bool needs_challenge(Reason reason, std::uint16_t status) noexcept;
// Bearer's. names_error: also where the request had no credential, against RFC 6750, for a reader who asks for it.
std::string challenge_of(const RefusalFacts &facts, bool names_error);

}  // namespace keyward
