// keyward_cost: what a request takes from a balance.
#include "base/digits.hpp"
#include "ngx/configuration/directive.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {
namespace {

Wrong set_methods(const Given &given, LimitRule *rule) { return parse_methods(given.value, &rule->methods); }

Wrong set_refund(const Given &given, LimitRule *rule) {
  for (const std::string_view outcome : split_list(given.value, ',')) {
    if (outcome == "input_required" || outcome == "error") {
      return quoted(outcome) + " in " + quoted(given.word) +
             " is what a call of MCP comes to, which keyward doesn't look into yet; only refund=5xx is possible";
    }
    if (outcome != "5xx") {
      return "invalid value " + quoted(given.word) + "; it must be refund=5xx";
    }
    rule->refund |= kRefundServerError;
  }
  return kGood;
}

constexpr Parameter<LimitRule> kParameters[] = {{"methods", set_methods}, {"refund", set_refund}};

}  // namespace

Wrong set_cost(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  std::string &place = reading_of(cf).block(conf).costs_place;
  place = place.empty() ? place_of(cf) : place;
  bool done = false;
  Wrong wrong = begin_rule(kParameters, words, "keyward_cost none", &conf->costs, &done);
  if (wrong || done) {
    return wrong;
  }
  LimitRule rule;
  rule.kind = LimitKind::credits;
  std::string_view digits = words[1];
  std::uint64_t number = 0;
  if (!take_digits(&digits, kMaxCost, &number) || !digits.empty() || number == 0) {
    return quoted(words[1]) + " is not a number of credits; write one from 1 to " + std::to_string(kMaxCost) +
           ", or \"none\"";
  }
  rule.cost = static_cast<std::uint32_t>(number);
  for (std::size_t i = 2; i < words.size() && !wrong; ++i) {
    if (!read_parameter(kParameters, cf, words[i], &rule, &wrong)) {
      wrong = "unknown parameter " + quoted(words[i]) + "; it may be methods=, refund=";
    }
  }
  if (!wrong && conf->costs->size() == kMaxCostRules) {
    wrong = "is written more than " + std::to_string(kMaxCostRules) + " times here";
  }
  if (!wrong) {
    conf->costs->push_back(std::move(rule));
    main_configuration(cf)->has_costs = true;
  }
  return wrong;
}

}  // namespace keyward
