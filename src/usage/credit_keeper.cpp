// Loading once, saving what changed, removing what is dormant.
#include "usage/credit_keeper.hpp"

#include <vector>

#include "store/environment/failure.hpp"

namespace keyward {

namespace {

constexpr std::size_t kBatch = 1024;  // in one transaction
// One save in so many, about five minutes, looks for dormant balances, at this many of them.
constexpr unsigned kSavesPerPrune = 300;
constexpr std::size_t kPrunedAtOnce = 8192;
constexpr int kLastTries = 2;  // of a second each

// Nobody knows what is left of it: nothing, until somebody sets it anew, or until a whole period of its plan is over,
// which begins when it is asked for.
CreditState closed_state(std::int64_t now_s) noexcept {
  CreditState state;
  state.seen_changed = static_cast<std::uint64_t>(now_s) * 1000 - 1;  // below the number of any change from now on
  state.is_set = 1;
  state.period_s = 1;
  state.period_end_s = now_s + kMaxWindowSeconds;
  return state;
}

}  // namespace

StoreStatus CreditKeeper::load(const Moment &moment, Loaded *loaded) {
  *loaded = {};
  if (zone_->credits == nullptr || zone_->credits->is_loaded()) {
    return {};
  }
  const SharedLock lock(&zone_->credits->transfer());
  return lock ? load_locked(moment, loaded) : failure(StoreCode::busy, "another process reads the balances");
}

StoreStatus CreditKeeper::load_locked(const Moment &moment, Loaded *loaded) {
  CreditTable &table = *zone_->credits;
  if (table.is_loaded()) {
    return {};
  }
  if (!zone_->has_store_secret()) {
    return failure(StoreCode::io, "the zone was made without the store's secret, under which balances are kept");
  }
  StoreStatus status = windows_->ready();
  const auto take_in = [&](const Digest &account, const CreditState &state) {
    CarriedCredits one;
    one.account = account;
    one.state = state;
    ++loaded->balances;
    loaded->no_room += table.take_in(one) ? 0U : 1U;
  };
  if (status.ok()) {
    status = usage_->for_each_credits([&](const CarriedCredits &one) { take_in(one.account, one.state); },
                                      [&](const Digest &account) {
                                        ++loaded->damaged;
                                        take_in(account, closed_state(moment.wall_ms / 1000));
                                      });
  }
  if (status.ok()) {
    table.set_loaded(moment.now_ms);
  }
  return status;
}

StoreStatus CreditKeeper::save(const Moment &moment, bool last, const WaitBudget &budget, Loaded *loaded) {
  *loaded = {};
  if (zone_->credits == nullptr) {
    return {};
  }
  for (int tries = last ? kLastTries : 1; tries > 0 && budget.left_ms() != 0; --tries) {
    if (const SharedLock lock(&zone_->credits->transfer(), last); lock) {
      const StoreStatus status = load_locked(moment, loaded);
      return status.ok() ? save_locked(moment, budget) : status;
    }
  }
  return last ? failure(StoreCode::busy, "another process stores the balances") : StoreStatus();
}

StoreStatus CreditKeeper::save_locked(const Moment &moment, const WaitBudget &budget) {
  CreditTable &table = *zone_->credits;
  std::vector<CarriedCredits> sent(kBatch);
  std::vector<CreditState> merged(kBatch);
  StoreStatus status = windows_->ready();
  for (std::size_t part = 0, within = 0; status.ok() && part < table.parts();) {
    const std::size_t count = table.carry(&part, &within, sent.data(), sent.size());
    status = usage_->merge_credits(table.id(), sent.data(), count, merged.data(), budget.left_ms());
    for (std::size_t i = 0; status.ok() && i < count; ++i) {
      table.note_saved(sent[i], merged[i]);
    }
  }
  if (!status.ok()) {
    return status;
  }
  table.note_all_saved(moment.now_ms);
  if (++saves_ % kSavesPerPrune != 0) {
    return status;
  }
  const std::int64_t now_s = moment.wall_ms / 1000;
  return usage_->prune_credits(
      &pruned_, kPrunedAtOnce,
      [&](const Digest &account, const CreditState &state) {
        return credit_rule::is_dormant(state, now_s) && table.forget(account, now_s);
      },
      budget.left_ms());
}

}  // namespace keyward
