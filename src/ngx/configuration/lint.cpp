// Locations and plans; what concerns issuers, caches and nginx's early phases has files of its own.
#include "ngx/configuration/lint.hpp"

#include <algorithm>
#include <set>

#include "ngx/configuration/cache_check.hpp"
#include "ngx/configuration/early_check.hpp"
#include "ngx/configuration/issuer_check.hpp"
#include "ngx/configuration/mcp_check.hpp"

namespace keyward {
namespace {

bool drops_all(const std::vector<ScopeRule> &parent, const std::vector<ScopeRule> &child) {
  for (const ScopeRule &old_rule : parent) {
    for (const std::string_view old_scope : old_rule.scopes) {
      for (const ScopeRule &rule : child) {
        if (std::find(rule.scopes.begin(), rule.scopes.end(), old_scope) != rule.scopes.end()) {
          return false;
        }
      }
    }
  }
  return !parent.empty();
}

bool drops_all(const std::vector<RequireRule> &parent, const std::vector<RequireRule> &child) {
  for (const RequireRule &old_rule : parent) {
    for (const ngx_http_complex_value_t *old_value : old_rule.values) {
      for (const RequireRule &rule : child) {
        if (std::any_of(rule.values.begin(), rule.values.end(), [old_value](const ngx_http_complex_value_t *value) {
              return view(value->value) == view(old_value->value);
            })) {
          return false;
        }
      }
    }
  }
  return !parent.empty();
}

bool has_plan_limit(const std::vector<LimitRule> &limits) {
  return std::any_of(limits.begin(), limits.end(), [](const LimitRule &rule) { return rule.is_plan(); });
}

// `if` and limit_except choose by the request, not by the location: an `off` in there is easily overlooked.
bool turns_off_for_some(const MergedLocation &child, const LocationConfiguration &parent) {
  const auto *core = static_cast<ngx_http_core_loc_conf_t *>(child.loc_conf[ngx_http_core_module.ctx_index]);
  return core->noname && child.location->enforcement->mode == Mode::off && parent.enforcement &&
         parent.enforcement->mode != Mode::off;
}

// What a block's own directives take away that was around it.
void warn_of_what_is_dropped(ngx_conf_t *cf, const MergedLocation &merged, const ReadBlock &block) {
  const LocationConfiguration &child = *merged.location;
  const LocationConfiguration &parent = *block.parent;
  if (!block.scopes_place.empty() && parent.scopes && drops_all(*parent.scopes, *child.scopes)) {
    ngx_log_error(NGX_LOG_WARN, cf->log, 0, "keyward_scope %s drops all scopes that the enclosing block requires",
                  block.scopes_place.c_str());
  }
  if (!block.requirements_place.empty() && parent.requirements &&
      drops_all(*parent.requirements, *child.requirements)) {
    ngx_log_error(NGX_LOG_WARN, cf->log, 0, "keyward_require %s drops all that the enclosing block requires",
                  block.requirements_place.c_str());
  }
  if (!block.limits_place.empty() && parent.limits && has_plan_limit(*parent.limits) &&
      !has_plan_limit(*child.limits)) {
    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "keyward_limit %s replaces the \"keyward_limit plan\" around it; add \"keyward_limit plan;\" to "
                  "keep the plan's limits",
                  block.limits_place.c_str());
  }
  if (!block.enforcement_place.empty() && turns_off_for_some(merged, parent)) {
    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "\"keyward off\" %s: requests that enter this block of a guarded location are not checked; "
                  "to let some requests in "
                  "without a key, write \"keyward_accept methods=... key anonymous;\" there",
                  block.enforcement_place.c_str());
  }
}

// A credential in a field that clients may not send would never be seen.
const Source *find_identity_source(const std::vector<Source> &sources, const ServerConfiguration &server) {
  const auto is_identity = [&](const Source &source) {
    return source.kind == SourceKind::header &&
           std::any_of(server.identity.begin(), server.identity.end(),
                       [&](const IdentityName &field) { return field.lowcase == source.name; });
  };
  const auto found = std::find_if(sources.begin(), sources.end(), is_identity);
  return found == sources.end() ? nullptr : &*found;
}

// Keys alone, where there are none.
bool accepts_nobody(const MainConfiguration &main, const std::vector<AcceptRule> &rules) {
  const bool accepts_key =
      std::any_of(rules.begin(), rules.end(), [](const AcceptRule &rule) { return rule.accepts_keys(); });
  const bool accepts_other = std::any_of(rules.begin(), rules.end(), [&main](const AcceptRule &rule) {
    return rule.anonymous || rule.preflight || (!rule.issuers.empty() && !main.issuers.empty());
  });
  return accepts_key && !accepts_other && main.store.empty();
}

// nginx refuses a longer field itself.
void warn_of_small_buffers(ngx_conf_t *cf, const MergedLocation &merged, const Reading &reading,
                           std::set<std::string> *told) {
  const std::string place = reading.inherited_place(merged.location, &ReadBlock::max_credential_place);
  const std::size_t most = *merged.location->max_credential;
  if (place.empty() || most < merged.core_server->large_client_header_buffers.size || !told->insert(place).second) {
    return;
  }
  ngx_log_error(
      NGX_LOG_WARN, cf->log, 0,
      "keyward_max_credential %s lets %uz bytes through, and nginx refuses a field that is longer than one of "
      "large_client_header_buffers, which has %uz here; write \"large_client_header_buffers 4 %uzk;\" in http "
      "or in the server",
      place.c_str(), most, merged.core_server->large_client_header_buffers.size, (most + 2047) / 1024);
}

// Of a location that is on or in shadow.
void check_location(const MainConfiguration &main, const MergedLocation &merged, Reading *reading) {
  const LocationConfiguration &location = *merged.location;
  if (const Source *taken = find_identity_source(*location.sources, *merged.server)) {
    reading->problems.push_back("\"header=" + taken->name + "\" " +
                                reading->inherited_place(&location, &ReadBlock::sources_place) +
                                " is a field of keyward_identity, which is removed from every request; write another "
                                "name, such as header=X-API-Key");
  }
  if (accepts_nobody(main, *location.accept)) {
    reading->problems.push_back(
        "keyward is on " + reading->inherited_place(&location, &ReadBlock::first_place) +
        " and accepts keys, but there is no store; write \"keyward_store /var/lib/keyward;\" in http");
  }
  if (main.store.empty() && location.costs && !location.costs->empty()) {
    reading->problems.push_back("keyward_cost " + reading->inherited_place(&location, &ReadBlock::costs_place) +
                                " needs a store, where balances are kept; write \"keyward_store /var/lib/keyward;\" " +
                                "in http");
  }
}

// Of the keys API, wherever it is: also where keyward is off, as an answer needs an admitted principal.
void check_api(ngx_conf_t *cf, const MainConfiguration &main, const MergedLocation &merged, Reading *reading) {
  const LocationConfiguration &location = *merged.location;
  const auto *core = static_cast<ngx_http_core_loc_conf_t *>(merged.loc_conf[ngx_http_core_module.ctx_index]);
  if (!location.api || core->noname) {
    return;
  }
  const ApiRules &api = *location.api;
  const auto problem = [&](const std::string &text) {
    reading->problems.push_back("keyward_api " + api.written_at + ' ' + text);
  };
  if (core->handler != on_keys_api) {
    problem("answers nothing: another directive (proxy_pass and its like) does; give each a location of its own");
  }
  if (location.mcp_terms != nullptr) {
    problem(
        "stands where keyward_mcp is on, which takes its requests for messages of MCP; write \"keyward_mcp off;\" "
        "there");
  }
  if (main.store.empty()) {
    problem("has no store; write \"keyward_store /var/lib/keyward;\" in http");
  }
  if (api.format == nullptr) {
    problem(api.shape.format.empty()
                ? std::string("can mint no key: no keyward_key_format has a form to mint; add one beside \"any\"")
                : "names an unknown format \"" + api.shape.format +
                      "\"; a keyward_key_format is called by its name=, else by its prefix");
  }
  if (api.shape.is_admin && (!location.scopes || location.scopes->empty())) {
    problem(
        "lets every principal manage all keys; write keyward_scope with a scope that only administrators have, "
        "such as \"keyward_scope keys:admin;\"");
  }
  if (location.enforcement->mode != Mode::on) {
    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "keyward_api %s refuses every request: only who was admitted there is answered, and keyward is %s; "
                  "write \"keyward on;\"",
                  api.written_at.c_str(), location.enforcement->mode == Mode::shadow ? "in shadow" : "off");
  }
}

// A proxy asks by GET, whatever its client's method is.
void check_verify(ngx_conf_t *cf, const MergedLocation &merged, Reading *reading) {
  const LocationConfiguration &location = *merged.location;
  const auto *core = static_cast<ngx_http_core_loc_conf_t *>(merged.loc_conf[ngx_http_core_module.ctx_index]);
  if (!location.verify || core->noname) {
    return;
  }
  const VerifyRules &verify = *location.verify;
  const auto problem = [&](const std::string &text) {
    reading->problems.push_back("keyward_verify " + verify.written_at + ' ' + text);
  };
  const char *const which = "; write keyward_verify method=$http_x_forwarded_method, or what else tells the method";
  if (core->handler != on_verify) {
    problem("answers nothing: another directive (proxy_pass and its like) does; give each a location of its own");
  }
  if (location.mcp_terms != nullptr) {
    problem(
        "stands where keyward_mcp is on, and a proxy that asks sends no message of MCP; write \"keyward_mcp off;\" "
        "there");
    return;
  }
  if (core->limit_except != 0) {
    problem(
        "stands beside limit_except, which looks at the method of the proxy's own request; write methods= of "
        "keyward_accept and keyward_scope instead");
  } else if (location.has_methods && verify.method == nullptr) {
    problem(std::string("has rules by method, and a proxy asks by GET") + which);
  }
  if (location.cookie != nullptr && verify.method == nullptr) {
    problem(std::string("takes a credential from a cookie, which is looked at by method, and a proxy asks by GET") +
            which);
  }
  if (location.enforcement->mode != Mode::on) {
    ngx_log_error(
        NGX_LOG_WARN, cf->log, 0,
        "keyward_verify %s refuses every request: only who was admitted there is answered, and keyward is %s; "
        "write \"keyward on;\"",
        verify.written_at.c_str(), location.enforcement->mode == Mode::shadow ? "in shadow" : "off");
  }
}

void check_plans(const MainConfiguration &main, Reading *reading) {
  for (const auto &[plan, place] : reading->plans) {
    const auto known = main.policy.plans.find(plan);
    if (known == main.policy.plans.end()) {
      reading->problems.push_back("unknown plan \"" + plan + "\" " + place + "; define it with \"keyward_plan " + plan +
                                  " ...;\" in http");
    } else if (known->second.no_access) {
      reading->problems.push_back("\"default=" + plan + "\" " + place +
                                  " names a plan with no_access, but default= only takes its limits and " +
                                  "lets requests in; leave it out to refuse principals without a plan");
    }
  }
}

void check_key_formats(const MainConfiguration &main, Reading *reading) {
  for (const auto &[name, place] : reading->key_formats) {
    if (main.formats.bit_of(name) == 0) {
      std::string names;
      for (const std::string &known : main.formats.names()) {
        names += (names.empty() ? "\"" : ", \"") + known + '"';
      }
      reading->problems.push_back("unknown key format \"" + name + "\" in keyward_accept " + place + "; there are " +
                                  names + ": a keyward_key_format is called by its name=, else by its " + "prefix");
    }
  }
}

void warn_of_no_effect(ngx_conf_t *cf, const LocationConfiguration &location, const ReadBlock &block) {
  if (!location.effective && block.first_directive != "keyward") {
    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "%s has no effect %s: keyward is off here; write \"keyward on;\" to turn it on",
                  block.first_directive.c_str(), block.first_place.c_str());
  }
}

// A request that costs more than a window of its plan ever holds is refused for good.
void warn_of_dear_plans(ngx_conf_t *cf, const MainConfiguration &main, const LocationConfiguration &location,
                        const ReadBlock &block) {
  if (!location.effective || !location.limits || block.limits_place.empty()) {
    return;
  }
  for (const LimitRule &rule : *location.limits) {
    for (const auto &[name, plan] : main.policy.plans) {
      const auto tight = std::find_if(plan.limits.begin(), plan.limits.end(),
                                      [&](const Rate &rate) { return rule.is_plan() && rate.count < rule.cost; });
      if (tight != plan.limits.end()) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"cost=%uD\" of the \"keyward_limit plan\" %s is more than the plan \"%s\" ever admits "
                      "(%s): all requests with this plan get 429 there; raise the rate or lower the cost",
                      rule.cost, block.limits_place.c_str(), name.c_str(), to_text(*tight).c_str());
      }
    }
  }
}

bool tell_problems(ngx_conf_t *cf, const MainConfiguration &main, std::vector<std::string> problems) {
  problems.erase(std::unique(problems.begin(), problems.end()), problems.end());
  const ngx_uint_t level = main.any_on ? NGX_LOG_EMERG : NGX_LOG_WARN;
  for (const std::string &problem : problems) {
    ngx_log_error(level, cf->log, 0, "%s", problem.c_str());
  }
  return problems.empty() || !main.any_on;
}

}  // namespace

bool lint(ngx_conf_t *cf, const MainConfiguration &main, Reading *reading) {
  std::set<std::string> told;
  for (const MergedLocation &merged : reading->merged) {
    warn_of_what_is_dropped(cf, merged, reading->block(merged.location));
    check_api(cf, main, merged, reading);
    check_verify(cf, merged, reading);
    if (merged.location->enforcement->mode != Mode::off) {
      check_location(main, merged, reading);
      warn_of_small_buffers(cf, merged, *reading, &told);
    }
  }
  check_issuers(cf, main, reading);
  check_plans(main, reading);
  check_key_formats(main, reading);
  check_mcp(cf, reading);
  for (const LocationConfiguration *location : reading->touched) {
    warn_of_no_effect(cf, *location, reading->block(location));
  }
  for (const LocationConfiguration *location : reading->touched) {
    warn_of_dear_plans(cf, main, *location, reading->block(location));
  }
  if (main.any_on) {
    warn_of_shared_caches(cf, main, *reading);
    warn_of_early_answers(cf, *reading);
    warn_of_early_counting(cf, *reading);
  }
  return tell_problems(cf, main, std::move(reading->problems));
}

}  // namespace keyward
