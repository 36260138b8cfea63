// What nginx knows, in the core's words: header fields, variables, addresses, clocks, and waits.
#include "ngx/access/decision.hpp"

#include <algorithm>
#include <utility>

#include "decide/decide.hpp"
#include "ngx/nginx/header_list.hpp"
#include "ngx/request/cookie.hpp"
#include "ngx/request/credential.hpp"
#include "ngx/request/held.hpp"
#include "ngx/request/paid.hpp"
#include "ngx/request/read_variables.hpp"
#include "ngx/worker/worker.hpp"

namespace keyward {
namespace {

// One with Upgrade would open a tunnel to a backend that takes it, and no browser's has that field.
bool is_preflight(ngx_http_request_t *r) noexcept {
  if (r->method != NGX_HTTP_OPTIONS || r->headers_in.content_length_n > 0 || r->headers_in.chunked ||
      r->headers_in.upgrade != nullptr) {
    return false;
  }
  bool origin = false, method = false;
  for_each_header(&r->headers_in.headers, [&](ngx_table_elt_t *header) {
    if (header->value.len != 0) {
      origin = origin || is_same_name(header, "origin");
      method = method || is_same_name(header, "access-control-request-method");
    }
    return true;
  });
  return origin && method;
}

// What nginx has as $remote_addr, in bytes: realip has put it there. An IPv4 address that is written as IPv6
// (::ffff:192.0.2.1) is IPv4.
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
      return {bytes, sizeof(in6->sin6_addr)};
    }
#endif
    default:
      return {};
  }
}

// A location's rules about scopes and limits, with their variables computed for one request.
class LocationPlace : public Place {
 public:
  LocationPlace(ngx_http_request_t *r, const LocationConfiguration &location) noexcept : r_(r), location_(location) {}

  bool collect(Demand *demand) override {
    return (!location_.scopes || collect_scopes(*location_.scopes, demand)) &&
           (!location_.limits || collect_limits(*location_.limits, &demand->limits));
  }

  HeldPlaces *held_places() noexcept override { return held_places_of(r_); }
  PaidCredits *paid_credits() noexcept override { return paid_credits_of(r_); }
  Repeatable repeatable() noexcept override { return {view(r_->method_name), view(r_->unparsed_uri)}; }
  ngx_http_request_t *request() const noexcept { return r_; }
  const LocationConfiguration &location() const noexcept { return location_; }

  void collect_failure_limits(LimitDemands *limits) noexcept override {
    if (!location_.limits) {
      return;
    }
    for (const LimitRule &rule : *location_.limits) {
      if (rule.by == CountBy::failures && applies(rule.methods, r_->method)) {
        *limits->push() = {&rule, rule.cost, {}};
      }
    }
  }

 private:
  bool collect_scopes(const std::vector<ScopeRule> &rules, Demand *demand) noexcept {
    demand->has_scope_rules = !rules.empty();
    auto *scopes = reinterpret_cast<ScopeDemand *>(few_);
    if (rules.size() > kFew) {
      scopes = static_cast<ScopeDemand *>(ngx_palloc(r_->pool, rules.size() * sizeof(ScopeDemand)));
      if (scopes == nullptr) {
        return false;
      }
    }
    demand->scopes = scopes;
    for (const ScopeRule &rule : rules) {
      if (!applies(rule.methods, r_->method)) {
        continue;
      }
      const std::string_view *texts = rule.values.empty() ? rule.scopes.data() : compute(rule);
      if (texts == nullptr) {
        return false;
      }
      new (&scopes[demand->scope_count++]) ScopeDemand{rule.any, texts, rule.scopes.size()};
    }
    return true;
  }

  // What a variable makes no scope is an empty text; nullptr: memory was refused.
  const std::string_view *compute(const ScopeRule &rule) noexcept {
    auto *texts = static_cast<std::string_view *>(ngx_palloc(r_->pool, rule.scopes.size() * sizeof(std::string_view)));
    if (texts == nullptr) {
      return nullptr;
    }
    for (std::size_t i = 0; i < rule.scopes.size(); ++i) {
      texts[i] = rule.scopes[i];
      ngx_str_t text;
      if (rule.values[i] != nullptr) {
        const bool is_good = ngx_http_complex_value(r_, rule.values[i], &text) == NGX_OK && is_scope(view(text));
        texts[i] = is_good ? view(text) : std::string_view();
      }
    }
    return texts;
  }

  bool collect_limits(const std::vector<LimitRule> &rules, LimitDemands *limits) noexcept {
    for (const LimitRule &rule : rules) {
      if (rule.by == CountBy::failures || !applies(rule.methods, r_->method)) {
        continue;
      }
      LimitDemand *limit = limits->push();
      *limit = {&rule, rule.cost, {}};
      ngx_str_t who;
      if (rule.by == CountBy::variable) {
        if (ngx_http_complex_value(r_, rule.variable, &who) != NGX_OK) {
          return false;
        }
        limit->who = view(who);
      }
    }
    return true;
  }

  static constexpr std::size_t kFew = 8;

  ngx_http_request_t *r_;
  const LocationConfiguration &location_;
  alignas(ScopeDemand) unsigned char few_[kFew * sizeof(ScopeDemand)];  // not initialised
};

// Where rules have variables in them: only there are requirements.
class VariablePlace final : public LocationPlace {
 public:
  using LocationPlace::LocationPlace;

  bool collect(Demand *demand) override {
    return LocationPlace::collect(demand) &&
           (!location().requirements || collect_requirements(*location().requirements, demand));
  }

 private:
  bool collect_requirements(const std::vector<RequireRule> &rules, Demand *demand) noexcept {
    auto *requirements =
        static_cast<RequirementDemand *>(ngx_palloc(request()->pool, rules.size() * sizeof(RequirementDemand)));
    if (requirements == nullptr) {
      return false;
    }
    for (const RequireRule &rule : rules) {
      const std::string_view *values = compute(rule);
      if (values == nullptr) {
        return false;
      }
      new (&requirements[demand->requirement_count++]) RequirementDemand{values, rule.values.size(), rule.reason};
    }
    demand->requirements = requirements;
    return true;
  }

  // nullptr: memory was refused.
  const std::string_view *compute(const RequireRule &rule) noexcept {
    ngx_http_request_t *r = request();
    auto *values = static_cast<std::string_view *>(ngx_palloc(r->pool, rule.values.size() * sizeof(std::string_view)));
    for (std::size_t i = 0; values != nullptr && i < rule.values.size(); ++i) {
      ngx_str_t text;
      if (ngx_http_complex_value(r, rule.values[i], &text) != NGX_OK) {
        return nullptr;
      }
      values[i] = view(text);
    }
    return values;
  }
};

// What one worker has, as the core sees it.
class WorkerIssuers final : public TokenIssuers {
 public:
  explicit WorkerIssuers(Worker &worker) noexcept : worker_(worker) {}

  const jwt::Issuer &rules(std::size_t place) const noexcept override { return issuer(place).rules; }
  const SharedSubjects &shared_subjects(std::size_t place) const noexcept override {
    return issuer(place).shared_subjects;
  }
  const std::shared_ptr<const jwt::KeySet> &keys(std::size_t place) const noexcept override {
    return worker_.issuer_keys.current(place);
  }
  std::string_view fetched_from(std::size_t place) const noexcept override {
    const KeyPlace &keys = issuer(place).keys;
    return keys.is_fetched() ? std::string_view(keys.where) : std::string_view();
  }
  std::int64_t fetched_at_s(std::size_t place, std::int64_t now_s) const noexcept override {
    return worker_.fetching->fetched_at_s(place, now_s);
  }
  std::uint64_t changes() const noexcept override { return worker_.issuer_keys.changes(); }

 private:
  const IssuerConfiguration &issuer(std::size_t place) const noexcept { return *worker_.configuration.issuers[place]; }

  Worker &worker_;
};

// What the worker does meanwhile for one request.
class WorkerBackground final : public Background {
 public:
  WorkerBackground(Worker &worker, RequestContext *ctx) noexcept : worker_(worker), ctx_(ctx) {}

  bool verify(const VerifierRun &run) override { return start_verification(worker_, ctx_, run); }
  bool check_signature(SignatureRun run) override { return worker_.signature_runs.start(ctx_, std::move(run)); }
  void refile(std::string_view id, const Digest &usage_name, const Digest &tag, const Sha256 &sha) override {
    worker_.refile_key(id, usage_name, tag, sha);
  }
  KeysAwaited await_keys(const std::vector<std::size_t> &issuers) override {
    return worker_.fetching->await(ctx_, issuers);
  }
  void want_keys(const std::vector<std::size_t> &issuers) override { worker_.fetching->want(issuers); }
  void note_store(const StoreStatus &status) noexcept override { worker_.note_store_in_passing(status); }
  void note_overflow(std::string_view limit) noexcept override { worker_.note_overflow(limit); }
  void note_no_place() noexcept override { worker_.note_no_place(); }
  void note_no_credits(CreditResult::Outcome outcome) noexcept override { worker_.note_no_credits(outcome); }

 private:
  Worker &worker_;
  RequestContext *ctx_;
};

// What the request presents here.
Credential find_presented(Worker &worker, RequestContext *ctx, const LocationConfiguration &location,
                          const Accepted &accepted) noexcept {
  const MainConfiguration &main = worker.configuration;
  const Reason fault = find_credential(ctx, location);
  Credential credential = present(fault, ctx->credential.source, ctx->credential.text, main.forms, accepted,
                                  [ctx](const Source &source) { return may_be_cross_site(ctx->r, source); });
  // Without worker processes a connection may outlive its configuration, and with it what its locations mean by an
  // issuer.
  if (credential.kind == Kind::token && &main_configuration(ctx->r) != &main) {
    credential.fault = Reason::busy;
  }
  return credential;
}

// For as long as rules are looked at, and no longer, whatever comes of it: a request that waits, or ends here, is of
// nobody.
class Deciding {
 public:
  explicit Deciding(Outcome *outcome) noexcept : outcome_(outcome) { outcome_->deciding = true; }
  ~Deciding() { outcome_->deciding = false; }
  Deciding(const Deciding &) = delete;
  Deciding &operator=(const Deciding &) = delete;

 private:
  Outcome *outcome_;
};

Conclusion decide_at(Worker &worker, RequestContext *ctx, const LocationConfiguration &location, Place &place) {
  ngx_http_request_t *r = ctx->r;
  const Acceptance &accepted = acceptance_for(location.acceptances, r->method);
  const Question asked{accepted,
                       find_presented(worker, ctx, location, accepted),
                       accepted.preflight && ctx->credential.source == nullptr && is_preflight(r),
                       address_of(r->connection),
                       ngx_time(),
                       ngx_current_msec};
  const MainConfiguration &main = worker.configuration;
  const WorkerIssuers issuers(worker);
  const Resources with{main.policy,       main.formats,      main.store.empty() ? nullptr : &worker.store(),
                       worker.zone,       worker.principals, worker.tokens,
                       worker.signatures, issuers,           *main.every_issuer};
  WorkerBackground background(worker, ctx);
  const Case one{with, asked, place, background, ctx->state, ctx->outcome};
  const Conclusion conclusion = decide(one);
  if (conclusion) {
    count_decision(one);
  }
  return conclusion;
}

}  // namespace

Conclusion decide_request(Worker &worker, RequestContext *ctx, const LocationConfiguration &location, Mode mode) {
  ctx->begin_decision(location, mode == Mode::shadow);
  ngx_http_request_t *r = ctx->r;
  const Deciding deciding(&ctx->outcome);
  if (!location.reads_variables) {
    LocationPlace place(r, location);
    return decide_at(worker, ctx, location, place);
  }
  // Of the request's own configuration, after which its array of variables was made.
  const DecisionReads reads(r, main_configuration(r).derived_variables);
  VariablePlace place(r, location);
  return decide_at(worker, ctx, location, place);
}

}  // namespace keyward
