// Rules for methods, tools, prompts, resources and tasks: keyward_rpc and keyward_tool.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/scope.hpp"
#include "base/words.hpp"
#include "mcp/message.hpp"
#include "mcp/method.hpp"

namespace keyward::mcp {

// How many rules one place may have.
inline constexpr std::size_t kMaxRules = 1024;

// One rule, as it is configured. What it limits and costs is the business of whoever asks; a rule is known to him by its
// place in the list.
struct Rule {
  bool is_default = false;          // for what no other rule matches
  std::string method;               // a pattern; of `default` empty
  std::optional<std::string> name;  // a pattern; none: all names, and methods that have none
  bool is_public = false, refuse = false;
  std::vector<std::string> scopes;  // all of them are needed
  bool has_more = false;            // a limit or a cost
};

// METHOD[:NAME] or `default`, of keyward_rpc; NAME of keyward_tool. Patterns hold any number of '*'. A URI is to be
// written as it is normalised.
Wrong parse_rule(std::string_view text, Rule *rule);
Wrong parse_tool_rule(std::string_view name, Rule *rule);

// A set of rules by their places. Trivial; 128 bytes.
class RuleSet {
 public:
  void add(std::size_t rule) noexcept { words_[rule / 64] |= std::uint64_t{1} << rule % 64; }
  bool has(std::size_t rule) const noexcept { return (words_[rule / 64] >> rule % 64 & 1) != 0; }
  bool empty() const noexcept;
  // The first at or behind this place; kMaxRules: none. for (r = set.next(0); r < kMaxRules; r = set.next(r + 1))
  std::size_t next(std::size_t from) const noexcept;

 private:
  std::array<std::uint64_t, kMaxRules / 64> words_ = {};
};

enum class RuleVerdict : std::uint8_t {
  fine,            // as far as scopes, limits and costs of the rules that match allow
  refused,         // 403 not_accepted: a rule that matches says so
  not_covered,     // 403 insufficient_scope: no rule matches this name, and the method has rules with scopes
  unknown_method,  // 403 insufficient_scope: no method of the protocol, no rule names it, and there are rules with scopes
  bad_uri,         // 400 invalid_message: readers may understand it differently
};

// What the rules make of one message.
struct Judgement {
  RuleVerdict verdict = RuleVerdict::fine;
  bool is_public = false;  // no credential is needed
  RuleSet matching;        // all of them hold; where the verdict isn't fine, as far as they were looked at
};

// The rules of one place. Immutable once made, and moved only; judging allocates nothing but for a URI that is written
// otherwise than normalised, or has empty segments.
//
// `default` is for what no other rule matches. It stands for a rule that matches where it has a scope, is public or
// refuses; a default that only limits or costs doesn't open names of a method that has rules with scopes.
class RuleList {
 public:
  RuleList() = default;
  // At most kMaxRules. public_methods: patterns, of keyward_mcp public=.
  RuleList(std::vector<Rule> rules, std::vector<std::string> public_methods);
  RuleList(RuleList &&) = default;
  RuleList &operator=(RuleList &&) = default;

  const std::vector<Rule> &rules() const noexcept { return rules_; }

  // Of a request or a notification. A response has no method: no rule is about it, and it is never public; nor is a
  // message with a fault.
  Judgement judge(const Message &message) const;
  // Of one method and name alone, as an entry of a list would be called.
  Judgement judge(Method method, std::string_view name) const;

  // Whether whoever has these grants has all scopes that these rules need. Of an anonymous caller, who could log in for
  // them: Grants::all().
  bool covers(const RuleSet &matching, const Grants &grants) const noexcept;
  // Whether they satisfy every rule: none refuses, and all scopes are there.
  bool satisfies_all(const Grants &grants) const noexcept;
  // Whether any resource whose URI begins with prefix might be read with these grants.
  bool could_read(std::string_view prefix, const Grants &grants) const;

  // What nginx -t should warn of: a public that never is, patterns that another one makes idle. A clause each, of
  // which the rule is the subject, without a final stop.
  struct Remark {
    std::size_t rule = 0;  // its place; of public_methods: kMaxRules and more
    std::string text;
  };
  std::vector<Remark> remarks() const;

 private:
  struct Target;

  bool is_of(std::size_t rule, const Target &target) const noexcept;
  bool is_about(std::size_t rule, const Target &target) const noexcept;
  void look_at(const Target &target, Judgement *judgement) const;
  void look_at_uri(Method method, std::string_view uri, Judgement *judgement) const;
  void add_matching(const Target &target, Judgement *judgement) const;
  void look_at_name(Method method, std::string_view name, Judgement *judgement) const;
  void settle(Judgement *judgement) const noexcept;

  std::vector<Rule> rules_;
  std::vector<std::string> public_methods_;
  bool has_default_ = false, default_opens_ = false;
  bool has_scopes_ = false;                // any rule has one
  std::vector<std::uint64_t> methods_;     // of each rule: which of the protocol's methods it is about, a bit for each
  std::vector<std::string> merged_names_;  // of each: its URI without empty segments, where it has some; else empty
  std::uint64_t scoped_ = 0, public_ = 0;  // about which of them rules with scopes are; which are public
};

}  // namespace keyward::mcp
