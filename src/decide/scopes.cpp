// The scopes of a demand, one after another: the first that isn't met is told.
#include "decide/scopes.hpp"

#include <algorithm>
#include <vector>

namespace keyward {
namespace {

bool meets(const Grants &grants, const ScopeDemand &demand) {
  const auto covered = [&](std::string_view scope) { return !scope.empty() && grants.covers(scope); };
  const std::string_view *end = demand.scopes + demand.count;
  return demand.any ? std::any_of(demand.scopes, end, covered) : std::all_of(demand.scopes, end, covered);
}

// As a challenge names them.
std::string text_of(const ScopeDemand &demand) {
  std::string text;
  for (std::size_t i = 0; i < demand.count; ++i) {
    if (!demand.scopes[i].empty()) {
      text.append(text.empty() ? "" : " ").append(demand.scopes[i]);
    }
  }
  return text;
}

// All that a request needs, each once; of several that would do each, none where one is there.
std::string text_of_all(const Demand &demand, const Grants &grants) {
  std::vector<std::string_view> needed;
  for (const ScopeDemand *one = demand.scopes; one != demand.scopes + demand.scope_count; ++one) {
    for (std::size_t i = 0; i < one->count && !(one->any && meets(grants, *one)); ++i) {
      if (!one->scopes[i].empty() && std::find(needed.begin(), needed.end(), one->scopes[i]) == needed.end()) {
        needed.push_back(one->scopes[i]);
      }
    }
  }
  return text_of({false, needed.data(), needed.size()});
}

}  // namespace

Reason check_scopes(const Demand &demand, Outcome *outcome) {
  if (!demand.has_scope_rules) {
    return Reason::none;
  }
  const Principal *who = outcome->principal.get();
  if (who == nullptr) {
    return Reason::missing_credential;
  }
  if (demand.scope_count == 0) {
    return demand.uncovered;
  }
  const ScopeDemand *end = demand.scopes + demand.scope_count;
  const ScopeDemand *failed =
      std::find_if(demand.scopes, end, [&](const ScopeDemand &one) { return !meets(who->grants, one); });
  if (failed == end) {
    return Reason::none;
  }
  outcome->required_scope = demand.tells_all_scopes ? text_of_all(demand, who->grants) : text_of(*failed);
  return Reason::insufficient_scope;
}

}  // namespace keyward
