// keyward_mcp, keyward_rpc and keyward_tool: what nginx.conf says about messages, and what follows from it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/origin.hpp"
#include "decide/demand.hpp"
#include "mcp/rules.hpp"

namespace keyward {

// keyward_mcp
struct McpSettings {
  bool on = false;
  std::size_t body = std::size_t{1} << 20, list = std::size_t{1} << 20;  // bytes
  bool filters_lists = false;
  std::vector<std::string> public_methods;
  OriginRules origins;
};

// One keyward_rpc or keyward_tool.
struct RpcRule {
  mcp::Rule rule;
  std::string text;                      // METHOD[:NAME] or "default": what it is known by
  std::optional<ConfiguredLimit> limit;  // its identity is set once its place is known
  std::string place;                     // where it stands
};

// All that holds for the messages of one location; const once made. Locations in which the same directives hold share
// it.
struct McpTerms {
  McpTerms(McpSettings with, std::vector<RpcRule> written);
  McpTerms(const McpTerms &) = delete;
  McpTerms &operator=(const McpTerms &) = delete;

  const McpSettings settings;
  const std::vector<RpcRule> written;
  const mcp::RuleList rules;                               // at the same places
  std::vector<std::vector<std::string_view>> rule_scopes;  // likewise; views into `rules`
};

}  // namespace keyward
