// Plans, implied scopes and key formats, from the words of nginx's configuration.
#include "auth/policy_rules.hpp"

#include <cstdint>
#include <utility>

#include "base/digits.hpp"
#include "base/text_rules.hpp"

namespace keyward {

Wrong parse_grants(std::string_view list, std::string *scopes) {
  std::vector<std::string_view> written;
  std::vector<std::string> grants;
  if (Wrong wrong = split_elements(list, &written)) {
    return wrong;
  }
  for (const std::string_view grant : written) {
    if (const auto meant = meant_parameter(grant, {"scope", "limit", "max_keys", "credits", "concurrency"})) {
      return quoted(grant) +
             " among the scopes looks like a parameter; write a blank before it, not a comma: " + *meant;
    }
    if (!is_grant(grant)) {
      return quoted(grant) + " is not a scope; write a name such as posts:read, a wildcard such as posts:*, or *";
    }
    grants.emplace_back(grant);
  }
  *scopes = join(grants, ' ');
  return kGood;
}

Wrong add_key_format(const Words &words, KeyFormats *formats) {
  KeyFormat format;
  std::string error;
  if (!parse_key_format(Words(words.begin() + 1, words.end()), &format, &error) ||
      !formats->add(std::move(format), &error)) {
    return error;
  }
  return kGood;
}

Wrong add_plan(const Words &words, Policy *policy) {
  Plan plan;
  if (!is_plan_name(words[1])) {
    return "bad name " + quoted(words[1]) + "; write printable ASCII without blanks, quotes and commas";
  }
  if (meant_parameter(words[1], {"name", "plan", "scope", "limit", "max_keys", "credits", "concurrency"})) {
    return quoted(words[1]) + " is not a plan's name, it looks like a parameter; write the name first, such as " +
           "\"keyward_plan pro limit=60r/m;\"";
  }
  plan.name = words[1];
  if (policy->plans.count(plan.name) != 0) {
    return "defines " + quoted(words[1]) + " twice";
  }
  bool is_default = false;
  for (std::size_t i = 2; i < words.size(); ++i) {
    std::string error;
    if (const auto scopes = option(words[i], "scope"); scopes && !plan.has_scopes) {
      plan.has_scopes = true;
      if (Wrong wrong = parse_grants(*scopes, &plan.scopes)) {
        return wrong;
      }
    } else if (const auto limits = option(words[i], "limit"); limits && !plan.has_limits) {
      plan.has_limits = true;
      std::vector<std::string_view> rates;
      if (Wrong wrong = split_elements(*limits, &rates)) {
        return wrong;
      }
      for (const std::string_view text : rates) {
        Rate rate;
        if (!parse_rate(text, &rate, &error)) {
          return error;
        }
        plan.limits.push_back(rate);
      }
      if (plan.limits.empty() || plan.limits.size() > kMaxLimits) {
        return "\"limit=\" takes one to " + std::to_string(kMaxLimits) + " rates, such as limit=60r/m,1000r/d";
      }
    } else if (const auto max_keys = option(words[i], "max_keys"); max_keys && !plan.has_max_keys) {
      std::string_view digits = *max_keys;
      std::uint64_t value = 0;
      if (!take_digits(&digits, 1000000, &value) || !digits.empty()) {
        return "invalid value " + quoted(words[i]) + "; max_keys= is a whole number up to 1000000";
      }
      plan.has_max_keys = true;
      plan.max_keys = static_cast<std::uint32_t>(value);
    } else if (const auto most = option(words[i], "concurrency"); most && plan.concurrency == 0) {
      std::string_view digits = *most;
      std::uint64_t value = 0;
      if (!take_digits(&digits, kMaxConcurrency, &value) || !digits.empty() || value == 0) {
        return "invalid value " + quoted(words[i]) + "; concurrency= is a whole number from 1 to " +
               std::to_string(kMaxConcurrency);
      }
      plan.concurrency = static_cast<std::uint32_t>(value);
    } else if (const auto credits = option(words[i], "credits"); credits && plan.credits.window_s == 0) {
      if (!parse_allowance(*credits, &plan.credits, &error)) {
        return "invalid value " + quoted(words[i]) + ": " + error;
      }
    } else if (words[i] == "no_access") {
      plan.no_access = true;
    } else if (words[i] == "default") {
      is_default = true;
    } else {
      return "unknown or repeated parameter " + quoted(words[i]) +
             "; it may be scope=A,B, limit=RATE,RATE, concurrency=N, max_keys=N, credits=N/PERIOD, no_access or "
             "default";
    }
  }
  if (is_default) {
    if (!policy->default_plan.empty()) {
      return quoted(policy->default_plan) + " has \"default\" already; only one plan can have it";
    }
    policy->default_plan = plan.name;
  }
  policy->plans.emplace(plan.name, std::move(plan));
  return kGood;
}

Wrong add_implication(const Words &words, Policy *policy) {
  Implication implication;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (meant_parameter(words[i], {"methods", "match", "scope", "scopes"})) {
      return quoted(words[i]) + " looks like a parameter, and there are none; write scopes alone, such as " +
             "\"keyward_scope_implies mcp:full mcp:read;\"";
    }
    if (!is_grant(words[i])) {
      return quoted(words[i]) + " is not a scope; write a name such as mcp:full, or a wildcard such as mcp:*";
    }
    if (i == 1) {
      implication.grant = words[i];
    } else {
      implication.implied.emplace_back(words[i]);
    }
  }
  policy->implications.push_back(std::move(implication));
  return kGood;
}

Wrong read_max_credential(std::string_view word, std::size_t *bytes) {
  constexpr std::uint64_t kLeast = 64, kMost = 65536, kKilo = 1024;
  std::uint64_t number = 0;
  std::string_view rest = word;
  const bool is_number = take_digits(&rest, kMost, &number);
  const bool in_kilo = rest == "k" || rest == "K";
  number *= in_kilo ? kKilo : 1;
  if (!is_number || (!in_kilo && !rest.empty()) || number < kLeast || number > kMost) {
    return quoted(word) + " is not possible; write from " + std::to_string(kLeast) + " to 64k";
  }
  *bytes = static_cast<std::size_t>(number);
  return kGood;
}

}  // namespace keyward
