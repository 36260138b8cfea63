// Why a message is refused as such, with 400, whoever asks.
#pragma once

#include <cstdint>

#include "mcp/era.hpp"

namespace keyward::mcp {

enum class Fault : std::uint8_t {
  none,
  not_json,       // no JSON text in UTF-8, more than one, or nested too deep: no id can be read
  no_message,     // JSON, but no single JSON-RPC message, or one that parsers understand differently
  no_version,     // a modern request without its version in _meta
  field_differs,  // a header field that is missing, given twice, badly encoded, or says another thing than the body
};

// JSON-RPC 2.0, section 5.1: -32700, -32600, -32602; and MCP 2026-07-28: -32020, in the legacy era -32600. 0: no fault.
constexpr int rpc_code(Fault fault, Era era) noexcept {
  switch (fault) {
    case Fault::none:
      return 0;
    case Fault::not_json:
      return -32700;
    case Fault::no_message:
      return -32600;
    case Fault::no_version:
      return -32602;
    case Fault::field_differs:
      return era == Era::modern ? -32020 : -32600;
  }
  return -32600;
}

}  // namespace keyward::mcp
