// What an answer has to know of the message that it answers. A value; its views go into the message or the request.
#pragma once

#include <cstdint>
#include <string_view>

#include "mcp/era.hpp"
#include "mcp/fault.hpp"

namespace keyward::mcp {

// unreadable: no JSON-RPC message, or none that every parser reads alike. notification: a method without an id,
// whatever the method. response: a client's answer to the server.
enum class MessageKind : std::uint8_t { unreadable, request, notification, response };

struct Call {
  Era era = Era::legacy;
  MessageKind kind = MessageKind::unreadable;
  Fault fault = Fault::none;       // why it is refused as such; its JSON-RPC code is rpc_code(fault, era)
  bool takes_tool_result = false;  // a tools/call with an id and without params.task: it can be answered by a result
  bool is_discover = false;        // server/discover, by the body, else by Mcp-Method
  // JSON as it was written, with a string's quotes; empty: there is none, or it could not be read. Of a response it is
  // the id of the server's request.
  std::string_view id;
  // Decoded. name: that of the tool or prompt, the URI, or the task; empty where the method has none.
  std::string_view method, name;
};

}  // namespace keyward::mcp
