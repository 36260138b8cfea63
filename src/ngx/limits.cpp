// Which windows a request is counted in, and the all-or-none of several limits.
#include "ngx/limits.hpp"

#include <algorithm>
#include <cstring>

#include "base/inline_list.hpp"
#include "ngx/worker.hpp"

namespace keyward {
namespace {

// One limit, ready to be charged.
struct Due {
  Charge charge;
  WindowTable *table = nullptr;
  std::string_view name;  // for RateLimit-Policy
  bool paid = false;      // by an earlier location of this request
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

// A window's name: both parts are as good as random to whoever doesn't have the zone's secret, so that nobody can make two meet.
Digest window_name(const Digest &who, std::uint64_t limit) noexcept {
  Digest name;
  std::uint64_t halves[2];
  std::memcpy(halves, who.data(), sizeof(halves));
  halves[0] ^= limit;
  halves[1] ^= ~limit;
  std::memcpy(name.data(), halves, sizeof(halves));
  return name;
}

bool already_paid(const RequestContext *ctx, const Digest &window) noexcept {
  const auto end = ctx->charged.begin() + static_cast<std::ptrdiff_t>(ctx->charged_count);
  return std::find(ctx->charged.begin(), end, window) != end;
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
  due->paid = already_paid(ctx, due->charge.name);
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
    std::string_view name = "plan";
    if (limits == nullptr && !rule.default_plan.empty()) {
      const auto plan = worker.configuration.policy.plans.find(rule.default_plan);
      if (plan != worker.configuration.policy.plans.end()) {
        limits = &plan->second.limits;
        name = plan->second.name;
      }
    }
    if (limits == nullptr) {
      return Reason::no_access;
    }
    for (std::size_t i = 0; i < limits->size(); ++i) {
      if (!add_due(worker, ctx, rule, rule.identity + i, (*limits)[i], name, list)) {
        return Reason::internal_error;
      }
    }
  }
  return Reason::none;
}

// The tightest of those that were looked at: what is left of it, then what takes longest to come back.
void note_tightest(RequestContext *ctx, const Due &due, const WindowState &state) noexcept {
  const bool tighter = !ctx->has_limit || (ctx->limit.admitted && !state.admitted) ||
                       (ctx->limit.admitted == state.admitted &&
                        (state.remaining < ctx->limit.remaining ||
                         (state.remaining == ctx->limit.remaining && state.reset_ms > ctx->limit.reset_ms)));
  if (tighter) {
    ctx->has_limit = true;
    ctx->limit = state;
    ctx->limit_window_s = due.charge.rate.window_s;
    ctx->limit_name = due.name;
  }
}

std::uint32_t to_seconds_up(std::uint64_t ms) noexcept {
  return std::max<std::uint32_t>(1, static_cast<std::uint32_t>((ms + 999) / 1000));
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
  const std::uint64_t now_ms = ngx_current_msec;
  std::size_t refused = list.size();
  for (std::size_t i = 0; i < list.size() && refused == list.size(); ++i) {
    Due &due = list[i];
    const WindowState state = due.paid ? due.table->look(due.charge, now_ms) : due.table->charge(due.charge, now_ms);
    due.charged_ms = state.charged_ms;
    if (state.overflow) {
      worker.note_overflow(due.name);
    }
    if (!due.paid && !state.admitted) {
      refused = i;
      ctx->has_limit = false;
      ctx->retry_after_s = to_seconds_up(state.retry_ms);
    }
    WindowState seen = state;
    seen.admitted = seen.admitted || due.paid;
    note_tightest(ctx, due, seen);
  }
  if (refused == list.size()) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!list[i].paid && ctx->charged_count < ctx->charged.size()) {
        ctx->charged[ctx->charged_count++] = list[i].charge.name;
      }
    }
    return Reason::none;
  }
  for (std::size_t i = 0; i < refused; ++i) {
    if (!list[i].paid) {
      list[i].table->give_back(list[i].charge, list[i].charged_ms, now_ms);
    }
  }
  // A client that waits for the one that refused may meet another: it is told the longest.
  for (std::size_t i = refused + 1; i < list.size(); ++i) {
    const WindowState state = list[i].table->look(list[i].charge, now_ms);
    if (!list[i].paid && !state.admitted) {
      note_tightest(ctx, list[i], state);
      ctx->retry_after_s = std::max(ctx->retry_after_s, to_seconds_up(state.retry_ms));
    }
  }
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
  for_each_failure_limit(worker, ctx, location, [&](const Due &due) {
    const WindowState state = due.table->look(due.charge, ngx_current_msec);
    if (!state.admitted) {
      retry_after_s = std::max(retry_after_s, to_seconds_up(state.retry_ms));
    }
    return true;
  });
  return retry_after_s;
}

void charge_failure(Worker &worker, RequestContext *ctx, const LocationConfiguration &location) noexcept {
  for_each_failure_limit(worker, ctx, location, [&](const Due &due) {
    if (due.table->charge(due.charge, ngx_current_msec).overflow) {
      worker.note_overflow(due.name);
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
    note_tightest(ctx, list[i], list[i].table->look(list[i].charge, ngx_current_msec));
  }
}

}  // namespace keyward
