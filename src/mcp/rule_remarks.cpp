// What nginx -t says of rules that can hardly be meant.
#include <algorithm>

#include "mcp/glob.hpp"
#include "mcp/rules.hpp"

namespace keyward::mcp {

namespace {

std::string text_of(const Rule &rule) {
  return rule.is_default ? "default" : rule.name ? rule.method + ':' + *rule.name : rule.method;
}

bool is_all(std::string_view pattern) noexcept { return pattern.find_first_not_of('*') == std::string_view::npos; }

// Whether wide matches whatever rule does.
bool matches_all_of(const Rule &wide, const Rule &rule) {
  if (wide.is_default || !is_wider(wide.method, rule.is_default ? "*" : rule.method)) {
    return false;
  }
  return !wide.name || (rule.name && is_wider(*wide.name, *rule.name)) ||
         (is_all(*wide.name) && name_kind(method_of(rule.method)) != NameKind::none);
}

// Whether rule says nothing that wide doesn't say.
bool adds_nothing(const Rule &wide, const Rule &rule) {
  return !rule.has_more && (!rule.refuse || wide.refuse) && (!rule.is_public || wide.is_public) &&
         std::all_of(rule.scopes.begin(), rule.scopes.end(), [&](const std::string &scope) {
           return std::find(wide.scopes.begin(), wide.scopes.end(), scope) != wide.scopes.end();
         });
}

// Of one rule; empty: nothing.
std::string remark_on(const std::vector<Rule> &rules, std::size_t i) {
  const Rule &rule = rules[i];
  for (std::size_t j = 0; j < rules.size(); ++j) {
    const Rule &wide = rules[j];
    // Of two that match the same, the later one is idle.
    if (i == j || !matches_all_of(wide, rule) || (matches_all_of(rule, wide) && j > i)) {
      continue;
    }
    if (rule.is_default) {
      return "is idle: " + quoted(text_of(wide)) + " matches everything";
    }
    if (wide.refuse) {
      return "is idle: " + quoted(text_of(wide)) + " refuses whatever it matches";
    }
    if (adds_nothing(wide, rule)) {
      return "is idle: " + quoted(text_of(wide)) + " matches whatever it does, and says the same";
    }
  }
  if (!rule.is_public) {
    return {};
  }
  if (!rule.scopes.empty()) {
    return "is never public, as it has a scope";
  }
  for (const Rule &wide : rules) {
    if (&wide != &rule && !wide.scopes.empty() && matches_all_of(wide, rule)) {
      return "is never public: " + quoted(text_of(wide)) + " matches whatever it does, and has a scope";
    }
  }
  return {};
}

}  // namespace

std::vector<RuleList::Remark> RuleList::remarks() const {
  std::vector<Remark> remarks;
  const auto add = [&](std::size_t rule, std::string text) {
    if (!text.empty()) {
      remarks.push_back({rule, std::move(text)});
    }
  };
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    add(i, remark_on(rules_, i));
  }
  for (std::size_t i = 0; i < public_methods_.size(); ++i) {
    Rule method;
    method.method = public_methods_[i];
    const auto wide = std::find_if(rules_.begin(), rules_.end(), [&](const Rule &rule) {
      return (!rule.scopes.empty() || rule.refuse) && matches_all_of(rule, method);
    });
    if (wide != rules_.end()) {
      add(kMaxRules + i, "is never public: " + quoted(text_of(*wide)) +
                             (wide->refuse ? " refuses it" : " matches whatever it does, and has a scope"));
    }
  }
  return remarks;
}

}  // namespace keyward::mcp
