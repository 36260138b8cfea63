// Each method, name and spelling that a message leads to is looked at by itself; all that is found adds up.
#include "mcp/rules.hpp"

#include <algorithm>
#include <utility>

#include "mcp/glob.hpp"
#include "mcp/uri.hpp"

namespace keyward::mcp {

namespace {

constexpr std::uint64_t bit_of(Method method) noexcept { return std::uint64_t{1} << static_cast<unsigned>(method); }
static_assert(kMethodCount <= 64);

// The protocol's methods that a pattern is about.
std::uint64_t methods_of(std::string_view pattern) noexcept {
  std::uint64_t methods = 0;
  for (std::size_t i = 1; i < kMethodCount; ++i) {
    const auto method = static_cast<Method>(i);
    methods |= matches(pattern, to_text(method)) ? bit_of(method) : 0;
  }
  return methods;
}

bool is_literal(std::string_view pattern) noexcept { return pattern.find('*') == std::string_view::npos; }

bool any_has_names(std::uint64_t methods) noexcept {
  for (std::size_t i = 1; i < kMethodCount; ++i) {
    const auto method = static_cast<Method>(i);
    if ((methods & bit_of(method)) != 0 && name_kind(method) != NameKind::none) {
      return true;
    }
  }
  return false;
}

Wrong parse_uri_pattern(std::string_view name) {
  std::string normal;
  switch (normalise_uri(name, &normal)) {
    case UriForm::normal:
      return kGood;
    case UriForm::other:
      return quoted(name) + " is no normalised URI, and would never match: write " + quoted(normal);
    case UriForm::bad:
      return quoted(name) +
             " would never match: URIs with a backslash, a control character, an encoded slash or a stray '%' are "
             "refused";
  }
  return kGood;
}

bool has_all(const Rule &rule, const Grants &grants) noexcept {
  return std::all_of(rule.scopes.begin(), rule.scopes.end(),
                     [&](const std::string &scope) { return grants.covers(scope); });
}

}  // namespace

Wrong parse_rule(std::string_view text, Rule *rule) {
  if (text == "default") {
    rule->is_default = true;
    return kGood;
  }
  const std::size_t colon = text.find(':');
  const std::string_view method = text.substr(0, colon);
  if (method.empty()) {
    return quoted(text) + " names no method: write METHOD, METHOD:NAME or default";
  }
  rule->method = method;
  if (colon == std::string_view::npos) {
    return kGood;
  }
  const std::string_view name = text.substr(colon + 1);
  if (name.empty()) {
    return "no name behind the colon of " + quoted(text) + ": without a colon it is about all names";
  }
  if (!any_has_names(methods_of(method))) {
    return quoted(method) +
           " has no names; tools/call, prompts/get, resources/read, resources/subscribe, "
           "resources/unsubscribe, tasks/get, tasks/result, tasks/update and tasks/cancel have";
  }
  rule->name = name;
  return is_literal(method) && name_kind(method_of(method)) == NameKind::uri ? parse_uri_pattern(name) : kGood;
}

Wrong parse_tool_rule(std::string_view name, Rule *rule) {
  if (name.empty()) {
    return "it names no tool";
  }
  rule->method = to_text(Method::tools_call);
  rule->name = name;
  return kGood;
}

bool RuleSet::empty() const noexcept {
  return std::all_of(words_.begin(), words_.end(), [](std::uint64_t word) { return word == 0; });
}

std::size_t RuleSet::next(std::size_t from) const noexcept {
  for (std::size_t i = from / 64; i < words_.size(); ++i) {
    const std::uint64_t word = i == from / 64 ? words_[i] >> from % 64 << from % 64 : words_[i];
    if (word != 0) {
      return i * 64 + static_cast<std::size_t>(__builtin_ctzll(word));
    }
  }
  return kMaxRules;
}

// One method and name, in one spelling.
struct RuleList::Target {
  Method method = Method::other;
  std::string_view method_text;
  std::string_view name;
  bool is_other_reading = false;  // of a URI: not what was sent, but what some server may read in it
};

RuleList::RuleList(std::vector<Rule> rules, std::vector<std::string> public_methods)
    : rules_(std::move(rules)), public_methods_(std::move(public_methods)) {
  methods_.reserve(rules_.size());
  merged_names_.reserve(rules_.size());
  for (const Rule &rule : rules_) {
    const std::uint64_t methods = rule.is_default ? 0 : methods_of(rule.method);
    has_default_ = has_default_ || rule.is_default;
    default_opens_ = default_opens_ || (rule.is_default && (rule.is_public || rule.refuse || !rule.scopes.empty()));
    has_scopes_ = has_scopes_ || !rule.scopes.empty();
    scoped_ |= rule.scopes.empty() ? 0 : methods;
    methods_.push_back(methods);
    std::string merged = rule.name ? merge_slashes(*rule.name) : std::string();
    merged_names_.push_back(rule.name && merged != *rule.name ? std::move(merged) : std::string());
  }
  for (const std::string &method : public_methods_) {
    public_ |= methods_of(method);
  }
}

// Whether it is about this method, by whichever name.
bool RuleList::is_of(std::size_t rule, const Target &target) const noexcept {
  if (rules_[rule].is_default) {
    return false;
  }
  return target.method == Method::other ? matches(rules_[rule].method, target.method_text)
                                        : (methods_[rule] & bit_of(target.method)) != 0;
}

// Whether its name, if it has one, matches. One with empty segments is as good as one without where they are merged:
// what was sent has to be allowed in any case.
bool RuleList::is_about(std::size_t rule, const Target &target) const noexcept {
  const std::optional<std::string> &name = rules_[rule].name;
  if (!name) {
    return true;
  }
  return name_kind(target.method) != NameKind::none &&
         (matches(*name, target.name) ||
          (target.is_other_reading && !merged_names_[rule].empty() && matches(merged_names_[rule], target.name)));
}

void RuleList::look_at(const Target &target, Judgement *judgement) const {
  const bool has_names = name_kind(target.method) != NameKind::none;
  const bool is_known = target.method != Method::other;
  bool is_named = false, is_matched = false, is_public = false, is_refused = false;
  const auto hold = [&](std::size_t i) {
    judgement->matching.add(i);
    is_public = is_public || rules_[i].is_public;
    is_refused = is_refused || rules_[i].refuse;
  };
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (!is_of(i, target)) {
      continue;
    }
    is_named = true;
    if (is_about(i, target)) {
      is_matched = true;
      hold(i);
    }
  }
  if (!is_matched && has_default_) {
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      if (rules_[i].is_default) {
        hold(i);
      }
    }
    is_matched = default_opens_;
  }
  is_public = is_public ||
              (is_known ? (public_ & bit_of(target.method)) != 0
                        : std::any_of(public_methods_.begin(), public_methods_.end(),
                                      [&](const std::string &method) { return matches(method, target.method_text); }));
  judgement->is_public = judgement->is_public && is_public;
  const RuleVerdict verdict = is_refused                              ? RuleVerdict::refused
                              : !is_known && !is_named && has_scopes_ ? RuleVerdict::unknown_method
                              : has_names && !is_matched && (scoped_ & bit_of(target.method)) != 0
                                  ? RuleVerdict::not_covered
                                  : RuleVerdict::fine;
  if (judgement->verdict == RuleVerdict::fine || verdict == RuleVerdict::refused) {
    judgement->verdict = verdict;
  }
}

// Rules that match hold, but none has to.
void RuleList::add_matching(const Target &target, Judgement *judgement) const {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (is_of(i, target) && is_about(i, target)) {
      judgement->matching.add(i);
      if (rules_[i].refuse) {
        judgement->verdict = RuleVerdict::refused;
      }
    }
  }
}

// All readings have to be allowed. Some servers read none of the query and the fragment, so what is demanded of the rest
// is demanded with them, too; that it be opened isn't.
void RuleList::look_at_uri(Method method, std::string_view uri, Judgement *judgement) const {
  std::vector<std::string> others;
  const bool is_good = read_uri_otherwise(uri, &others);
  const auto look = [&](std::string_view reading, bool is_other) {
    look_at({method, to_text(method), reading, is_other}, judgement);
    const std::string_view bare = without_query(reading);
    if (bare.size() != reading.size()) {
      add_matching({method, to_text(method), bare, is_other}, judgement);
    }
  };
  look(uri, false);
  for (const std::string &other : others) {
    look(other, true);
  }
  if (!is_good) {
    judgement->verdict = RuleVerdict::bad_uri;
  }
}

void RuleList::look_at_name(Method method, std::string_view name, Judgement *judgement) const {
  if (name_kind(method) == NameKind::uri) {
    look_at_uri(method, name, judgement);
  } else {
    look_at({method, to_text(method), name}, judgement);
  }
}

// `public` counts only where no rule that matches has a scope.
void RuleList::settle(Judgement *judgement) const noexcept {
  if (judgement->verdict != RuleVerdict::fine) {
    judgement->is_public = false;
  }
  for (std::size_t i = judgement->matching.next(0); judgement->is_public && i < kMaxRules;
       i = judgement->matching.next(i + 1)) {
    judgement->is_public = rules_[i].scopes.empty();
  }
}

Judgement RuleList::judge(const Message &message) const {
  Judgement judgement;
  if (message.kind() != MessageKind::request && message.kind() != MessageKind::notification) {
    return judgement;
  }
  judgement.is_public = true;
  if (message.method() == Method::other) {
    look_at({Method::other, message.method_text(), {}}, &judgement);
  } else {
    look_at_name(message.method(), message.name(), &judgement);
  }
  if (message.method() == Method::completion_complete) {
    if (message.has_ref_name()) {
      look_at_name(Method::prompts_get, message.ref_name(), &judgement);
    }
    if (message.has_ref_uri()) {
      look_at_name(Method::resources_read, message.ref_uri(), &judgement);
    }
  } else if (message.method() == Method::subscriptions_listen) {
    for (std::size_t i = 0; i < message.listed_count(); ++i) {
      look_at_name(message.is_listed_task(i) ? Method::tasks_get : Method::resources_read, message.listed(i),
                   &judgement);
    }
  }
  settle(&judgement);
  return judgement;
}

Judgement RuleList::judge(Method method, std::string_view name) const {
  Judgement judgement;
  judgement.is_public = true;
  look_at_name(method, name, &judgement);
  settle(&judgement);
  return judgement;
}

bool RuleList::covers(const RuleSet &matching, const Grants &grants) const noexcept {
  for (std::size_t i = matching.next(0); i < kMaxRules; i = matching.next(i + 1)) {
    if (!has_all(rules_[i], grants)) {
      return false;
    }
  }
  return true;
}

bool RuleList::satisfies_all(const Grants &grants) const noexcept {
  return std::all_of(rules_.begin(), rules_.end(),
                     [&](const Rule &rule) { return !rule.refuse && has_all(rule, grants); });
}

bool RuleList::could_read(std::string_view prefix, const Grants &grants) const {
  std::string normal;
  if (normalise_uri(prefix, &normal) == UriForm::bad) {
    return false;  // as all that begins so is
  }
  // What surely matches must allow it; and something that may match has to, or nothing need match.
  const bool is_scoped = (scoped_ & bit_of(Method::resources_read)) != 0;
  const std::string all = std::string(prefix) + '*';
  bool may_match = false, default_allows = !is_scoped || default_opens_;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const Rule &rule = rules_[i];
    const bool allows = !rule.refuse && has_all(rule, grants);
    if (rule.is_default) {
      default_allows = default_allows && allows;
    } else if ((methods_[i] & bit_of(Method::resources_read)) != 0) {
      if (!allows && (!rule.name || is_wider(*rule.name, all))) {
        return false;
      }
      may_match = may_match || (allows && (!rule.name || may_go_on(*rule.name, prefix)));
    }
  }
  return may_match || default_allows;
}

}  // namespace keyward::mcp
