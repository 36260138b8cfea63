// Demands of a location and, in MCP, of the rules that match a message.
#include "ngx/access/place.hpp"

#include <algorithm>
#include <cstring>

#include "mcp/method.hpp"
#include "ngx/request/held.hpp"
#include "ngx/request/paid.hpp"

namespace keyward {

bool LocationPlace::collect(Demand *demand) {
  if (location_.scopes && !collect_scopes(*location_.scopes, demand)) {
    return false;
  }
  return !location_.limits || std::all_of(location_.limits->begin(), location_.limits->end(),
                                          [&](const LimitRule &rule) { return add_limit(rule, &demand->limits); });
}

void LocationPlace::collect_failure_limits(LimitDemands *limits) noexcept {
  if (!location_.limits) {
    return;
  }
  for (const LimitRule &rule : *location_.limits) {
    if (rule.by == CountBy::failures && applies(rule.methods, r_->method)) {
      *limits->push() = {&rule, rule.cost, {}};
    }
  }
}

HeldPlaces *LocationPlace::held_places() noexcept { return held_places_of(r_); }

PaidCredits *LocationPlace::paid_credits() noexcept { return paid_credits_of(r_); }

bool LocationPlace::collect_scopes(const std::vector<ScopeRule> &rules, std::size_t more, Demand *demand) noexcept {
  demand->has_scope_rules = !rules.empty();
  auto *scopes = reinterpret_cast<ScopeDemand *>(few_);
  const std::size_t most = rules.size() + more;
  if (most > kFew) {
    scopes = static_cast<ScopeDemand *>(ngx_palloc(r_->pool, most * sizeof(ScopeDemand)));
    if (scopes == nullptr) {
      return false;
    }
  }
  demand->scopes = scopes;
  for (const ScopeRule &rule : rules) {
    if (!applies(rule.methods, r_->method)) {
      continue;
    }
    const std::string_view *texts = rule.values.empty() ? rule.scopes.data() : compute(rule);
    if (texts == nullptr) {
      return false;
    }
    add_scope({rule.any, texts, rule.scopes.size()}, demand);
  }
  return true;
}

void LocationPlace::add_scope(const ScopeDemand &scope, Demand *demand) noexcept {
  new (const_cast<ScopeDemand *>(demand->scopes) + demand->scope_count++) ScopeDemand(scope);
}

const std::string_view *LocationPlace::compute(const ScopeRule &rule) noexcept {
  auto *texts = static_cast<std::string_view *>(ngx_palloc(r_->pool, rule.scopes.size() * sizeof(std::string_view)));
  if (texts == nullptr) {
    return nullptr;
  }
  for (std::size_t i = 0; i < rule.scopes.size(); ++i) {
    texts[i] = rule.scopes[i];
    ngx_str_t text;
    if (rule.values[i] != nullptr) {
      const bool is_good = ngx_http_complex_value(r_, rule.values[i], &text) == NGX_OK && is_scope(view(text));
      texts[i] = is_good ? view(text) : std::string_view();
    }
  }
  return texts;
}

bool LocationPlace::add_limit(const LimitRule &rule, LimitDemands *limits) noexcept {
  if (rule.by == CountBy::failures || !applies(rule.methods, r_->method)) {
    return true;
  }
  LimitDemand *limit = limits->push();
  if (limit == nullptr) {
    return false;
  }
  *limit = {&rule, rule.cost, {}};
  ngx_str_t who;
  if (rule.by == CountBy::variable) {
    if (ngx_http_complex_value(r_, rule.variable, &who) != NGX_OK) {
      return false;
    }
    limit->who = view(who);
  }
  return true;
}

bool VariablePlace::collect(Demand *demand) { return LocationPlace::collect(demand) && collect_requirements(demand); }

bool VariablePlace::collect_requirements(Demand *demand) noexcept {
  if (!location().requirements) {
    return true;
  }
  const std::vector<RequireRule> &rules = *location().requirements;
  auto *requirements =
      static_cast<RequirementDemand *>(ngx_palloc(request()->pool, rules.size() * sizeof(RequirementDemand)));
  if (requirements == nullptr) {
    return false;
  }
  for (const RequireRule &rule : rules) {
    const std::string_view *values = compute(rule);
    if (values == nullptr) {
      return false;
    }
    new (&requirements[demand->requirement_count++]) RequirementDemand{values, rule.values.size(), rule.reason};
  }
  demand->requirements = requirements;
  return true;
}

const std::string_view *VariablePlace::compute(const RequireRule &rule) noexcept {
  ngx_http_request_t *r = request();
  auto *values = static_cast<std::string_view *>(ngx_palloc(r->pool, rule.values.size() * sizeof(std::string_view)));
  for (std::size_t i = 0; values != nullptr && i < rule.values.size(); ++i) {
    ngx_str_t text;
    if (ngx_http_complex_value(r, rule.values[i], &text) != NGX_OK) {
      return nullptr;
    }
    values[i] = view(text);
  }
  return values;
}

bool MessagePlace::collect(Demand *demand) {
  static const std::vector<ScopeRule> kNone;
  const std::vector<ScopeRule> &scopes = location().scopes ? *location().scopes : kNone;
  std::size_t rules = 0;
  for (std::size_t i = next_rule(0); i < mcp::kMaxRules; i = next_rule(i + 1)) {
    ++rules;
  }
  if (!collect_scopes(scopes, rules, demand)) {
    return false;
  }
  demand->tells_all_scopes = true;
  // Where the location's own scopes cover none of its methods, no rule opens it.
  if (!demand->has_scope_rules || demand->scope_count != 0) {
    collect_rule_scopes(demand);
  }
  return collect_all_limits(demand) && collect_requirements(demand);
}

std::size_t MessagePlace::next_rule(std::size_t from) const noexcept {
  return judgement_ != nullptr ? judgement_->matching.next(from) : mcp::kMaxRules;
}

void MessagePlace::collect_rule_scopes(Demand *demand) noexcept {
  if (judgement_ != nullptr && judgement_->verdict != mcp::RuleVerdict::fine) {
    demand->has_scope_rules = true;
    demand->scope_count = 0;
    demand->uncovered =
        judgement_->verdict == mcp::RuleVerdict::refused ? Reason::not_accepted : Reason::insufficient_scope;
    return;
  }
  for (std::size_t i = next_rule(0); i < mcp::kMaxRules; i = next_rule(i + 1)) {
    const std::vector<std::string_view> &scopes = terms_.rule_scopes[i];
    if (!scopes.empty()) {
      demand->has_scope_rules = true;
      add_scope({false, scopes.data(), scopes.size()}, demand);
    }
  }
}

bool MessagePlace::is_stream() const noexcept {
  return judgement_ != nullptr ? state_.message.method() == mcp::Method::subscriptions_listen
                               : request()->method == NGX_HTTP_GET;
}

bool MessagePlace::is_repeatable() const noexcept {
  if (judgement_ == nullptr || state_.message.is_continued()) {
    return false;
  }
  const mcp::Method method = state_.message.method();
  return method == mcp::Method::tools_call || method == mcp::Method::prompts_get ||
         method == mcp::Method::resources_read;
}

Repeatable MessagePlace::repeatable() noexcept {
  Repeatable request = LocationPlace::repeatable();
  const std::string_view method = mcp::to_text(state_.message.method());  // of a few, which all have room
  const Sha256 &params = state_.message.params_digest();
  std::memcpy(content_.data(), params.data(), params.size());
  std::memcpy(content_.data() + params.size(), method.data(), method.size());
  request.content = {content_.data(), params.size() + method.size()};
  return request;
}

// Those of so many at once stand at the end of a location's, and have to stand at the end here.
bool MessagePlace::collect_all_limits(Demand *demand) noexcept {
  static const std::vector<LimitRule> kNone;
  const std::vector<LimitRule> &rules = location().limits ? *location().limits : kNone;
  const auto places = std::find_if(rules.begin(), rules.end(),
                                   [](const LimitRule &rule) { return rule.kind == LimitKind::concurrency; });
  bool fits = true;
  const auto add = [&](const LimitRule &rule) {
    if (rule.by == CountBy::tool) {
      fits = fits && add_tool_limits(rule, &demand->limits);
      return true;
    }
    return (rule.by == CountBy::repeat && !is_repeatable()) || add_limit(rule, &demand->limits);
  };
  if (!std::all_of(rules.begin(), places, add)) {
    return false;
  }
  if (!fits || !add_rule_limits(&demand->limits)) {
    // Of one message that asks for very much at once; its limits can't all be applied, so nothing of it passes.
    demand->has_scope_rules = true;
    demand->scope_count = 0;
    demand->uncovered = Reason::invalid_message;
    return true;
  }
  return is_stream() || std::all_of(places, rules.end(), add);
}

bool MessagePlace::add_message_limit(const ConfiguredLimit &limit, std::string_view who,
                                     LimitDemands *limits) noexcept {
  if (limits->size() >= kMaxLimitRules + kMaxCostRules + kMaxMessageLimits) {
    return false;
  }
  *limits->push() = {&limit, limit.cost, who};
  return true;
}

bool MessagePlace::add_rule_limits(LimitDemands *limits) noexcept {
  for (std::size_t i = next_rule(0); i < mcp::kMaxRules; i = next_rule(i + 1)) {
    const std::optional<ConfiguredLimit> &limit = terms_.written[i].limit;
    if (limit && !add_message_limit(*limit, {}, limits)) {
      return false;
    }
  }
  return true;
}

// One for each rule about the message; tools that no rule is about are counted together.
bool MessagePlace::add_tool_limits(const LimitRule &rule, LimitDemands *limits) noexcept {
  if (judgement_ == nullptr || !applies(rule.methods, request()->method)) {
    return true;
  }
  std::size_t i = next_rule(0);
  if (i == mcp::kMaxRules) {
    return state_.message.method() != mcp::Method::tools_call ||
           add_message_limit(rule, mcp::to_text(mcp::Method::tools_call), limits);
  }
  for (; i < mcp::kMaxRules; i = next_rule(i + 1)) {
    if (!add_message_limit(rule, terms_.written[i].text, limits)) {
      return false;
    }
  }
  return true;
}

}  // namespace keyward
