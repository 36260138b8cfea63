// The rule of balances, as arithmetic: no memory, no atomics, no clock.
#pragma once

#include <cstdint>

#include "base/credit_grant.hpp"
#include "base/rate.hpp"

namespace keyward {

// What a principal's plan and its subject's record say about its balance.
struct CreditTerms {
  Allowance allowance;  // of the plan
  CreditGrant grant;    // of the record
};

// What is known of one balance. A new one is all zero.
struct CreditState {
  std::int64_t spent = 0;       // in this epoch
  std::int64_t own = 0;         // of that, what this table has counted, and not another one that uses the same store
  std::int64_t synced = 0;      // of that, what the store has
  std::int64_t granted = 0;     // by the operator, in this epoch
  std::int64_t seen_added = 0;  // CreditGrant::added, as it was last seen
  std::uint64_t seen_changed = 0, seen_set = 0;
  std::uint64_t epoch = 0;        // rises with each refill and whenever the balance is set: a refund names it
  std::uint64_t change = 0;       // rises with each change of all this
  std::int64_t period_end_s = 0;  // Unix seconds; 0: none has begun
  std::uint32_t period_s = 0;     // how long the period is
  std::uint32_t is_set = 0;       // `granted` is all there was: the plan's allowance doesn't count in this epoch
};

namespace credit_rule {

// Begins the period that is due, and takes in what the operator has done since. Periods follow each other without gaps
// from the first one on. A period is as long as the longest that anybody's plan who uses it says, and ends at most one
// length ahead of the clock; a clock that steps back gives nothing anew.
void catch_up(const CreditTerms &terms, std::int64_t now_s, CreditState *state) noexcept;

// What is left, once it has caught up; below zero after more was taken away than was there.
std::int64_t balance(const CreditTerms &terms, const CreditState &state) noexcept;

// Whether a new balance would be as good: its last period ended more than a period ago, and nothing was granted.
bool is_dormant(const CreditState &state, std::int64_t now_s) noexcept;

// What the store is to say of a balance that it has as `stored`, where a table says `mine`. by_us: that table was the
// last to write it. Of one epoch all tables' spending counts; else the later one stands.
CreditState merge(const CreditState &stored, bool by_us, const CreditState &mine) noexcept;

// The same in the table: it said `sent` when `merged` was made of that, and may have gone on since.
void adopt(const CreditState &sent, const CreditState &merged, CreditState *state) noexcept;

}  // namespace credit_rule
}  // namespace keyward
