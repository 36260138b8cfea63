// Messages for tests of the room mcp.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "mcp/reader.hpp"

namespace keyward::mcp::test {

// Read in pieces of this size.
inline std::unique_ptr<Message> read(std::string_view body, std::size_t size = 100000, bool with_digest = false) {
  auto message = std::make_unique<Message>();
  MessageReader reader(message.get(), with_digest);
  bool good = true;
  for (std::size_t at = 0; good && at < body.size(); at += size) {
    good = reader.read(body.substr(at, size));
  }
  reader.finish();
  return message;
}

// A request of this method with params, as their members are written.
inline std::string request(std::string_view method, std::string_view params) {
  std::string text = R"({"jsonrpc":"2.0","id":1,"method":")";
  text.append(method).append("\",\"params\":{").append(params).append("}}");
  return text;
}

}  // namespace keyward::mcp::test
