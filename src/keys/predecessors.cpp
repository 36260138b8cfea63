// Narrowing predecessors: what both they and their successor may do.
#include "keys/predecessors.hpp"

#include <algorithm>

#include "auth/scope.hpp"
#include "base/networks.hpp"
#include "keys/caller.hpp"
#include "keys/terms.hpp"

namespace keyward::keys {
namespace {

// All rates of both; of two for one window the smaller one.
std::vector<Rate> tightest(const std::vector<Rate> &one, const std::vector<Rate> &other) {
  std::vector<Rate> rates;
  for (const std::vector<Rate> *list : {&one, &other}) {
    for (const Rate &rate : *list) {
      const auto same = std::find_if(rates.begin(), rates.end(),
                                     [&rate](const Rate &each) { return each.window_s == rate.window_s; });
      if (same == rates.end()) {
        rates.push_back(rate);
      } else {
        same->count = std::min(same->count, rate.count);
      }
    }
  }
  return rates;
}

// Under the successor's plan, so that what becomes of that holds for both; and no further than it went before, which is
// written down.
void narrow_terms(const Principal &own, const KeyRecord &key, const Principal &most, const Implications &implications,
                  KeyRecord *old) {
  const Grants both = own.grants.intersect(most.grants, implications);
  old->plan = key.plan;
  old->scopes = {};
  if (!both.is_all()) {
    old->scopes.present = true;
    for (const std::string_view grant : split_list(both.text(), ' ')) {
      old->scopes.items.emplace_back(grant);
    }
  }
  if (own.has_limits || most.has_limits) {
    old->limits = {true, tightest(own.limits, most.limits)};
  }
  // Whether that is too many is another question.
  if (own.concurrency != most.concurrency && old->concurrency == 0) {
    old->concurrency = own.concurrency;
  }
}

// Takes away in what it exceeds. false: that can't be written down.
bool take_away(Excess excess, const Principal &own, const KeyRecord &key, const Principal &most,
               const Implications &implications, KeyRecord *old) {
  switch (excess) {
    case Excess::scopes:
    case Excess::limits:
      narrow_terms(own, key, most, implications, old);
      break;
    case Excess::addresses:
      if (old->allow_from.empty()) {
        old->allow_from = key.allow_from;
      } else if (!common_networks(old->allow_from, key.allow_from, &old->allow_from)) {
        return false;
      }
      break;
    case Excess::expiry:
      old->expires_at_s = key.expires_at_s;
      break;
    case Excess::concurrency:
      old->concurrency = most.concurrency;
      break;
    case Excess::none:
      break;
  }
  return has_valid_terms(*old);
}

// As excess_of(), of a successor whose plan may have no access at all.
Excess excess_beyond(const Principal &own, const Principal &most) {
  const bool is_closed = most.entry == Entry::closed && own.entry != Entry::closed;
  return is_closed ? Excess::scopes : excess_of(own, most);
}

}  // namespace

Answer narrow_predecessors(WriteTxn &txn, const Policy &policy, std::int64_t now_s, const KeyRecord &key,
                           std::vector<std::string> *also) {
  KeyTerms most;
  if (Answer answer = find_terms(txn, key, policy, &most); !answer.ok()) {
    return answer;
  }
  return for_each_predecessor(txn, key, [&](KeyRecord *old) -> Answer {
    if (old->state == KeyState::revoked || has_ended(*old, now_s)) {
      return {};
    }
    KeyTerms own;
    Answer answer = find_terms(txn, *old, policy, &own);
    Excess excess = answer.ok() ? excess_beyond(own.principal, most.principal) : Excess::none;
    if (!answer.ok() || excess == Excess::none) {
      return answer;
    }
    KeyRecord narrowed = *old;
    constexpr int kMost = 5;  // each kind of excess is taken away once
    for (int i = 0; excess != Excess::none; ++i) {
      if (i == kMost || !take_away(excess, own.principal, key, most.principal, policy.implications, &narrowed)) {
        narrowed = *old;
        narrowed.overlap_until_s = now_s;
        break;
      }
      if (answer = find_terms(txn, narrowed, policy, &own); !answer.ok()) {
        return answer;
      }
      excess = excess_beyond(own.principal, most.principal);
    }
    narrowed.changed_at_s = now_s;
    also->push_back(narrowed.id);
    return txn.replace_key(narrowed);
  });
}

}  // namespace keyward::keys
