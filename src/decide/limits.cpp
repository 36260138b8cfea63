// Which windows a request is counted in, and the all-or-none of several limits.
#include "decide/limits.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/calendar.hpp"
#include "decide/credits.hpp"
#include "limit/window_name.hpp"

namespace keyward {
namespace {

// One window, ready to be charged.
struct Due {
  Charge charge;
  WindowTable *table = nullptr;
  std::string_view name;    // for RateLimit-Policy
  std::uint32_t taken = 0;  // here, and not at an earlier place of this request
  std::uint64_t charged_ms = 0;
};

// Bounds of the configuration's lists and of a plan's, so that this is enough for all.
constexpr std::size_t kMaxDue = 32 + kMaxMessageLimits;
static_assert(kMaxLimitRules - 2 + 2 * kMaxLimits + kMaxMessageLimits <= kMaxDue);
using DueList = InlineList<Due, kMaxDue>;

// Whom a limit counts.
struct Who {
  Digest name;
  // What clients can make up at will has a share of the zone of its own.
  bool known = false;
};

Digest name_of_whoever_asks(const Case &one) noexcept {
  const Principal *principal = one.outcome.principal.get();
  return principal != nullptr ? principal->counter_name
                              : counted_name(*one.with.zone.secret, Counted::address, one.asked.counted_address());
}

// Anybody can make up targets, so that this isn't known, whoever asks.
Digest repeated_name(const Case &one) noexcept {
  const DigestKey who = counted_name(*one.with.zone.secret, Counted::repeat, view_of(name_of_whoever_asks(one)));
  const Repeatable request = one.place.repeatable();
  const Digest name = keyed_digest(who, request.method, request.target);
  return request.content.empty() ? name : keyed_digest(name, request.content);
}

// false: nobody. As limit_req does, what has no name isn't counted.
bool find_who(const Case &one, const LimitDemand &limit, Who *who) noexcept {
  const DigestKey &secret = *one.with.zone.secret;
  const Principal *principal = one.outcome.principal.get();
  switch (limit.configured->by) {
    case CountBy::variable:
      if (limit.who.empty()) {
        return false;
      }
      who->name = counted_name(secret, Counted::variable, limit.who);
      return true;
    case CountBy::failures:
      who->name = counted_name(secret, Counted::failures, one.asked.counted_address());
      return true;
    case CountBy::repeat:
      who->name = repeated_name(one);
      return true;
    case CountBy::tool:
      if (limit.who.empty()) {
        return false;
      }
      // The configuration has made up the rule.
      who->known = principal != nullptr;
      who->name = keyed_digest(counted_name(secret, Counted::tool, view_of(name_of_whoever_asks(one))), limit.who);
      return true;
    case CountBy::key:
    case CountBy::subject:
      if (principal != nullptr) {
        who->known = true;
        who->name = limit.configured->by == CountBy::subject ? principal->subject_name : principal->counter_name;
        return true;
      }
      break;
    case CountBy::address:
      break;
  }
  who->name = counted_name(secret, Counted::address, one.asked.counted_address());
  return true;
}

// false when there is no room: a limit that can't be applied must refuse.
bool add_due(const Case &one, const LimitDemand &limit, std::uint64_t identity, const Rate &rate, std::string_view name,
             DueList *list) noexcept {
  Who who;
  if (!find_who(one, limit, &who)) {
    return true;
  }
  Due *due = list->push();
  if (due == nullptr) {
    return false;
  }
  due->charge.name = window_name(who.name, identity);
  due->charge.limit_name = identity;
  due->charge.rate = rate;
  due->charge.cost = limit.cost;
  due->charge.sliding = limit.configured->window == WindowForm::sliding;
  due->charge.wall_s = one.asked.now_s;
  due->table = who.known ? one.with.zone.principals : one.with.zone.addresses;
  due->name = name;
  return true;
}

std::string_view name_or(const ConfiguredLimit &configured, std::string_view otherwise) noexcept {
  return configured.name.empty() ? otherwise : std::string_view(configured.name);
}

// Calls visit with each rate of a principal's own list, as this limit counts it, and with its windows' identity. By their
// windows' lengths, not by their places in the list: a plan that is written in another order keeps its counts, and two
// keys of one subject with different plans don't cut each other's windows.
template <typename Visit>
void for_each_own_rate(const ConfiguredLimit &configured, const std::vector<Rate> &rates, Visit &&visit) {
  const bool by_day = configured.window == WindowForm::calendar;
  for (auto rate = rates.begin(); rate != rates.end(); ++rate) {
    Rate counted = *rate;
    counted.window_s = by_day && rate->window_s == kDaySeconds ? kCalendarDay : rate->window_s;
    const auto same =
        std::count_if(rates.begin(), rate, [&](const Rate &earlier) { return earlier.window_s == rate->window_s; });
    visit(limit_identity(configured.identity,
                         std::size_t{counted.window_s} * kMaxLimits + static_cast<std::size_t>(same)),
          counted);
  }
}

// The principal's own limits, or those of the plan for whoever has none.
Reason add_own(const Case &one, const LimitDemand &limit, DueList *list) {
  const ConfiguredLimit &configured = *limit.configured;
  const Principal *principal = one.outcome.principal.get();
  const std::vector<Rate> *rates = principal != nullptr && principal->has_limits ? &principal->limits : nullptr;
  std::string_view name = name_or(configured, "plan");
  if (rates == nullptr && !configured.default_plan.empty()) {
    const auto plan = one.with.policy.plans.find(configured.default_plan);
    if (plan != one.with.policy.plans.end()) {
      rates = &plan->second.limits;
      name = name_or(configured, plan->second.name);
    }
  }
  if (rates == nullptr) {
    return Reason::no_access;
  }
  bool fits = true;
  for_each_own_rate(configured, *rates, [&](std::uint64_t identity, const Rate &rate) {
    fits = fits && add_due(one, limit, identity, rate, name, list);
  });
  return fits ? Reason::none : Reason::internal_error;
}

// A place of one limit of so many at once; none is needed where nobody says how many.
Reason take_place(const Case &one, const LimitDemand &limit, HeldPlaces *held) noexcept {
  const Principal *principal = one.outcome.principal.get();
  const std::uint32_t own = principal != nullptr ? principal->concurrency : 0;
  const std::uint32_t most = limit.configured->rate.count != 0 ? limit.configured->rate.count : own;
  Who who;
  if (most == 0 || !find_who(one, limit, &who)) {
    return Reason::none;
  }
  const Zone &zone = one.with.zone;
  const auto taking =
      zone.concurrency == nullptr || zone.member == nullptr
          ? ConcurrencyTable::Taking::failed
          : held->take(zone.concurrency, *zone.member, window_name(who.name, limit.configured->identity), most);
  if (taking == ConcurrencyTable::Taking::failed) {
    one.background.note_no_place();
    return Reason::busy;
  }
  return taking == ConcurrencyTable::Taking::taken ? Reason::none : Reason::too_many_concurrent;
}

// Of all from the i-th on, or of none.
[[gnu::noinline]] Reason take_places(const Case &one, const LimitDemands &limits, std::size_t i) noexcept {
  HeldPlaces *held = one.place.held_places();
  if (held == nullptr) {
    return Reason::internal_error;
  }
  held->keep();
  Reason reason = Reason::none;
  for (; i < limits.size() && reason == Reason::none; ++i) {
    reason = take_place(one, limits[i], held);
  }
  if (reason != Reason::none) {
    held->give_back_new();
  }
  return reason;
}

// What was taken by this decision.
void give_back_places(const Case &one, const LimitDemands &limits) noexcept {
  if (limits[limits.size() - 1].configured->kind == LimitKind::concurrency) {
    if (HeldPlaces *held = one.place.held_places()) {
      held->give_back_new();
    }
  }
}

// The windows of all limits, whether anything costs credits, and then a place of each that is of so many at once, where these are to be taken;
// no_access where `plan` is demanded and there is nothing that it could mean.
Reason collect(const Case &one, const LimitDemands &limits, bool take, DueList *list, bool *costs) {
  for (const LimitDemand &limit : limits) {
    Reason reason = Reason::none;
    if (limit.configured->kind != LimitKind::rate) {
      if (limit.configured->kind == LimitKind::concurrency) {
        return take ? take_places(one, limits, static_cast<std::size_t>(&limit - limits.begin())) : Reason::none;
      }
      if (limit.configured->kind == LimitKind::credits) {
        *costs = true;
        continue;
      }
      reason = add_own(one, limit, list);
    } else if (!add_due(one, limit, limit.configured->identity, limit.configured->rate,
                        name_or(*limit.configured, "default"), list)) {
      reason = Reason::internal_error;
    }
    if (reason != Reason::none) {
      return reason;
    }
  }
  return Reason::none;
}

// Of two limits that admit, the one that leaves less, then the one whose window closes later; of two that don't, the
// one that keeps the client waiting longer: who comes back when it is over meets no other.
bool is_tighter(const WindowState &state, const WindowState &other) noexcept {
  if (state.admitted != other.admitted) {
    return !state.admitted;
  }
  if (!state.admitted) {
    return state.retry_ms > other.retry_ms;
  }
  return state.remaining < other.remaining || (state.remaining == other.remaining && state.reset_ms > other.reset_ms);
}

void set(const Case &one, const Due &due, const WindowState &state, SeenLimit *limit) noexcept {
  limit->known = true;
  limit->state = state;
  limit->seen_ms = one.asked.now_ms;
  limit->window_s = due.charge.rate.window_s;
  limit->name = due.name;
}

// The tightest of those that were looked at.
void note_tightest(const Case &one, const Due &due, const WindowState &state) noexcept {
  SeenLimit &limit = one.outcome.limit;
  if (!limit.known || is_tighter(state, limit.state)) {
    set(one, due, state, &limit);
  }
}

[[gnu::noinline]] void list_limit(const Case &one, const Due &due, const WindowState &state) {
  set(one, due, state, &one.outcome.every_limit->emplace_back());
}

inline void note(const Case &one, const Due &due, const WindowState &state) {
  note_tightest(one, due, state);
  if (one.outcome.every_limit) {
    list_limit(one, due, state);
  }
}

// For a refusal, which names those that don't admit.
std::vector<SeenLimit> &list_every_limit(const Case &one) {
  if (!one.outcome.every_limit) {
    one.outcome.every_limit = std::make_unique<std::vector<SeenLimit>>();
  }
  return *one.outcome.every_limit;
}

// Of Retry-After: at least 1.
std::uint32_t wait_s(std::uint64_t ms) noexcept {
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, seconds_up(ms)));
}

// What was paid by now counts, at earlier places and at this one: so two limits that share a window charge it once.
WindowState charge(const Case &one, Due *due) noexcept {
  due->charge.paid = one.state.paid.find(due->charge.name);
  const WindowState state = due->table->charge(due->charge, one.asked.now_ms);
  due->taken = state.taken;
  due->charged_ms = state.charged_ms;
  if (state.taken != 0) {
    one.state.paid.note(due->charge.name, {state.paid, state.overflow, state.charged_ms});
  }
  if (state.overflow) {
    one.background.note_overflow(due->name);
  }
  return state;
}

WindowState look(const Case &one, Due *due) noexcept {
  due->charge.paid = one.state.paid.find(due->charge.name);
  return due->table->look(due->charge, one.asked.now_ms);
}

// What the first `count` took doesn't count as paid from now on.
void forget(const Case &one, DueList *list, std::size_t count) noexcept {
  while (count-- > 0) {
    if ((*list)[count].taken != 0) {
      one.state.paid.note((*list)[count].charge.name, (*list)[count].charge.paid);
    }
  }
}

void give_back(const Case &one, DueList *list, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const Due &due = (*list)[i];
    if (due.taken != 0) {
      Charge taken = due.charge;
      taken.cost = due.taken;
      due.table->give_back(taken, due.charged_ms, one.asked.now_ms);
    }
  }
}

// Calls visit for each window of the limits by=failures.
template <typename Visit>
void for_each_failure_window(const Case &one, Visit &&visit) noexcept {
  LimitDemands limits;
  one.place.collect_failure_limits(&limits);
  for (const LimitDemand &limit : limits) {
    DueList window;
    if (add_due(one, limit, limit.configured->identity, limit.configured->rate, name_or(*limit.configured, "failures"),
                &window)) {
      visit(&window[0]);
    }
  }
}

// Of all windows as they are.
void look_at_all(const Case &one, DueList *list) {
  one.outcome.limit.known = false;
  if (one.outcome.every_limit) {
    one.outcome.every_limit->clear();
  }
  for (Due &due : *list) {
    note(one, due, look(one, &due));
  }
}

// Nobody can say when one of those that are served will end; but a window may be longer.
Reason refuse_places(const Case &one, DueList *list) {
  list_every_limit(one);
  look_at_all(one, list);
  const SeenLimit &limit = one.outcome.limit;
  one.outcome.retry_after_s = limit.known && !limit.state.admitted ? wait_s(limit.state.retry_ms) : 1;
  return Reason::too_many_concurrent;
}

// Of credits, once all windows have admitted. Who is refused has paid nothing.
[[gnu::noinline]] Reason charge_cost(const Case &one, const LimitDemands &limits, DueList *list) {
  const Reason reason = charge_credits(one, limits);
  if (reason != Reason::none) {
    forget(one, list, list->size());
    give_back(one, list, list->size());
    give_back_places(one, limits);
    look_at_all(one, list);
  }
  return reason;
}

bool is_repeat(const LimitDemands &limits, const Due &due) noexcept {
  return std::any_of(limits.begin(), limits.end(), [&](const LimitDemand &limit) {
    return limit.configured->by == CountBy::repeat && limit.configured->identity == due.charge.limit_name;
  });
}

}  // namespace

Reason charge_limits(const Case &one, const LimitDemands &limits) {
  DueList list;
  bool costs = false;
  if (const Reason reason = collect(one, limits, true, &list, &costs); reason != Reason::none) {
    return reason == Reason::too_many_concurrent ? refuse_places(one, &list) : reason;
  }
  one.state.paid.reserve(list.size());
  if (one.outcome.every_limit) {
    one.outcome.every_limit->reserve(list.size());  // nothing fails once something is charged
  }
  std::size_t refused = list.size();
  for (std::size_t i = 0; i < list.size() && refused == list.size(); ++i) {
    const WindowState state = charge(one, &list[i]);
    if (!state.admitted) {
      refused = i;
      one.outcome.limit.known = false;
    }
    note(one, list[i], state);
  }
  if (refused == list.size()) {
    const Reason reason = costs ? charge_cost(one, limits, &list) : Reason::none;
    if (one.outcome.in_shadow && reason == Reason::none) {
      forget(one, &list, list.size());
    }
    return reason;
  }
  forget(one, &list, refused);
  give_back(one, &list, refused);
  const WindowState refusing = one.outcome.limit.state;
  // A client that waits for the one that refused may meet another: it is told the longest.
  std::vector<SeenLimit> &every = list_every_limit(one);
  every.clear();  // those before it have been given back what they took
  for (std::size_t i = 0; i < list.size(); ++i) {
    const WindowState state = i == refused ? refusing : look(one, &list[i]);
    set(one, list[i], state, &every.emplace_back());
    if (i > refused) {
      note_tightest(one, list[i], state);
    }
  }
  one.outcome.retry_after_s = wait_s(one.outcome.limit.state.retry_ms);
  give_back_places(one, limits);
  if (costs) {
    look_at_credits(one, limits);
  }
  return is_repeat(limits, list[refused]) ? Reason::repeated_request : Reason::rate_limited;
}

std::vector<OwnWindow> look_at_own(const Zone &zone, const ConfiguredLimit &configured, const Principal &principal,
                                   std::int64_t now_s, std::uint64_t now_ms) {
  std::vector<OwnWindow> windows;
  for_each_own_rate(configured, principal.limits, [&](std::uint64_t identity, const Rate &rate) {
    Charge charge;
    charge.name =
        window_name(configured.by == CountBy::subject ? principal.subject_name : principal.counter_name, identity);
    charge.limit_name = identity;
    charge.rate = rate;
    charge.sliding = configured.window == WindowForm::sliding;
    charge.wall_s = now_s;
    windows.push_back({charge, zone.principals->look(charge, now_ms)});
  });
  return windows;
}

void look_at_limits(const Case &one, const LimitDemands &limits) {
  DueList list;
  bool costs = false;
  if (!one.outcome.principal || collect(one, limits, false, &list, &costs) != Reason::none) {
    return;
  }
  look_at_all(one, &list);
  if (costs) {
    look_at_credits(one, limits);
  }
}

std::uint32_t failures_exhausted(const Case &one) noexcept {
  std::uint32_t retry_after_s = 0;
  for_each_failure_window(one, [&](Due *due) {
    const WindowState state = look(one, due);
    if (!state.admitted) {
      retry_after_s = std::max(retry_after_s, wait_s(state.retry_ms));
    }
  });
  return retry_after_s;
}

void charge_failure(const Case &one) noexcept {
  for_each_failure_window(one, [&](Due *due) {
    const Payment before = one.state.paid.find(due->charge.name);
    charge(one, due);
    if (one.outcome.in_shadow && due->taken != 0) {
      one.state.paid.note(due->charge.name, before);
    }
  });
}

}  // namespace keyward
