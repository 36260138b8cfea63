// MCP: keyward_mcp, keyward_rpc, keyward_tool.
#include "auth/scope.hpp"
#include "base/ascii.hpp"
#include "ngx/configuration/directive.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {
namespace {

// --- keyward_mcp -----------------------------------------------------------------------------------------------

Wrong set_body(const Given &given, McpSettings *settings) { return parse_size(given.value, &settings->body); }
Wrong set_list(const Given &given, McpSettings *settings) { return parse_size(given.value, &settings->list); }

Wrong set_lists(const Given &given, McpSettings *settings) {
  if (given.value != "filter") {
    return "invalid value " + quoted(given.word) + "; it must be lists=filter";
  }
  settings->filters_lists = true;
  return kGood;
}

Wrong set_public(const Given &given, McpSettings *settings) {
  std::vector<std::string_view> methods;
  if (Wrong wrong = split_elements(given.value, &methods)) {
    return wrong;
  }
  for (const std::string_view method : methods) {
    mcp::Rule rule;
    if (Wrong wrong = mcp::parse_rule(method, &rule)) {
      return wrong;
    }
    if (rule.name || rule.is_default) {
      return quoted(method) +
             " in \"public=\" is no method; write methods, such as public=initialize,ping, and for a " +
             "name \"keyward_rpc " + std::string(method) + " public;\"";
    }
    settings->public_methods.emplace_back(method);
  }
  return settings->public_methods.empty() ? Wrong("\"public=\" names no method; write public=initialize,ping") : kGood;
}

Wrong set_origins(const Given &given, McpSettings *settings) {
  settings->origins.any = given.value == "any";
  return settings->origins.any ? kGood : parse_origins(given.value, &settings->origins.origins);
}

constexpr Parameter<McpSettings> kSettings[] = {
    {"body", set_body}, {"public", set_public}, {"origins", set_origins}, {"lists", set_lists}, {"list", set_list},
};

// --- keyward_rpc, keyward_tool ---------------------------------------------------------------------------------

Wrong set_rule_scopes(const Given &given, RpcRule *rule) {
  std::vector<std::string_view> scopes;
  if (Wrong wrong = split_elements(given.value, &scopes)) {
    return wrong;
  }
  for (const std::string_view scope : scopes) {
    if (!is_scope(scope)) {
      return quoted(scope) + " in \"scope=\" is not a scope that can be required; write names without blanks, quotes " +
             "or *, such as scope=tools:read,tools:write";
    }
    rule->rule.scopes.emplace_back(scope);
  }
  return rule->rule.scopes.empty() ? Wrong("\"scope=\" names no scope") : kGood;
}

// As others tell policies apart by it (RateLimit-Policy): letters, digits, '-', '_'.
std::string limit_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    name += is_alphanumeric(c) || c == '_' ? c : '-';
  }
  return name;
}

Wrong set_rule_limit(const Given &given, RpcRule *rule) {
  std::string error;
  ConfiguredLimit &limit = rule->limit.emplace();
  return parse_rate(given.value, &limit.rate, &error) ? kGood : Wrong(error);
}

Wrong set_rule_cost(const Given &given, RpcRule *) {
  return quoted(given.word) + " takes credits, which this version of keyward doesn't have; leave it out";
}

constexpr Parameter<RpcRule> kRuleParameters[] = {
    {"scope", set_rule_scopes}, {"limit", set_rule_limit}, {"cost", set_rule_cost}};

Wrong set_rule_word(ngx_conf_t *cf, std::string_view word, RpcRule *rule) {
  if (word == "public") {
    rule->rule.is_public = true;
    return kGood;
  }
  if (word == "refuse") {
    rule->rule.refuse = true;
    return kGood;
  }
  Wrong wrong;
  return read_parameter(kRuleParameters, cf, word, rule, &wrong)
             ? wrong
             : "unknown parameter " + quoted(word) + "; it may be public, refuse, scope=, limit=";
}

Wrong check_rule(const RpcRule &rule, const std::vector<RpcRule> &others) {
  if (rule.rule.refuse && (rule.rule.is_public || !rule.rule.scopes.empty() || rule.limit)) {
    return "\"refuse\" must stand alone: what is refused to all needs no scope and no limit";
  }
  if (std::any_of(others.begin(), others.end(), [&](const RpcRule &other) { return other.text == rule.text; })) {
    return quoted(rule.text) + " has a rule already here; write all that it needs in one";
  }
  return others.size() == mcp::kMaxRules
             ? Wrong("is written more than " + std::to_string(mcp::kMaxRules) + " times here; write patterns with *")
             : kGood;
}

// "keyward_tool scope=a:b" would be a rule about a tool of that name.
Wrong check_is_no_parameter(const Words &words) {
  const bool is_word = words[1] == "public" || words[1] == "refuse";
  return (is_word && words.size() == 2) || meant_parameter(words[1], names_of(kRuleParameters))
             ? Wrong("needs what it is about before " + quoted(words[1]) + "; write the name first, such as \"" +
                     std::string(words[0]) + (words[0] == "keyward_tool" ? " deploy " : " tools/call:deploy ") +
                     std::string(words[1]) + ";\"")
             : kGood;
}

Wrong add_rule(ngx_conf_t *cf, const Words &words, RpcRule rule, LocationConfiguration *conf) {
  if (!conf->rpc_rules) {
    conf->rpc_rules.emplace();
  }
  Wrong wrong = check_once(words, names_of(kRuleParameters));
  for (std::size_t i = 2; i < words.size() && !wrong; ++i) {
    wrong = set_rule_word(cf, words[i], &rule);
  }
  wrong = wrong ? wrong : check_rule(rule, *conf->rpc_rules);
  if (wrong) {
    return wrong;
  }
  if (rule.limit) {
    rule.limit->name = limit_name(rule.text);
    rule.rule.has_more = true;
  }
  rule.place = place_of(cf);
  conf->rpc_rules->push_back(std::move(rule));
  return kGood;
}

}  // namespace

Wrong set_mcp(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  if (conf->mcp) {
    return "is duplicate";
  }
  Wrong wrong = check_once(words, names_of(kSettings));
  McpSettings settings;
  if (wrong || parse_on_off(words[1], &settings.on)) {
    return wrong ? wrong : "invalid value " + quoted(words[1]) + "; it must be \"on\" or \"off\"";
  }
  if (!settings.on && words.size() > 2) {
    return "\"off\" must stand alone";
  }
  wrong = read_rule(kSettings, cf, words, 2, &settings, [](std::string_view word) {
    return Wrong("unknown parameter " + quoted(word) + "; it may be body=, public=, origins=, lists=, list=");
  });
  const auto is_list_bound = [](std::string_view word) { return option(word, "list").has_value(); };
  if (!wrong && !settings.filters_lists && std::any_of(words.begin(), words.end(), is_list_bound)) {
    wrong = "\"list=\" is a bound for \"lists=filter\"; write both, or neither";
  }
  if (!wrong) {
    conf->mcp = std::move(settings);
    reading_of(cf).block(conf).mcp_place = place_of(cf);
  }
  return wrong;
}

Wrong set_rpc(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  RpcRule rule;
  rule.text = words[1];
  Wrong wrong = check_is_no_parameter(words);
  wrong = wrong ? wrong : mcp::parse_rule(words[1], &rule.rule);
  return wrong ? wrong : add_rule(cf, words, std::move(rule), conf);
}

Wrong set_tool(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  RpcRule rule;
  rule.text = "tools/call:" + std::string(words[1]);
  Wrong wrong = check_is_no_parameter(words);
  wrong = wrong ? wrong : mcp::parse_tool_rule(words[1], &rule.rule);
  return wrong ? wrong : add_rule(cf, words, std::move(rule), conf);
}

}  // namespace keyward
