// What is demanded of a request: keyward_scope, keyward_limit, keyward_limit_headers.
#include <algorithm>

#include "auth/scope.hpp"
#include "ngx/directive.hpp"

namespace keyward {
namespace {

// A text with variables.
Wrong compile(ngx_conf_t *cf, std::string_view word, ngx_http_complex_value_t **value) {
  *value = static_cast<ngx_http_complex_value_t *>(ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t)));
  ngx_str_t copied = copy(cf->pool, word);
  if (*value == nullptr || copied.data == nullptr) {
    throw std::bad_alloc();
  }
  ngx_http_compile_complex_value_t compile = {};
  compile.cf = cf;
  compile.value = &copied;
  compile.complex_value = *value;
  return ngx_http_compile_complex_value(&compile) == NGX_OK ? kGood : Wrong("has a bad variable in " + quoted(word));
}

// A typing error of a parameter would be a scope that nobody has, or, with match=any, one that nobody needs.
Wrong check_is_no_parameter(std::string_view word) {
  auto meant = meant_parameter(word, {"methods", "match"});
  const std::size_t end = word.find('=');
  if (!meant && end != std::string_view::npos && are_methods(word.substr(end + 1))) {
    meant = "methods=" + std::string(word.substr(end + 1));
  }
  return meant ? Wrong(quoted(word) + " is not a scope, it looks like a parameter; write " + *meant) : kGood;
}

// A word lies in the cycle's pool.
Wrong add_scope(ngx_conf_t *cf, std::string_view word, ScopeRule *rule) {
  rule->scopes.push_back(word);
  ngx_str_t text = borrow(word);
  if (ngx_http_script_variables_count(&text) == 0) {
    return is_scope(word) ? kGood
                          : Wrong(quoted(word) +
                                  " is not a scope that can be required; write a name without blanks, quotes or *, "
                                  "such as posts:read");
  }
  rule->values.resize(rule->scopes.size());
  return compile(cf, word, &rule->values.back());
}

Wrong parse_limit_option(ngx_conf_t *cf, std::string_view word, LimitRule *rule) {
  if (const auto name = option(word, "name")) {
    if (!is_id(*name)) {
      return "bad name in " + quoted(word) + "; write letters, digits, \"-\" and \"_\"";
    }
    rule->name = *name;
  } else if (const auto by = option(word, "by")) {
    if (!by->empty() && by->front() == '$') {
      for (const std::string_view part : split_list(*by, ',')) {
        if (const auto meant = meant_parameter(part, {"name", "by", "window", "cost", "methods", "default"})) {
          return quoted(word) + " would count by the text " + quoted(part) + ", too; write a blank before it, not a " +
                 "comma: " + *meant;
        }
      }
      rule->by = CountBy::variable;
      return compile(cf, *by, &rule->variable);
    }
    if (*by == "key") {
      rule->by = CountBy::key;
    } else if (*by == "subject") {
      rule->by = CountBy::subject;
    } else if (*by == "address") {
      rule->by = CountBy::address;
    } else if (*by == "failures") {
      rule->by = CountBy::failures;
    } else {
      return "invalid value " + quoted(word) +
             "; it must be by=key, by=subject, by=address, by=failures or by=$variable";
    }
  } else if (const auto window = option(word, "window")) {
    if (*window != "fixed" && *window != "sliding") {
      return "invalid value " + quoted(word) + "; it must be window=fixed or window=sliding";
    }
    rule->sliding = *window == "sliding";
  } else if (const auto cost = option(word, "cost")) {
    const ngx_int_t value = ngx_atoi(borrow(*cost).data, cost->size());
    if (value < 1 || value > static_cast<ngx_int_t>(kMaxRateCount)) {
      return "invalid value " + quoted(word) + "; cost= is a whole number from 1 on";
    }
    rule->cost = static_cast<std::uint32_t>(value);
  } else if (const auto methods = option(word, "methods")) {
    return parse_methods(*methods, &rule->methods);
  } else if (const auto plan = option(word, "default"); plan && rule->plan) {
    if (!is_plan_name(*plan)) {
      return "bad plan in " + quoted(word);
    }
    rule->default_plan = *plan;
    main_configuration(cf)->plans_named.emplace_back(*plan, place_of(cf));
  } else {
    return "unknown parameter " + quoted(word) +
           (rule->plan ? "; after \"plan\" it may be name=, default=PLAN, cost=, methods=, by=, window="
                       : "; it may be name=, by=, window=, cost=, methods=");
  }
  return kGood;
}

// A window that two limits share is cut to the shorter of their lengths, and would admit more than the longer one says.
Wrong check_shared_window(ngx_conf_t *cf, const LimitRule &rule, std::string_view rate) {
  if (rule.name.empty() && !rule.plan) {
    return kGood;
  }
  auto &known = main_configuration(cf)->shared_windows;
  const auto same = std::find_if(known.begin(), known.end(), [&](const SharedWindow &other) {
    return other.name == rule.name && other.plan == rule.plan && other.by == rule.by;
  });
  if (same == known.end()) {
    known.push_back({rule.name, rule.plan, rule.by, rule.rate.window_s, rule.sliding, place_of(cf)});
    return kGood;
  }
  if (same->window_s == rule.rate.window_s && same->sliding == rule.sliding) {
    return kGood;
  }
  return quoted(rate) + " shares its counts with the limit " + same->place +
         ", but has another window; write the same unit and window= in both, or another name=";
}

}  // namespace

Wrong set_scope(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  const bool first = !conf->scopes;
  if (first) {
    conf->scopes.emplace();
    conf->scopes_place = place_of(cf);
  }
  if (words[1] == "none") {
    return words.size() == 2 && first ? kGood : Wrong("\"none\" must stand alone");
  }
  if (!first && conf->scopes->empty()) {
    return "can't follow \"keyward_scope none\"; remove one of them";
  }
  ScopeRule rule;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (const auto methods = option(words[i], "methods")) {
      if (Wrong wrong = parse_methods(*methods, &rule.methods)) {
        return wrong;
      }
    } else if (const auto match = option(words[i], "match")) {
      if (*match != "any" && *match != "all") {
        return "invalid value " + quoted(words[i]) + "; it must be match=any (or match=all, the default)";
      }
      rule.any = *match == "any";
    } else if (words[i] == "none") {
      return "\"none\" must stand alone";
    } else if (Wrong mistaken = check_is_no_parameter(words[i])) {
      return mistaken;
    } else if (words[i].find(',') != std::string_view::npos) {
      return quoted(words[i]) +
             " holds a comma; write scopes one after the other, such as \"keyward_scope posts:read posts:write;\"";
    } else if (Wrong wrong = add_scope(cf, words[i], &rule)) {
      return wrong;
    }
  }
  if (rule.scopes.empty()) {
    return "names no scope; write \"keyward_scope posts:read;\" or \"keyward_scope none;\"";
  }
  rule.values.resize(rule.values.empty() ? 0 : rule.scopes.size());
  conf->scopes->push_back(std::move(rule));
  return kGood;
}

Wrong set_limit(ngx_conf_t *cf, const Words &words, LocationConfiguration *conf) {
  const bool first = !conf->limits;
  if (first) {
    conf->limits.emplace();
    conf->limits_place = place_of(cf);
  }
  if (words[1] == "none") {
    return words.size() == 2 && first ? kGood : Wrong("\"none\" must stand alone");
  }
  if (!first && conf->limits->empty()) {
    return "can't follow \"keyward_limit none\"; remove one of them";
  }
  LimitRule rule;
  rule.plan = words[1] == "plan";
  std::string error;
  if (!rule.plan && !parse_rate(words[1], &rule.rate, &error)) {
    return error;
  }
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (Wrong wrong = parse_limit_option(cf, words[i], &rule)) {
      return wrong;
    }
  }
  if (!rule.plan && rule.cost > rule.rate.count) {
    return "\"cost=\" is more than the rate ever admits; write at most cost=" + std::to_string(rule.rate.count);
  }
  if (rule.plan && rule.by != CountBy::key && rule.by != CountBy::subject) {
    return "\"plan\" counts by=key or by=subject only: a plan belongs to a principal";
  }
  if (conf->limits->size() == kMaxLimitRules) {
    return "is there more than " + std::to_string(kMaxLimitRules) + " times here";
  }
  if (Wrong wrong = check_shared_window(cf, rule, words[1])) {
    return wrong;
  }
  for (const LimitRule &other : *conf->limits) {
    if (!rule.name.empty() && rule.name == other.name && rule.by == other.by) {
      return "has \"name=" + rule.name + "\" twice here, which would count each request twice";
    }
    if (rule.plan && other.plan && rule.by == other.by) {
      return "has \"plan\" twice here";
    }
  }
  conf->limits->push_back(std::move(rule));
  return kGood;
}

Wrong set_limit_headers(ngx_conf_t *, const Words &words, LocationConfiguration *conf) {
  if (conf->limit_headers) {
    return "is duplicate";
  }
  LimitHeaderStyle style;
  if (words[1] == "x") {
    style.names = LimitHeaders::x;
  } else if (words[1] == "ietf") {
    style.names = LimitHeaders::ietf;
  } else if (words[1] == "both") {
    style.names = LimitHeaders::both;
  } else if (words[1] == "off") {
    style.names = LimitHeaders::off;
  } else {
    return "invalid value " + quoted(words[1]) + "; it must be \"x\", \"ietf\", \"both\" or \"off\"";
  }
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
