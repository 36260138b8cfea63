// Rules that do nothing, bodies that nginx refuses, limits by tools where there are none.
#include "ngx/configuration/mcp_check.hpp"

#include <algorithm>
#include <set>

namespace keyward {
namespace {

// Once for all locations that share them.
void warn_of_idle_rules(ngx_conf_t *cf, const McpTerms &terms, const std::string &place) {
  for (const mcp::RuleList::Remark &remark : terms.rules.remarks()) {
    if (remark.rule < terms.written.size()) {
      const RpcRule &rule = terms.written[remark.rule];
      ngx_log_error(NGX_LOG_WARN, cf->log, 0, "the rule \"%s\" %s %s", rule.text.c_str(), rule.place.c_str(),
                    remark.text.c_str());
    } else {
      const std::string &method = terms.settings.public_methods[remark.rule - mcp::kMaxRules];
      ngx_log_error(NGX_LOG_WARN, cf->log, 0, "\"%s\" in \"public=\" of keyward_mcp %s %s", method.c_str(),
                    place.c_str(), remark.text.c_str());
    }
  }
}

// nginx answers 413 by itself, before keyward has seen the request.
void warn_of_small_bodies(ngx_conf_t *cf, const MergedLocation &merged, const std::string &place,
                          std::set<std::string> *told) {
  const auto *core = static_cast<ngx_http_core_loc_conf_t *>(merged.loc_conf[ngx_http_core_module.ctx_index]);
  const std::size_t most = merged.location->mcp_terms->settings.body;
  if (core->client_max_body_size == 0 || core->client_max_body_size >= static_cast<off_t>(most) ||
      !told->insert(place).second) {
    return;
  }
  ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                "\"body=\" of keyward_mcp %s is %uz bytes, and client_max_body_size is %O there: nginx answers larger "
                "bodies with its own 413, which MCP clients can't read; write \"client_max_body_size %uz;\" there",
                place.c_str(), most, core->client_max_body_size, most);
}

void check_tool_limits(const LocationConfiguration &location, Reading *reading) {
  const bool by_tool = location.limits && std::any_of(location.limits->begin(), location.limits->end(),
                                                      [](const LimitRule &rule) { return rule.by == CountBy::tool; });
  if (by_tool && location.mcp_terms == nullptr) {
    reading->problems.push_back("keyward_limit by=tool " +
                                reading->inherited_place(&location, &ReadBlock::limits_place) +
                                " counts nobody where there are no tools; write \"keyward_mcp on;\" there, or "
                                "another by=");
  }
}

// A list of rules is known by where it begins.
void warn_of_rules_alone(ngx_conf_t *cf, const LocationConfiguration &location, std::set<std::string> *used) {
  if (location.rpc_rules && location.effective && used->insert(location.rpc_rules->front().place).second) {
    const RpcRule &rule = location.rpc_rules->front();
    ngx_log_error(NGX_LOG_WARN, cf->log, 0, "the rule \"%s\" has no effect %s: write \"keyward_mcp on;\" there",
                  rule.text.c_str(), rule.place.c_str());
  }
}

}  // namespace

void check_mcp(ngx_conf_t *cf, Reading *reading) {
  std::set<const McpTerms *> seen;
  std::set<std::string> told, used;
  for (const MergedLocation &merged : reading->merged) {
    const LocationConfiguration &location = *merged.location;
    if (location.enforcement->mode == Mode::off) {
      continue;
    }
    check_tool_limits(location, reading);
    if (location.mcp_terms != nullptr) {
      if (location.rpc_rules) {
        used.insert(location.rpc_rules->front().place);
      }
      const std::string place = reading->inherited_place(&location, &ReadBlock::mcp_place);
      warn_of_small_bodies(cf, merged, place, &told);
      if (seen.insert(location.mcp_terms.get()).second) {
        warn_of_idle_rules(cf, *location.mcp_terms, place);
      }
    }
  }
  for (const MergedLocation &merged : reading->merged) {
    warn_of_rules_alone(cf, *merged.location, &used);
  }
}

}  // namespace keyward
