// keyward_concurrency: how many requests at once.
#include "base/digits.hpp"
#include "ngx/configuration/directive.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {
namespace {

constexpr Choice<CountBy> kCountBy[] = {
    {"key", CountBy::key}, {"subject", CountBy::subject}, {"address", CountBy::address}};

Wrong set_by(const Given &given, LimitRule *rule) {
  if (const CountBy *by = choose(kCountBy, given.value)) {
    rule->by = *by;
    return kGood;
  }
  if (given.value.empty() || given.value.front() != '$') {
    return "invalid value " + quoted(given.word) + "; it must be by=key, by=subject, by=address or by=$variable";
  }
  rule->by = CountBy::variable;
  return compile_value(given.cf, given.value, &rule->variable);
}

Wrong set_name(const Given &given, LimitRule *rule) {
  if (!is_id(given.value)) {
    return "bad name in " + quoted(given.word) + "; write letters, digits, \"-\" and \"_\"";
  }
  rule->name = given.value;
  return kGood;
}

constexpr Parameter<LimitRule> kParameters[] = {{"by", set_by}, {"name", set_name}};

Wrong read_number(std::string_view word, LimitRule *rule) {
  if (word == "plan") {
    return kGood;
  }
  std::string_view digits = word;
  std::uint64_t number = 0;
  if (!take_digits(&digits, kMaxConcurrency, &number) || !digits.empty() || number == 0) {
    return quoted(word) + " is not a number of requests; write one from 1 to " + std::to_string(kMaxConcurrency) +
           ", or \"plan\"";
  }
  rule->rate.count = static_cast<std::uint32_t>(number);
  return kGood;
}

Wrong check(const LimitRule &rule, const std::vector<LimitRule> &others) {
  if (rule.is_plan() && rule.by != CountBy::key && rule.by != CountBy::subject) {
    return "\"plan\" can only have by=key or by=subject, as plans belong to keys and subjects";
  }
  for (const LimitRule &other : others) {
    if (other.by == rule.by && other.name == rule.name && (!rule.name.empty() || (rule.is_plan() && other.is_plan()))) {
      return rule.name.empty() ? Wrong("has \"plan\" twice here") : Wrong("has \"name=" + rule.name + "\" twice here");
    }
  }
  return others.size() == kMaxConcurrencyRules
             ? Wrong("is written more than " + std::to_string(kMaxConcurrencyRules) + " times here")
             : kGood;
}

}  // namespace

Wrong set_concurrency(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  bool done = false;
  Wrong wrong = begin_rule(kParameters, words, "keyward_concurrency none", &conf->concurrency, &done);
  if (wrong || done) {
    return wrong;
  }
  LimitRule rule;
  rule.kind = LimitKind::concurrency;
  wrong = read_number(words[1], &rule);
  wrong = wrong ? wrong : read_rule(kParameters, cf, words, 2, &rule, [](std::string_view word) {
    return Wrong("unknown parameter " + quoted(word) + "; it may be by=, name=");
  });
  wrong = wrong ? wrong : check(rule, *conf->concurrency);
  if (!wrong) {
    conf->concurrency->push_back(std::move(rule));
    main_configuration(cf)->has_concurrency = true;
  }
  return wrong;
}

}  // namespace keyward
