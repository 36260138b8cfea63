// One balance, however many demands there are.
#include "decide/credits.hpp"

namespace keyward {
namespace {

struct Price {
  std::uint64_t cost = 0;
  std::array<std::uint64_t, kCreditRefunds> refundable = {};
};

Price add_up(const LimitDemands &limits) noexcept {
  Price price;
  for (const LimitDemand &limit : limits) {
    if (limit.configured->kind != LimitKind::credits) {
      continue;
    }
    price.cost += limit.cost;
    for (std::size_t i = 0; i < kCreditRefunds; ++i) {
      price.refundable[i] += (limit.configured->refund >> i & 1U) != 0 ? limit.cost : 0;
    }
  }
  return price;
}

Reason settle(const Case &one, const LimitDemands &limits, bool take) noexcept {
  PaidCredits *paid = one.place.paid_credits();
  if (paid == nullptr) {
    return Reason::internal_error;
  }
  one.outcome.knows_credits = true;
  paid->note_left(0);
  const Principal *principal = one.outcome.principal.get();
  if (principal == nullptr || !principal->credits) {
    return Reason::insufficient_credits;
  }
  const Price price = add_up(limits);
  CreditTable *table = one.with.zone.credits;
  CreditCharge ask{principal->subject_name, *principal->credits, price.cost, {}, one.asked.now_s};
  ask.paid = paid->table() == table ? paid->paid() : CreditPayment();
  const CreditResult result = table == nullptr ? CreditResult()
                              : take           ? table->charge(ask, one.asked.now_ms)
                                               : table->look(ask, one.asked.now_ms);
  switch (result.outcome) {
    case CreditResult::Outcome::admitted:
      paid->note_left(result.left);
      if (take) {
        paid->note_paid(table, ask.account, result.paid, price.refundable);
      }
      return Reason::none;
    case CreditResult::Outcome::too_few:
      paid->note_left(result.left);
      return Reason::insufficient_credits;
    case CreditResult::Outcome::no_room:
    case CreditResult::Outcome::closed:
      break;
  }
  one.outcome.knows_credits = false;
  one.background.note_no_credits(result.outcome);
  return result.outcome == CreditResult::Outcome::no_room ? Reason::busy : Reason::store_error;
}

}  // namespace

Reason charge_credits(const Case &one, const LimitDemands &limits) noexcept {
  return settle(one, limits, !one.outcome.in_shadow);
}

void look_at_credits(const Case &one, const LimitDemands &limits) noexcept { settle(one, limits, false); }

}  // namespace keyward
