// What nginx knows, in the core's words: header fields, variables, addresses, clocks, and waits.
#include "ngx/access/decision.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "api/body.hpp"
#include "api/route.hpp"
#include "base/networks.hpp"
#include "decide/decide.hpp"
#include "ngx/access/access.hpp"
#include "ngx/access/message_step.hpp"
#include "ngx/access/place.hpp"
#include "ngx/configuration/directive.hpp"
#include "ngx/nginx/header_list.hpp"
#include "ngx/request/body.hpp"
#include "ngx/request/cookie.hpp"
#include "ngx/request/credential.hpp"
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

Conclusion decide_about(Worker &worker, RequestContext *ctx, const Question &asked, Place &place) {
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

Conclusion decide_at(Worker &worker, RequestContext *ctx, const LocationConfiguration &location, Place &place) {
  ngx_http_request_t *r = ctx->r;
  const Acceptance &accepted = acceptance_for(location.acceptances, r->method);
  const Question asked{accepted,
                       find_presented(worker, ctx, location, accepted),
                       accepted.preflight && ctx->credential.source == nullptr && is_preflight(r),
                       address_of(r->connection),
                       ngx_time(),
                       ngx_current_msec};
  return decide_about(worker, ctx, asked, place);
}

// Whether it asks the keys API to activate the key that it brings.
bool activates(const ApiRules &api, ngx_http_request_t *r) noexcept {
  const api::Route route = api::find_route(view(r->method_name), path_below(api, view(r->uri)), api.shape.is_admin);
  return route.operation == api::Operation::activate;
}

// Its body, before anybody is asked who it is.
Conclusion read_call(RequestContext *ctx) {
  BodyReading *body = obtain_body(ctx);
  if (body == nullptr) {
    throw std::bad_alloc();
  }
  body->most = api::kMaxBody;
  body->tolerant = false;
  body->refuse = refuse_while_reading;
  const ngx_int_t rc = read_body(ctx, body);
  if (rc != NGX_OK) {
    if (rc != NGX_DONE) {
      ngx_http_finalize_request(ctx->r, rc);
    }
    return kWaits;
  }
  switch (body->state) {
    case BodyReading::State::whole:
      return Reason::none;
    case BodyReading::State::too_large:
      end_connection_after(ctx->r);
      return Reason::body_too_large;
    default:
      return Reason::invalid_body;
  }
}

// Of a location that serves the keys API: the one place that takes a pending key. What is decided stands for what is done
// then, so a slow body comes first. Where the conclusion has no value, the request may be gone.
Conclusion decide_call(Worker &worker, RequestContext *ctx, const LocationConfiguration &location) {
  ngx_http_request_t *r = ctx->r;
  Accepted accepted = acceptance_for(location.acceptances, r->method);
  accepted.pending = activates(*location.api, r);
  const Credential presented = find_presented(worker, ctx, location, accepted);
  const Conclusion read = presented.fault == Reason::none ? read_call(ctx) : Reason::none;
  if (read != Reason::none) {
    if (read) {
      ctx->outcome.reason = *read;
      worker.zone.count_decision(static_cast<std::uint8_t>(*read));
    }
    return read;
  }
  const Question asked{accepted,
                       presented,
                       accepted.preflight && ctx->credential.source == nullptr && is_preflight(r),
                       address_of(r->connection),
                       ngx_time(),
                       ngx_current_msec};
  const Deciding deciding(&ctx->outcome);
  const DecisionReads reads(r, main_configuration(r).derived_variables);
  VariablePlace place(r, location);
  return decide_about(worker, ctx, asked, place);
}

// What a proxy says of its client. What it doesn't say is no method, and an address that no list has.
void take_method(ngx_http_request_t *r, ngx_http_complex_value_t *value) noexcept {
  ngx_str_t name = ngx_null_string;
  r->method = NGX_HTTP_UNKNOWN;
  if (value != nullptr && ngx_http_complex_value(r, value, &name) == NGX_OK && name.len != 0) {
    r->method = method_bit(view(name));
    r->method_name = name;
  }
}
std::string take_address(ngx_http_request_t *r, ngx_http_complex_value_t *value) {
  ngx_str_t text = ngx_null_string;
  std::string address;
  return ngx_http_complex_value(r, value, &text) == NGX_OK && parse_address(view(text), &address) ? address
                                                                                                  : std::string();
}

// What other proxies ask about their requests (keyward_verify).
Conclusion decide_for_proxy(Worker &worker, RequestContext *ctx, const LocationConfiguration &location, Place &place) {
  ngx_http_request_t *r = ctx->r;
  const VerifyRules &verify = *location.verify;
  if (verify.method != nullptr) {
    take_method(r, verify.method);
  }
  const bool is_anothers = verify.address != nullptr;
  const std::string told = is_anothers ? take_address(r, verify.address) : std::string();
  const Acceptance &accepted = acceptance_for(location.acceptances, r->method);
  const Question asked{accepted,
                       find_presented(worker, ctx, location, accepted),
                       accepted.preflight && ctx->credential.source == nullptr && is_preflight(r),
                       is_anothers ? std::string_view(told) : address_of(r->connection),
                       ngx_time(),
                       ngx_current_msec};
  return decide_about(worker, ctx, asked, place);
}

// By its body, which is read first. Where the conclusion has no value, the request may be gone.
Conclusion decide_message(Worker &worker, RequestContext *ctx, const LocationConfiguration &location) {
  ngx_http_request_t *r = ctx->r;
  Accepted accepted = acceptance_for(location.acceptances, r->method);
  const Credential presented = find_presented(worker, ctx, location, accepted);
  const MessageLook look = look_at_message(ctx, location, presented, accepted.anonymous);
  if (look.conclusion != Reason::none) {
    if (look.conclusion) {
      ctx->outcome.reason = *look.conclusion;
      worker.zone.count_decision(static_cast<std::uint8_t>(*look.conclusion));
    }
    return look.conclusion;
  }
  accepted.anonymous = look.open;
  const Deciding deciding(&ctx->outcome);
  std::optional<DecisionReads> reads;
  if (location.reads_variables) {
    reads.emplace(r, main_configuration(r).derived_variables);
  }
  MessagePlace place(r, location, *ctx->message, look.has_judgement ? &look.judgement : nullptr);
  const Question asked{accepted, presented, look.is_preflight, address_of(r->connection), ngx_time(), ngx_current_msec};
  Conclusion conclusion = decide_about(worker, ctx, asked, place);
  if (conclusion == Reason::none && location.mcp_terms->settings.filters_lists && !ctx->outcome.in_shadow &&
      may_bring_list(ctx)) {
    // What is encoded can't be looked into.
    ctx->message->filters_list = true;
    if (!remove_request_headers(
            r, [](const ngx_table_elt_t *header) { return is_same_name(header, "accept-encoding"); })) {
      conclusion = ctx->outcome.reason = Reason::internal_error;
    }
  }
  return conclusion;
}

}  // namespace

Conclusion decide_request(Worker &worker, RequestContext *ctx, const LocationConfiguration &location, Mode mode) {
  ctx->begin_decision(location, mode == Mode::shadow);
  if (location.tells_limits) {
    ctx->outcome.every_limit = std::make_unique<std::vector<SeenLimit>>();
  }
  ngx_http_request_t *r = ctx->r;
  if (location.is_plain) {
    const Deciding deciding(&ctx->outcome);
    LocationPlace place(r, location);
    return decide_at(worker, ctx, location, place);
  }
  if (location.mcp_terms != nullptr) {
    return decide_message(worker, ctx, location);
  }
  if (location.api != nullptr) {
    return decide_call(worker, ctx, location);
  }
  const Deciding deciding(&ctx->outcome);
  // Of the request's own configuration, after which its array of variables was made.
  const DecisionReads reads(r, main_configuration(r).derived_variables);
  VariablePlace place(r, location);
  return location.verify != nullptr ? decide_for_proxy(worker, ctx, location, place)
                                    : decide_at(worker, ctx, location, place);
}

}  // namespace keyward
