// Random demands and principals, against plain logic.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "decide_fixture.hpp"

namespace keyward {
namespace {

using test::DecideTest;

// What is demanded and held, in a reader's own terms.
struct PlainLimit {
  int count, cost;
};
struct PlainScopes {
  bool any;
  std::vector<std::string> scopes;
};

class DecideProperty : public DecideTest {
 protected:
  // The whole rule of admission, once more. used: by limit and by who is counted.
  static Reason expect(const std::set<std::string> &held, bool known, bool has_rules,
                       const std::vector<PlainScopes> &demanded, const std::vector<PlainLimit> &limits,
                       std::vector<int> *used) {
    if (has_rules && !known) {
      return Reason::missing_credential;
    }
    if (has_rules && demanded.empty()) {
      return Reason::method_not_covered;
    }
    for (const PlainScopes &one : demanded) {
      const auto has = [&](const std::string &scope) { return held.count("*") != 0 || held.count(scope) != 0; };
      if (one.any ? std::none_of(one.scopes.begin(), one.scopes.end(), has)
                  : !std::all_of(one.scopes.begin(), one.scopes.end(), has)) {
        return Reason::insufficient_scope;
      }
    }
    for (std::size_t i = 0; i < limits.size(); ++i) {
      if ((*used)[i] + limits[i].cost > limits[i].count) {
        return Reason::rate_limited;
      }
    }
    for (std::size_t i = 0; i < limits.size(); ++i) {
      (*used)[i] += limits[i].cost;
    }
    return Reason::none;
  }
};

TEST_F(DecideProperty, AgreesWithPlainLogic) {
  static const std::vector<std::string> kScopes = {"a", "b", "c", "d"};
  std::mt19937 random(20261201);
  const auto below = [&](int bound) { return static_cast<int>(random() % static_cast<unsigned>(bound)); };
  accepted_.anonymous = true;
  std::map<Reason, int> seen;
  for (int round = 0; round < 300; ++round) {
    const std::string key = default_key_format().mint();
    KeyRecord record = record_of(key, "key_" + std::to_string(round));
    std::set<std::string> held = {"*"};
    if (below(4) != 0) {
      held.clear();
      record.scopes.present = true;
      for (const std::string &scope : kScopes) {
        if (below(2) == 0) {
          held.insert(scope);
          record.scopes.items.push_back(scope);
        }
      }
    }
    put(record);
    std::vector<PlainScopes> demanded(static_cast<std::size_t>(below(3)));
    const bool has_rules = !demanded.empty() || below(4) == 0;
    std::vector<std::vector<std::string_view>> texts;
    for (PlainScopes &one : demanded) {
      one.any = below(2) == 0;
      for (int i = 0; i <= below(3); ++i) {
        one.scopes.push_back(kScopes[static_cast<std::size_t>(below(4))]);
      }
      texts.emplace_back(one.scopes.begin(), one.scopes.end());
    }
    std::vector<PlainLimit> limits(static_cast<std::size_t>(below(4)));
    place_.limits.clear();
    for (std::size_t i = 0; i < limits.size(); ++i) {
      limits[i] = {1 + below(6), 1 + below(3)};
      ConfiguredLimit terms;
      terms.rate = {static_cast<std::uint32_t>(limits[i].count), 60};
      terms.cost = static_cast<std::uint32_t>(limits[i].cost);
      terms.by = below(2) == 0 ? CountBy::key : CountBy::subject;
      terms.identity = static_cast<std::uint64_t>(round) * 8 + i + 1;
      place_.limits.push_back(terms);
    }
    place_.has_scope_rules = has_rules;
    place_.scopes.clear();
    for (std::size_t i = 0; i < demanded.size(); ++i) {
      place_.scopes.push_back({demanded[i].any, texts[i].data(), texts[i].size()});
    }
    // Nobody is counted by the address, which is another one each round.
    address_ = std::to_string(round);
    std::vector<int> used(limits.size()), used_by_nobody(limits.size());
    for (int i = 0; i < 8; ++i) {
      const bool known = below(4) != 0;
      const Reason expected = expect(held, known, has_rules, demanded, limits, known ? &used : &used_by_nobody);
      ASSERT_EQ(ask_anew(known ? key : std::string()), expected) << "round " << round << ", request " << i;
      ++seen[expected];
    }
  }
  for (const Reason reason : {Reason::none, Reason::missing_credential, Reason::method_not_covered,
                              Reason::insufficient_scope, Reason::rate_limited}) {
    EXPECT_GT(seen[reason], 50) << info(reason).name;
  }
}

}  // namespace
}  // namespace keyward
