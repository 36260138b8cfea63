// What is demanded of a request: keyward_scope, keyward_limit, keyward_limit_headers.
#include "auth/scope.hpp"
#include "base/calendar.hpp"
#include "ngx/configuration/directive.hpp"
#include "ngx/configuration/reading.hpp"

namespace keyward {
namespace {

// --- keyward_scope ---------------------------------------------------------------------------------------------

Wrong set_scope_methods(const Given &given, ScopeRule *rule) { return parse_methods(given.value, &rule->methods); }

Wrong set_scope_match(const Given &given, ScopeRule *rule) {
  if (given.value != "any" && given.value != "all") {
    return "invalid value " + quoted(given.word) + "; it must be match=any (or match=all, the default)";
  }
  rule->any = given.value == "any";
  return kGood;
}

constexpr Parameter<ScopeRule> kScopeParameters[] = {{"methods", set_scope_methods}, {"match", set_scope_match}};

// A typing error of a parameter would be a scope that nobody has, or, with match=any, one that nobody needs.
Wrong check_is_no_parameter(std::string_view word) {
  auto meant = meant_parameter(word, names_of(kScopeParameters));
  const std::size_t end = word.find('=');
  if (!meant && end != std::string_view::npos && are_methods(word.substr(end + 1))) {
    meant = "methods=" + std::string(word.substr(end + 1));
  }
  return meant ? Wrong(quoted(word) + " is not a scope, it looks like a parameter; write " + *meant) : kGood;
}

// A word lies in the cycle's pool.
Wrong parse_scope(ngx_conf_t *cf, std::string_view word, ScopeRule *rule) {
  rule->scopes.push_back(word);
  ngx_str_t text = borrow(word);
  if (ngx_http_script_variables_count(&text) == 0) {
    return is_scope(word) ? kGood
                          : Wrong(quoted(word) +
                                  " is not a scope that can be required; write a name without blanks, quotes or *, "
                                  "such as posts:read");
  }
  rule->values.resize(rule->scopes.size());
  return compile_value(cf, word, &rule->values.back());
}

Wrong add_scope(ngx_conf_t *cf, std::string_view word, ScopeRule *rule) {
  if (word == "none") {
    return "\"none\" must stand alone";
  }
  if (Wrong mistaken = check_is_no_parameter(word)) {
    return mistaken;
  }
  if (word.find(',') != std::string_view::npos) {
    return quoted(word) +
           " holds a comma; write scopes one after the other, such as \"keyward_scope posts:read posts:write;\"";
  }
  return parse_scope(cf, word, rule);
}

// --- keyward_limit ---------------------------------------------------------------------------------------------

Wrong unknown_limit_parameter(const Given &given, const LimitRule &rule) {
  return "unknown parameter " + quoted(given.word) +
         (rule.is_plan() ? "; after \"plan\" it may be name=, default=PLAN, cost=, methods=, by=, window="
                         : "; it may be name=, by=, window=, cost=, methods=");
}

Wrong set_limit_name(const Given &given, LimitRule *rule) {
  if (!is_id(given.value)) {
    return "bad name in " + quoted(given.word) + "; write letters, digits, \"-\" and \"_\"";
  }
  rule->name = given.value;
  return kGood;
}

constexpr Choice<CountBy> kCountBy[] = {
    {"key", CountBy::key},           {"subject", CountBy::subject}, {"address", CountBy::address},
    {"failures", CountBy::failures}, {"repeat", CountBy::repeat},   {"tool", CountBy::tool},
};

Wrong set_limit_by(const Given &given, LimitRule *rule);

constexpr Choice<WindowForm> kWindows[] = {
    {"fixed", WindowForm::fixed}, {"sliding", WindowForm::sliding}, {"calendar", WindowForm::calendar}};

Wrong set_limit_window(const Given &given, LimitRule *rule) {
  const WindowForm *window = choose(kWindows, given.value);
  if (window == nullptr) {
    return "invalid value " + quoted(given.word) + "; it must be window=fixed, window=sliding or window=calendar";
  }
  if (rule->rate.is_by_calendar() && *window != WindowForm::calendar) {
    return quoted(given.word) + " is not for a rate by the month, which always goes by the calendar; leave it out";
  }
  if (*window == WindowForm::calendar && !rule->is_plan() && !rule->rate.is_by_calendar()) {
    if (rule->rate.window_s != kDaySeconds) {
      return "\"window=calendar\" is only for rates by the day or the month, such as 1000r/d or 10000r/month, not " +
             quoted(to_text(rule->rate));
    }
    rule->rate.window_s = kCalendarDay;
  }
  rule->window = *window;
  return kGood;
}

Wrong set_limit_cost(const Given &given, LimitRule *rule) {
  const ngx_int_t value = ngx_atoi(borrow(given.value).data, given.value.size());
  if (value < 1 || value > static_cast<ngx_int_t>(kMaxRateCount)) {
    return "invalid value " + quoted(given.word) + "; cost= is a whole number from 1 on";
  }
  rule->cost = static_cast<std::uint32_t>(value);
  return kGood;
}

Wrong set_limit_methods(const Given &given, LimitRule *rule) { return parse_methods(given.value, &rule->methods); }

Wrong set_limit_default(const Given &given, LimitRule *rule) {
  if (!rule->is_plan()) {
    return unknown_limit_parameter(given, *rule);
  }
  if (!is_plan_name(given.value)) {
    return "bad plan in " + quoted(given.word) + "; write a plan's name, such as default=free";
  }
  rule->default_plan = given.value;
  reading_of(given.cf).plans.push_back({rule->default_plan, place_of(given.cf)});
  return kGood;
}

constexpr Parameter<LimitRule> kLimitParameters[] = {
    {"name", set_limit_name}, {"by", set_limit_by},           {"window", set_limit_window},
    {"cost", set_limit_cost}, {"methods", set_limit_methods}, {"default", set_limit_default},
};

Wrong set_limit_by(const Given &given, LimitRule *rule) {
  if (const CountBy *by = choose(kCountBy, given.value)) {
    rule->by = *by;
    return kGood;
  }
  if (given.value.empty() || given.value.front() != '$') {
    return "invalid value " + quoted(given.word) +
           "; it must be by=key, by=subject, by=address, by=failures, by=repeat, by=tool or by=$variable";
  }
  for (const std::string_view part : split_list(given.value, ',')) {
    if (const auto meant = meant_parameter(part, names_of(kLimitParameters))) {
      return quoted(given.word) + " would count by the text " + quoted(part) +
             ", too; write a blank before it, not a comma: " + *meant;
    }
  }
  rule->by = CountBy::variable;
  return compile_value(given.cf, given.value, &rule->variable);
}

// A window that two limits share is cut to the shorter of their lengths, and would admit more than the longer one says.
Wrong check_shared_window(ngx_conf_t *cf, const LimitRule &rule, std::string_view rate) {
  if (rule.name.empty() && !rule.is_plan()) {
    return kGood;
  }
  std::vector<SharedWindow> &known = reading_of(cf).shared_windows;
  const auto same = std::find_if(known.begin(), known.end(), [&](const SharedWindow &other) {
    return other.name == rule.name && other.plan == rule.is_plan() && other.by == rule.by;
  });
  if (same == known.end()) {
    known.push_back({rule.name, rule.is_plan(), rule.by, rule.rate.window_s, rule.window, place_of(cf)});
    return kGood;
  }
  if (same->window_s == rule.rate.window_s && same->window == rule.window) {
    return kGood;
  }
  return quoted(rate) + " shares its counts with the limit " + same->place +
         ", but has another window; write the same unit and window= in both, or another name=";
}

// What makes no sense together, or beside what is there already.
Wrong check_limit(const LimitRule &rule, const std::vector<LimitRule> &others) {
  if (!rule.is_plan() && rule.cost > rule.rate.count) {
    return "\"cost=\" is more than the rate ever admits; write at most cost=" + std::to_string(rule.rate.count);
  }
  if (rule.is_plan() && rule.by != CountBy::key && rule.by != CountBy::subject) {
    return "\"plan\" can only have by=key or by=subject, as plans belong to keys and subjects";
  }
  return others.size() == kMaxLimitRules
             ? Wrong("is written more than " + std::to_string(kMaxLimitRules) + " times here")
             : kGood;
}

Wrong check_twins(const LimitRule &rule, const std::vector<LimitRule> &others) {
  for (const LimitRule &other : others) {
    if (!rule.name.empty() && rule.name == other.name && rule.by == other.by) {
      return "has \"name=" + rule.name + "\" twice here, which would count each request twice";
    }
    if (rule.is_plan() && other.is_plan() && rule.by == other.by) {
      return "has \"plan\" twice here";
    }
  }
  return kGood;
}

// --- keyward_limit_headers -------------------------------------------------------------------------------------

constexpr Choice<LimitHeaders> kLimitHeaders[] = {
    {"x", LimitHeaders::x}, {"ietf", LimitHeaders::ietf}, {"both", LimitHeaders::both}, {"off", LimitHeaders::off}};

}  // namespace

Wrong set_scope(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  std::string &place = reading_of(cf).block(conf).scopes_place;
  place = place.empty() ? place_of(cf) : place;
  bool done = false;
  Wrong wrong = begin_rule(kScopeParameters, words, "keyward_scope none", &conf->scopes, &done);
  if (wrong || done) {
    return wrong;
  }
  ScopeRule rule;
  wrong = read_rule(kScopeParameters, cf, words, 1, &rule,
                    [&](std::string_view word) { return add_scope(cf, word, &rule); });
  if (!wrong && rule.scopes.empty()) {
    wrong = "names no scope; write \"keyward_scope posts:read;\" or \"keyward_scope none;\"";
  }
  if (!wrong) {
    rule.values.resize(rule.values.empty() ? 0 : rule.scopes.size());
    conf->scopes->push_back(std::move(rule));
  }
  return wrong;
}

Wrong set_limit(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  std::string &place = reading_of(cf).block(conf).limits_place;
  place = place.empty() ? place_of(cf) : place;
  bool done = false;
  Wrong wrong = begin_rule(kLimitParameters, words, "keyward_limit none", &conf->limits, &done);
  if (wrong || done) {
    return wrong;
  }
  LimitRule rule;
  rule.kind = words[1] == "plan" ? LimitKind::plan : LimitKind::rate;
  std::string error;
  if (!rule.is_plan() && !parse_rate(words[1], &rule.rate, &error)) {
    return error;
  }
  wrong = read_rule(kLimitParameters, cf, words, 2, &rule, [&](std::string_view word) {
    return unknown_limit_parameter({cf, word, {}}, rule);
  });
  wrong = wrong ? wrong : check_limit(rule, *conf->limits);
  wrong = wrong ? wrong : check_shared_window(cf, rule, words[1]);
  wrong = wrong ? wrong : check_twins(rule, *conf->limits);
  if (!wrong) {
    main_configuration(cf)->has_repeat = main_configuration(cf)->has_repeat || rule.by == CountBy::repeat;
    conf->limits->push_back(std::move(rule));
  }
  return wrong;
}

Wrong set_limit_headers(ngx_conf_t *, const Words &words, LocationConfiguration *conf) {
  if (conf->limit_headers) {
    return "is duplicate";
  }
  LimitHeaderStyle style;
  const LimitHeaders *names = choose(kLimitHeaders, words[1]);
  if (names == nullptr) {
    return "invalid value " + quoted(words[1]) + "; it must be \"x\", \"ietf\", \"both\" or \"off\"";
  }
  style.names = *names;
  if (words.size() == 3) {
    if (words[2] != "reset=unix" && words[2] != "reset=delta") {
      return "invalid parameter " + quoted(words[2]) + "; it must be reset=unix or reset=delta";
    }
    style.reset_is_delta = words[2] == "reset=delta";
  }
  conf->limit_headers = style;
  return kGood;
}

}  // namespace keyward
