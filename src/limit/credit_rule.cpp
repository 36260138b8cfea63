// Periods, grants, and what two tables that share a store make of each other's spending.
#include "limit/credit_rule.hpp"

#include <algorithm>

namespace keyward::credit_rule {
namespace {

void begin_epoch(CreditState *state) noexcept {
  state->spent = state->own = state->synced = state->granted = 0;
  state->is_set = 0;
  ++state->epoch;
}

// Two plans may be of different lengths. The longer one's promise is that no more is spent in any of its periods, so it
// says how long the one is that it has been used in.
void keep_period(std::int64_t length_s, std::int64_t now_s, CreditState *state) noexcept {
  if (state->period_end_s == 0) {
    state->period_end_s = now_s + length_s;
    state->period_s = static_cast<std::uint32_t>(length_s);
    begin_epoch(state);
    return;
  }
  if (length_s > state->period_s) {
    state->period_end_s += length_s - state->period_s;
    state->period_s = static_cast<std::uint32_t>(length_s);
  }
  state->period_end_s = std::min(state->period_end_s, now_s + state->period_s);
  if (now_s >= state->period_end_s) {
    state->period_end_s += ((now_s - state->period_end_s) / length_s + 1) * length_s;
    state->period_s = static_cast<std::uint32_t>(length_s);
    begin_epoch(state);
  }
}

void take_grant(const CreditGrant &grant, CreditState *state) noexcept {
  if (grant.set != state->seen_set) {
    if (grant.set != 0) {
      begin_epoch(state);
      state->is_set = 1;
      state->granted = static_cast<std::int64_t>(std::min(grant.amount, kMaxCredits)) + grant.added;
    } else {
      state->is_set = 0;
      state->granted = grant.added;
    }
  } else {
    state->granted += grant.added - state->seen_added;
  }
  state->seen_changed = grant.changed;
  state->seen_set = grant.set;
  state->seen_added = grant.added;
}

// Whether `a` is about a later time than `b`. Periods tell, where both have any: who counts anew after a balance was
// forgotten begins with a lower epoch.
bool is_later(const CreditState &a, const CreditState &b) noexcept {
  if (a.epoch == b.epoch) {
    return false;
  }
  const bool tell = a.period_end_s != 0 && b.period_end_s != 0 && a.period_end_s != b.period_end_s;
  return tell ? a.period_end_s > b.period_end_s : a.epoch > b.epoch;
}

void copy_grant(const CreditState &from, CreditState *to) noexcept {
  to->granted = from.granted;
  to->is_set = from.is_set;
  to->seen_changed = from.seen_changed;
  to->seen_set = from.seen_set;
  to->seen_added = from.seen_added;
}

}  // namespace

void catch_up(const CreditTerms &terms, std::int64_t now_s, CreditState *state) noexcept {
  if (terms.allowance.window_s != 0) {
    keep_period(terms.allowance.window_s, now_s, state);
  }
  if (terms.grant.changed > state->seen_changed) {
    take_grant(terms.grant, state);
  }
}

std::int64_t balance(const CreditTerms &terms, const CreditState &state) noexcept {
  const auto allowed = static_cast<std::int64_t>(terms.allowance.window_s != 0 ? terms.allowance.amount : 0);
  return (state.is_set != 0 ? 0 : allowed) + state.granted - state.spent;
}

bool is_dormant(const CreditState &state, std::int64_t now_s) noexcept {
  return state.seen_changed == 0 && state.period_end_s != 0 && now_s - state.period_end_s > state.period_s;
}

CreditState merge(const CreditState &stored, bool by_us, const CreditState &mine) noexcept {
  if (is_later(stored, mine)) {
    CreditState merged = stored;
    merged.own = 0;
    return merged;
  }
  CreditState merged = mine;
  if (stored.epoch == mine.epoch) {
    const std::int64_t counted = by_us ? stored.own : mine.synced;
    merged.spent = std::max<std::int64_t>(stored.spent + mine.own - counted, 0);
    if (stored.seen_changed > mine.seen_changed) {
      copy_grant(stored, &merged);
    }
  }
  return merged;
}

void adopt(const CreditState &sent, const CreditState &merged, CreditState *state) noexcept {
  if (state->epoch != sent.epoch) {
    return;
  }
  if (merged.epoch != sent.epoch) {
    const std::uint64_t change = state->change;
    *state = merged;
    state->change = change;
    state->own = state->synced = 0;
    return;
  }
  state->synced = sent.own;
  state->spent = std::max<std::int64_t>(state->spent + merged.spent - sent.spent, 0);
  if (merged.seen_changed > state->seen_changed) {
    copy_grant(merged, state);
  }
}

}  // namespace keyward::credit_rule
