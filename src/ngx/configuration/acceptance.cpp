// From rules to what holds for a request.
#include "ngx/configuration/acceptance.hpp"

#include <algorithm>

#include "ngx/configuration/configuration.hpp"

namespace keyward {
namespace {

void add_once(std::size_t issuer, IssuerList *list) {
  if (std::find(list->begin(), list->end(), issuer) == list->end()) {
    list->push_back(issuer);
  }
}

std::vector<const jwt::Issuer *> rules_of(const MainConfiguration &main) {
  std::vector<const jwt::Issuer *> rules;
  for (const auto &issuer : main.issuers) {
    rules.push_back(&issuer->rules);
  }
  return rules;
}

const IssuerList *keep(MainConfiguration *main, IssuerList list) {
  for (const auto &known : main->issuer_lists) {
    if (*known == list) {
      return known.get();
    }
  }
  main->issuer_lists.push_back(std::make_unique<const IssuerList>(std::move(list)));
  return main->issuer_lists.back().get();
}

// What the rules whose methods satisfy `counts` accept together.
template <typename Counts>
Acceptance sum(MainConfiguration *main, const std::vector<AcceptRule> &rules, const ProtectedResource *resource,
               Counts &&counts) {
  Acceptance total;
  IssuerList list;
  bool tokens = false;
  for (const AcceptRule &rule : rules) {
    if (!counts(rule.methods)) {
      continue;
    }
    total.key = total.key || rule.key;
    for (const std::string &name : rule.key_formats) {
      total.key_names |= main->formats.bit_of(name);
    }
    total.anonymous = total.anonymous || rule.anonymous;
    total.preflight = total.preflight || rule.preflight;
    total.unprovisioned = total.unprovisioned || rule.unprovisioned;
    for (const std::string &name : rule.issuers) {
      tokens = true;
      for (std::size_t i = 0; i < main->issuers.size(); ++i) {
        if (name == "token" || name == main->issuers[i]->rules.name) {
          add_once(i, &list);
        }
      }
    }
  }
  total.key_names = total.key ? 0 : total.key_names;
  if (resource != nullptr) {
    list.bind_to(resource->audiences, rules_of(*main));
  }
  total.issuers = tokens ? keep(main, std::move(list)) : nullptr;
  return total;
}

bool is_same(const Acceptance &a, const Acceptance &b) noexcept {
  return a.key == b.key && a.key_names == b.key_names && a.anonymous == b.anonymous && a.preflight == b.preflight &&
         a.unprovisioned == b.unprovisioned && a.issuers == b.issuers;
}

}  // namespace

std::vector<Acceptance> work_out(MainConfiguration *main, const std::vector<AcceptRule> &rules,
                                 const ProtectedResource *resource) {
  Methods named = 0;
  for (const AcceptRule &rule : rules) {
    named |= rule.methods;
  }
  std::vector<Acceptance> all;
  for (Methods method = 1; method != 0 && method <= named; method <<= 1) {
    if ((named & method) == 0) {
      continue;
    }
    Acceptance one = sum(main, rules, resource, [method](Methods methods) { return (methods & method) != 0; });
    const auto same = std::find_if(all.begin(), all.end(), [&one](const Acceptance &a) { return is_same(a, one); });
    if (same != all.end()) {
      same->methods |= method;
    } else {
      one.methods = method;
      all.push_back(one);
    }
  }
  all.push_back(sum(main, rules, resource, [](Methods methods) { return methods == 0; }));
  return all;
}

const IssuerList *all_issuers(MainConfiguration *main) {
  IssuerList list;
  for (std::size_t i = 0; i < main->issuers.size(); ++i) {
    list.push_back(i);
  }
  return keep(main, std::move(list));
}

}  // namespace keyward
