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
  unknown_method,  // 403 insufficient_scope: no method of the protocol, and no rule names it
  bad_uri,         // 400 invalid_message: its spelling means different things to different readers
};

// What the rules make of one message.
struct Judgement {
  RuleVerdict verdict = RuleVerdict::fine;
  bool is_public = false;  // no credential is needed; only where it is fine
  RuleSet matching;        // every one of them holds; where it isn't fine, as far as they were looked at
};

// The rules of one place. Immutable once made; judging allocates nothing but for a URI that isn't normalised.
class RuleList {
 public:
  RuleList() = default;
  // At most kMaxRules. public_methods: keyward_mcp public=, patterns of methods.
  RuleList(std::vector<Rule> rules, std::vector<std::string> public_methods);

  const std::vector<Rule> &rules() const noexcept { return rules_; }

  // Of a request or a notification. A response has no method: it is fine, no rule is about it, and it is never public.
  // Nor is a message with a fault.
  Judgement judge(const Message &message) const;
  // Of one method and name alone, as an entry of a list would be called.
  Judgement judge(Method method, std::string_view name) const;
  // Whether any URI that begins with this literal could be read by whoever has these scopes.
  bool could_read(std::string_view prefix, const Grants *grants) const;

  // Whether whoever has these grants has all the scopes that these rules need. grants: nullptr is everything.
  bool covers(const RuleSet &matching, const Grants *grants) const noexcept;
  // Whether nothing in a list could be out of reach for them: no rule refuses, all scopes are there.
  bool satisfies_all(const Grants *grants) const noexcept;

  // What nginx -t should warn of, a clause for each: a public that never is, patterns that another one makes idle, rules
  // that match nothing. rule: which one it is about; kMaxRules + i is public_methods[i].
  struct Remark {
    std::size_t rule = 0;
    std::string text;
  };
  std::vector<Remark> remarks() const;

 private:
  std::vector<Rule> rules_;
  std::vector<std::string> public_methods_;
};

}  // namespace keyward::mcp
