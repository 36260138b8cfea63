// What follows from the rules about messages.
#include "ngx/configuration/mcp_terms.hpp"

namespace keyward {
namespace {

std::vector<mcp::Rule> rules_of(const std::vector<RpcRule> &written) {
  std::vector<mcp::Rule> rules;
  rules.reserve(written.size());
  for (const RpcRule &one : written) {
    rules.push_back(one.rule);
  }
  return rules;
}

}  // namespace

McpTerms::McpTerms(McpSettings with, std::vector<RpcRule> all)
    : settings(std::move(with)), written(std::move(all)), rules(rules_of(written), settings.public_methods) {
  for (const mcp::Rule &rule : rules.rules()) {
    rule_scopes.emplace_back(rule.scopes.begin(), rule.scopes.end());
  }
}

}  // namespace keyward
