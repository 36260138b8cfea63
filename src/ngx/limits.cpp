// Which windows a request is counted in, and the all-or-none of several limits.
#include "ngx/limits.hpp"

#include <algorithm>

#include "base/inline_list.hpp"
#include "limit/window_name.hpp"
#include "ngx/worker.hpp"

namespace keyward {
namespace {

// One limit, ready to be charged.
struct Due {
  Charge charge;
  WindowTable *table = nullptr;
  std::string_view name;    // for RateLimit-Policy
  std::uint32_t taken = 0;  // here, and not by an earlier location of this request
  std::uint64_t charged_ms = 0;
};

// directives.cpp bounds a location's list, record.hpp a plan's, so that this is enough for all.
constexpr std::size_t kMaxDue = 32;
static_assert(kMaxLimitRules - 2 + 2 * kMaxLimits <= kMaxDue);
using DueList = InlineList<Due, kMaxDue>;

// Who an address is: IPv4 whole, IPv6 as /64 (spec 7), an IPv4 address in IPv6 clothes as IPv4.
std::string_view address_of(ngx_connection_t *c) noexcept {
  switch (c->sockaddr->sa_family) {
    case AF_INET: {
      const auto *in = reinterpret_cast<const sockaddr_in *>(c->sockaddr);
      return {reinterpret_cast<const char *>(&in->sin_addr), sizeof(in->sin_addr)};
    }
#if (NGX_HAVE_INET6)
    case AF_INET6: {
      const auto *in6 = reinterpret_cast<const sockaddr_in6 *>(c->sockaddr);
      const auto *bytes = reinterpret_cast<const char *>(&in6->sin6_addr);
      if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        return {bytes + 12, 4};
      }
      return {bytes, 8};
    }
#endif
    default:
      return "unix";  // all of a local socket's clients are one
  }
}

// Whom a rule counts for this request.
struct Who {
  Digest name;
  // What clients can make up at will has a share of the zone of its own.
  bool known = false;
};

enum class Found { one, nobody, failed };

// nobody: as limit_req does, what has no name isn't counted. failed: memory was refused.
Found find_who(const Worker &worker, RequestContext *ctx, const LimitRule &rule, Who *who) noexcept {
  const DigestKey &secret = *worker.zone.secret;
  const Principal *principal = ctx->principal.get();
  if (rule.by == CountBy::variable) {
    ngx_str_t value;
    if (ngx_http_complex_value(ctx->r, rule.variable, &value) != NGX_OK) {
      return Found::failed;
    }
    if (value.len == 0) {
      return Found::nobody;
    }
    who->name = counted_name(secret, Counted::variable, view(value));
  } else if (rule.by == CountBy::failures) {
    who->name = counted_name(secret, Counted::failures, address_of(ctx->r->connection));
  } else if (principal == nullptr || rule.by == CountBy::address) {
    who->name = counted_name(secret, Counted::address, address_of(ctx->r->connection));
  } else {
    who->known = true;
    who->name = rule.by == CountBy::subject ? principal->subject_name : principal->counter_name;
  }
  return Found::one;
}

// false when there is no room: a limit that can't be applied must refuse.
bool add_due(Worker &worker, RequestContext *ctx, const LimitRule &rule, std::uint64_t identity, const Rate &rate,
             std::string_view name, DueList *list) noexcept {
  Who who;
  const Found found = find_who(worker, ctx, rule, &who);
  if (found != Found::one) {
    return found == Found::nobody;
  }
  Due *due = list->push();
  if (due == nullptr) {
    return false;
  }
  due->charge.name = window_name(who.name, identity);
  due->charge.limit_name = identity;
  due->charge.rate = rate;
  due->charge.cost = rule.cost;
  due->charge.sliding = rule.sliding;
  due->table = who.known ? worker.zone.principals : worker.zone.addresses;
  due->name = name;
  return true;
}

// The limits that apply; no_access where `plan` is demanded and there is nothing that it could mean.
Reason collect(Worker &worker, RequestContext *ctx, const LocationConfiguration &location, DueList *list) noexcept {
  for (const LimitRule &rule : *location.limits) {
    if (!applies(rule.methods, ctx->r->method) || rule.by == CountBy::failures) {
      continue;
    }
    if (!rule.plan) {
      const std::string_view name = rule.name.empty() ? "default" : std::string_view(rule.name);
      if (!add_due(worker, ctx, rule, rule.identity, rule.rate, name, list)) {
        return Reason::internal_error;
      }
      continue;
    }
    const Principal *principal = ctx->principal.get();
    const std::vector<Rate> *limits = principal != nullptr && principal->has_limits ? &principal->limits : nullptr;
    std::string_view name = rule.name.empty() ? "plan" : std::string_view(rule.name);
    if (limits == nullptr && !rule.default_plan.empty()) {
      const auto plan = worker.configuration.policy.plans.find(rule.default_plan);
      if (plan != worker.configuration.policy.plans.end()) {
        limits = &plan->second.limits;
        name = rule.name.empty() ? plan->second.name : name;
      }
    }
    if (limits == nullptr) {
      return Reason::no_access;
    }
    // By their windows' lengths, not by their places in the list: a plan that is written in another order keeps its counts, and two
    // keys of one subject with different plans don't cut each other's windows.
    for (auto limit = limits->begin(); limit != limits->end(); ++limit) {
      const auto same = std::count_if(limits->begin(), limit,
                                      [&](const Rate &earlier) { return earlier.window_s == limit->window_s; });
      const std::size_t which = std::size_t{limit->window_s} * kMaxLimits + static_cast<std::size_t>(same);
      if (!add_due(worker, ctx, rule, limit_identity(rule.identity, which), *limit, name, list)) {
        return Reason::internal_error;
      }
    }
  }
  return Reason::none;
}

// Of two limits that admit, the one that leaves less, then the one whose window closes later; of two that don't, the one
// that keeps the client waiting longer: who comes back when it is over meets no other.
bool is_tighter(const WindowState &state, const WindowState &other) noexcept {
  if (state.admitted != other.admitted) {
    return !state.admitted;
  }
  if (!state.admitted) {
    return state.retry_ms > other.retry_ms;
  }
  return state.remaining < other.remaining || (state.remaining == other.remaining && state.reset_ms > other.reset_ms);
}

// The tightest of those that were looked at.
void note_tightest(RequestContext *ctx, const Due &due, const WindowState &state) noexcept {
  if (!ctx->has_limit || is_tighter(state, ctx->limit)) {
    ctx->has_limit = true;
    ctx->limit = state;
    ctx->limit_at_ms = ngx_current_msec;
    ctx->limit_window_s = due.charge.rate.window_s;
    ctx->limit_name = due.name;
  }
}

std::uint64_t seconds_up(std::uint64_t ms) noexcept { return (ms + 999) / 1000; }

// Of Retry-After: at least 1.
std::uint32_t wait_s(std::uint64_t ms) noexcept {
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, seconds_up(ms)));
}

// What was paid by now counts, by earlier locations and by this one: so two limits that share a window charge it once.
WindowState charge(RequestContext *ctx, Due *due, std::uint64_t now_ms) noexcept {
  due->charge.paid = ctx->paid.find(due->charge.name);
  const WindowState state = due->table->charge(due->charge, now_ms);
  due->taken = state.taken;
  due->charged_ms = state.charged_ms;
  if (state.taken != 0) {
    ctx->paid.note(due->charge.name, {state.paid, state.overflow, state.charged_ms});
  }
  return state;
}

WindowState look(const RequestContext *ctx, Due *due, std::uint64_t now_ms) noexcept {
  due->charge.paid = ctx->paid.find(due->charge.name);
  return due->table->look(due->charge, now_ms);
}

// What the first `count` took doesn't count as paid from now on.
void forget(RequestContext *ctx, DueList *list, std::size_t count) noexcept {
  while (count-- > 0) {
    if ((*list)[count].taken != 0) {
      ctx->paid.note((*list)[count].charge.name, (*list)[count].charge.paid);
    }
  }
}

void give_back(DueList *list, std::size_t count, std::uint64_t now_ms) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    Due &due = (*list)[i];
    if (due.taken != 0) {
      due.charge.cost = due.taken;
      due.table->give_back(due.charge, due.charged_ms, now_ms);
    }
  }
}

}  // namespace

Reason charge_limits(Worker &worker, RequestContext *ctx, const LocationConfiguration &location) {
  if (!location.limits || location.limits->empty()) {
    return Reason::none;
  }
  DueList list;
  const Reason reason = collect(worker, ctx, location, &list);
  if (reason != Reason::none) {
    return reason;
  }
  ctx->paid.reserve(list.size());
  const std::uint64_t now_ms = ngx_current_msec;
  std::size_t refused = list.size();
  for (std::size_t i = 0; i < list.size() && refused == list.size(); ++i) {
    const WindowState state = charge(ctx, &list[i], now_ms);
    if (state.overflow) {
      worker.note_overflow(list[i].name);
    }
    if (!state.admitted) {
      refused = i;
      ctx->has_limit = false;
    }
    note_tightest(ctx, list[i], state);
  }
  if (refused == list.size()) {
    if (ctx->in_shadow) {
      forget(ctx, &list, list.size());
    }
    return Reason::none;
  }
  forget(ctx, &list, refused);
  give_back(&list, refused, now_ms);
  // A client that waits for the one that refused may meet another: it is told the longest.
  for (std::size_t i = refused + 1; i < list.size(); ++i) {
    note_tightest(ctx, list[i], look(ctx, &list[i], now_ms));
  }
  ctx->retry_after_s = wait_s(ctx->limit.retry_ms);
  return Reason::rate_limited;
}

namespace {

// Calls visit for each of the location's by=failures limits, until it answers false.
template <typename Visit>
void for_each_failure_limit(Worker &worker, RequestContext *ctx, const LocationConfiguration &location,
                            Visit &&visit) noexcept {
  if (!location.limits) {
    return;
  }
  for (const LimitRule &rule : *location.limits) {
    DueList one;
    if (rule.by == CountBy::failures && applies(rule.methods, ctx->r->method) &&
        add_due(worker, ctx, rule, rule.identity, rule.rate,
                rule.name.empty() ? "failures" : std::string_view(rule.name), &one) &&
        one.size() != 0 && !visit(one[0])) {
      return;
    }
  }
}

}  // namespace

std::uint32_t failures_exhausted(Worker &worker, RequestContext *ctx, const LocationConfiguration &location) noexcept {
  std::uint32_t retry_after_s = 0;
  for_each_failure_limit(worker, ctx, location, [&](Due &due) {
    const WindowState state = look(ctx, &due, ngx_current_msec);
    if (!state.admitted) {
      retry_after_s = std::max(retry_after_s, wait_s(state.retry_ms));
    }
    return true;
  });
  return retry_after_s;
}

void charge_failure(Worker &worker, RequestContext *ctx, const LocationConfiguration &location) noexcept {
  for_each_failure_limit(worker, ctx, location, [&](Due &due) {
    const Payment before = ctx->paid.find(due.charge.name);
    if (charge(ctx, &due, ngx_current_msec).overflow) {
      worker.note_overflow(due.name);
    }
    if (ctx->in_shadow && due.taken != 0) {
      ctx->paid.note(due.charge.name, before);
    }
    return true;
  });
}

void look_at_limits(Worker &worker, RequestContext *ctx, const LocationConfiguration &location) {
  DueList list;
  if (!ctx->principal || !location.limits || collect(worker, ctx, location, &list) != Reason::none) {
    return;
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    note_tightest(ctx, list[i], look(ctx, &list[i], ngx_current_msec));
  }
}

namespace {

// From now on: an answer may come long after its decision.
std::uint64_t reset_ms(const RequestContext &ctx) noexcept {
  const std::uint64_t then_ms = ctx.limit.admitted ? ctx.limit.reset_ms : ctx.limit.retry_ms;
  const std::uint64_t since_ms = ngx_current_msec - ctx.limit_at_ms;
  return then_ms > since_ms ? then_ms - since_ms : 0;
}

}  // namespace

std::uint64_t reset_in_s(const RequestContext &ctx) noexcept { return seconds_up(reset_ms(ctx)); }

std::uint64_t reset_at_s(const RequestContext &ctx) noexcept {
  const ngx_time_t *now = ngx_timeofday();
  return seconds_up(static_cast<std::uint64_t>(now->sec) * 1000 + now->msec + reset_ms(ctx));
}

}  // namespace keyward
