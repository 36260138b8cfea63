// The steps of a decision.
#include "ngx/decision.hpp"

#include <algorithm>

#include "key/verifier.hpp"
#include "ngx/credential.hpp"
#include "ngx/header_list.hpp"
#include "ngx/limits.hpp"
#include "ngx/worker.hpp"

namespace keyward {
namespace {

// Keeps the reader's snapshot for one look and no longer: none is held while returning to the event loop.
class Snapshot {
 public:
  explicit Snapshot(CredentialReader &reader) : reader_(reader), status_(reader.begin()) {}
  ~Snapshot() { close(); }
  Snapshot(const Snapshot &) = delete;
  Snapshot &operator=(const Snapshot &) = delete;
  const StoreStatus &status() const noexcept { return status_; }
  void close() noexcept {
    if (status_.ok() && !closed_) {
      closed_ = true;
      reader_.end();
    }
  }

 private:
  CredentialReader &reader_;
  StoreStatus status_;
  bool closed_ = false;
};

// Failed verifiers of one plain prefix of legacy keys that are run for in a minute (spec 4).
constexpr Rate kLegacyFailures = {10, 60};
constexpr std::uint64_t kLegacyFailuresName = 0x6c65676163790001;

// Looks up the principal of a key. Holds what one look-up needs, so that its steps can be small.
class KeyLookup {
 public:
  KeyLookup(Worker &worker, RequestContext *ctx, const LocationConfiguration &location)
      : worker_(worker), ctx_(ctx), location_(location), key_(ctx->credential.text), now_s_(ngx_time()) {}

  Step run(Reason *reason) {
    Snapshot snapshot(worker_.store());
    if (!snapshot.status().ok()) {
      worker_.note_store_in_passing(snapshot.status());
      *reason = is_well_formed() ? Reason::store_error : Reason::invalid_key;
      return Step::decided;
    }
    const Digest cache_name = worker_.principals.name_of(key_);
    const Generation generation = worker_.store().generation();
    ctx_->principal = worker_.principals.find(cache_name, generation, now_s_);
    if (ctx_->principal) {
      *reason = Reason::none;
      return Step::decided;
    }
    // What is remembered was well-formed when it was first seen; looking costs more than remembering.
    if (!is_well_formed()) {
      *reason = Reason::invalid_key;
      return Step::decided;
    }
    // Step 4. A key that was proved before passes it, in whatever worker: judge() looks.
    exhausted_s_ = failures_exhausted(worker_, ctx_, location_);
    sha_ = sha256(key_);
    CredentialReader::FoundKey found;
    const StoreCode code = worker_.store().find_key(locator_of(sha_), &found);
    Step step = Step::decided;
    if (code == StoreCode::ok) {
      step = judge(found, reason);
    } else if (code == StoreCode::not_found) {
      step = exhausted_s_ != 0 ? refuse_failing(reason) : try_candidates(reason);
    } else {
      *reason = Reason::store_error;
    }
    if (step == Step::decided && *reason == Reason::invalid_key) {
      charge_failure(worker_, ctx_, location_);
    }
    if (step == Step::decided && !ctx_->principal && !found_id_.empty()) {
      ctx_->refused_key_id = copy(ctx_->r->pool, found_id_);
    }
    if (step == Step::decided && ctx_->principal && *reason == Reason::none) {
      worker_.principals.put(cache_name, generation, now_s_, ctx_->principal);
    }
    return step;
  }

 private:
  bool is_well_formed() const noexcept { return ctx_->credential.format->has_characters(key_); }

  // A key that was found under its SHA-256: nobody gets here without having the whole key, so its state may be told, and is looked at
  // first: a revoked key costs no bcrypt.
  Step judge(const CredentialReader::FoundKey &found, Reason *reason) {
    recognise(found);
    const Verdict known = verdict(found);
    if (exhausted_s_ != 0 && known != Verdict::matched) {
      return refuse_failing(reason);
    }
    *reason = state_of(found.key);
    if (*reason != Reason::none) {
      return Step::decided;
    }
    if (found.key.verifier_kind == VerifierKind::sha256) {
      if (found.key.verifier.size() != sha_.size() ||
          !equal_constant_time(found.key.verifier.data(), sha_.data(), sha_.size())) {
        *reason = Reason::invalid_key;
        return Step::decided;
      }
      if (known != Verdict::matched) {
        // Costs nothing to prove again, but a key that was proved is not held up by others' failures.
        worker_.zone.keys->remember(found.usage_name, sha_, found.tag);
      }
      return build(found, reason);
    }
    switch (known) {
      case Verdict::matched:
        return build(found, reason);
      case Verdict::not_matched:
        *reason = Reason::invalid_key;
        return Step::decided;
      case Verdict::unknown:
        break;
    }
    return verify(found, keyed_digest(*worker_.zone.secret, view_of(sha_), view_of(found.tag)), false, reason);
  }

  Step refuse_failing(Reason *reason) const noexcept {
    ctx_->retry_after_s = exhausted_s_;
    *reason = Reason::too_many_failures;
    return Step::decided;
  }

  // Keys that are known by a plain prefix only, until their first success (spec 4: legacy-prefix). Each candidate is a bcrypt run, so
  // they are few, one at a time, and failures are counted.
  Step try_candidates(Reason *reason) {
    *reason = Reason::invalid_key;
    std::uint64_t lengths = worker_.store().legacy_prefix_lengths();
    Step step = Step::decided;
    for (std::size_t length = 1;
         lengths >> length != 0 && length < key_.size() && step == Step::decided && !ctx_->principal; ++length) {
      if ((lengths >> length & 1) != 0) {
        step = try_prefix(key_.substr(0, length), reason);
      }
    }
    return step;
  }

  Step try_prefix(std::string_view prefix, Reason *reason) {
    Step step = Step::decided;
    const StoreCode code = worker_.store().for_each_candidate(prefix, [&](const CredentialReader::FoundKey &found) {
      switch (verdict(found)) {
        case Verdict::not_matched:
          return true;
        case Verdict::matched:
          // Only now may its state be told.
          forgive_failure();
          recognise(found);
          *reason = state_of(found.key);
          if (*reason == Reason::none) {
            build(found, reason);
            refile(found);
          }
          return false;
        case Verdict::unknown:
          break;
      }
      if (!count_failure(prefix)) {
        *reason = Reason::busy;
        return false;
      }
      step = verify(found, keyed_digest(*worker_.zone.secret, "legacy-prefix run", prefix), true, reason);
      if (step == Step::decided && *reason == Reason::busy) {
        forgive_failure();
      }
      return false;
    });
    // A damaged candidate matters where none of the others has decided.
    if (code != StoreCode::ok && code != StoreCode::not_found && step == Step::decided &&
        *reason == Reason::invalid_key) {
      *reason = Reason::store_error;
    }
    return step;
  }

  // A failure is counted before the run, so that requests of several workers at once can't fail more often than that, and forgiven when
  // there was none. false: there were enough.
  bool count_failure(std::string_view prefix) noexcept {
    auto &counted = ctx_->legacy_failure;
    if (counted.charged_ms != 0) {
      return true;
    }
    counted.charge.name = keyed_digest(*worker_.zone.secret, "legacy-prefix failures", prefix);
    counted.charge.limit_name = kLegacyFailuresName;
    counted.charge.rate = kLegacyFailures;
    const WindowState state = worker_.zone.addresses->charge(counted.charge, ngx_current_msec);
    counted.charged_ms = state.admitted ? std::max<std::uint64_t>(state.charged_ms, 1) : 0;
    return state.admitted;
  }

  void forgive_failure() noexcept {
    auto &counted = ctx_->legacy_failure;
    if (counted.charged_ms != 0) {
      worker_.zone.addresses->give_back(counted.charge, counted.charged_ms, ngx_current_msec);
      counted.charged_ms = 0;
    }
  }

  void recognise(const CredentialReader::FoundKey &found) noexcept {
    ctx_->usage_name = found.usage_name;
    ctx_->has_usage_name = true;
    found_id_ = found.id;
  }

  enum class Verdict { matched, not_matched, unknown };

  // What is known about this key and this record's verifier: proved by any worker at any time, or found out by a run of this request.
  Verdict verdict(const CredentialReader::FoundKey &found) const noexcept {
    if (worker_.zone.keys->proven(found.usage_name, sha_, found.tag, now_s_)) {
      return Verdict::matched;
    }
    const bool about_this = ctx_->verdicts && ctx_->verdicts->sha == sha_;
    const Verdicts::One *own = about_this ? ctx_->verdicts->find(found.tag) : nullptr;
    if (own == nullptr) {
      return Verdict::unknown;
    }
    return own->matched ? Verdict::matched : Verdict::not_matched;
  }

  Step verify(const CredentialReader::FoundKey &found, const Digest &name, bool exclusive, Reason *reason) {
    if (!fits_bcrypt(key_)) {
      *reason = Reason::invalid_key;
      return Step::decided;
    }
    // A run that failed to run, one that took too long, or a record that changes faster than bcrypt runs.
    if (ctx_->wait_failed || ctx_->wait_expired || (ctx_->verdicts && ctx_->verdicts->count == Verdicts::kMax)) {
      *reason = Reason::busy;
      return Step::decided;
    }
    VerificationRequest request;
    request.key = key_;
    request.sha = sha_;
    request.hash = found.key.verifier;
    request.tag = found.tag;
    request.usage_name = found.usage_name;
    request.name = name;
    request.exclusive = exclusive;
    if (start_verification(worker_, ctx_, request) == Started::busy) {
      *reason = Reason::busy;
      return Step::decided;
    }
    return Step::wait;
  }

  Reason state_of(const KeyView &key) const noexcept {
    switch (key.state) {
      case KeyState::active:
        break;
      case KeyState::suspended:
        return Reason::suspended_key;
      case KeyState::pending:
        return Reason::pending_key;
      case KeyState::revoked:
        return Reason::revoked_key;
    }
    for (const std::int64_t end_s : {key.expires_at_s, key.overlap_until_s}) {
      if (end_s != 0 && now_s_ >= end_s) {
        return Reason::expired_key;
      }
    }
    return Reason::none;
  }

  Step build(const CredentialReader::FoundKey &found, Reason *reason) {
    auto principal = std::make_shared<Principal>();
    switch (build_key_principal(worker_.store(), found, worker_.configuration.policy, principal.get())) {
      case Built::ok:
        name_counts(*worker_.zone.secret, principal.get());
        ctx_->principal = std::move(principal);
        *reason = Reason::none;
        break;
      case Built::blocked_subject:
        *reason = Reason::blocked_subject;
        break;
      case Built::damaged:
        *reason = Reason::store_error;
        break;
    }
    return Step::decided;
  }

  void refile(const CredentialReader::FoundKey &found) {
    worker_.refile_key(found.id, found.usage_name, found.tag, sha_);
  }

  Worker &worker_;
  RequestContext *ctx_;
  const LocationConfiguration &location_;
  std::string_view key_;
  std::int64_t now_s_;
  std::uint32_t exhausted_s_ = 0;  // by=failures: the address may try again in so many seconds
  Sha256 sha_ = {};
  std::string_view found_id_;  // in the snapshot
};

bool is_preflight(ngx_http_request_t *r) noexcept {
  if (r->method != NGX_HTTP_OPTIONS || r->headers_in.content_length_n > 0 || r->headers_in.chunked) {
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

// What the location's rules together accept for this method.
AcceptRule accepted(const LocationConfiguration &location, ngx_uint_t method) noexcept {
  AcceptRule sum;
  bool named = false;
  // Rules that name this method replace those for all methods.
  for (const AcceptRule &rule : *location.accept) {
    named = named || (rule.methods != 0 && applies(rule.methods, method));
  }
  for (const AcceptRule &rule : *location.accept) {
    if (named ? rule.methods != 0 && applies(rule.methods, method) : rule.methods == 0) {
      sum.key = sum.key || rule.key;
      sum.token = sum.token || rule.token;
      sum.anonymous = sum.anonymous || rule.anonymous;
      sum.preflight = sum.preflight || rule.preflight;
    }
  }
  return sum;
}

// The text of a required scope; empty if a variable made it no scope at all.
std::string_view scope_text(ngx_http_request_t *r, const RequiredScope &scope) noexcept {
  if (scope.value == nullptr) {
    return scope.text;
  }
  ngx_str_t text;
  if (ngx_http_complex_value(r, scope.value, &text) != NGX_OK || !is_scope(view(text))) {
    return {};
  }
  return view(text);
}

bool holds(ngx_http_request_t *r, const ScopeRule &rule, const Grants &grants) {
  const auto covered = [&](const RequiredScope &scope) {
    const std::string_view text = scope_text(r, scope);
    return !text.empty() && grants.covers(text);
  };
  return rule.any ? std::any_of(rule.scopes.begin(), rule.scopes.end(), covered)
                  : std::all_of(rule.scopes.begin(), rule.scopes.end(), covered);
}

// What the rule asks for, as a challenge names it.
std::string needed_text(ngx_http_request_t *r, const ScopeRule &rule) {
  std::string text;
  for (const RequiredScope &scope : rule.scopes) {
    const std::string_view one = scope_text(r, scope);
    if (!one.empty()) {
      text += (text.empty() ? "" : " ") + std::string(one);
    }
  }
  return text;
}

Reason check_scopes(RequestContext *ctx, const LocationConfiguration &location) {
  if (!location.scopes || location.scopes->empty()) {
    return Reason::none;
  }
  ngx_http_request_t *r = ctx->r;
  bool covered = false;
  const ScopeRule *failed = nullptr;
  for (const ScopeRule &rule : *location.scopes) {
    if (!applies(rule.methods, r->method)) {
      continue;
    }
    covered = true;
    // Nobody has no scopes at all: a scope is a demand for a credential.
    if (!ctx->principal || !holds(r, rule, ctx->principal->grants)) {
      failed = &rule;
      break;
    }
  }
  if (!covered) {
    return ctx->principal ? Reason::method_not_covered : Reason::missing_credential;
  }
  if (failed == nullptr) {
    return Reason::none;
  }
  if (!ctx->principal) {
    return Reason::missing_credential;
  }
  const std::string needed = needed_text(r, *failed);
  ctx->required_scope = view(copy(r->pool, needed));
  // Clients replace what they have by what a challenge names (facts.md): so granted and needed together.
  std::string together = ctx->principal->grants.is_all() ? std::string() : ctx->principal->grants.text();
  for (const std::string_view scope : split_list(needed, ' ')) {
    const std::vector<std::string_view> there = split_list(together, ' ');
    if (std::find(there.begin(), there.end(), scope) == there.end()) {
      together += (together.empty() ? "" : " ") + std::string(scope);
    }
  }
  ctx->challenge_scope = copy(r->pool, together);
  return Reason::insufficient_scope;
}

// Steps 2 and 5: who is it? For nobody reason is none, with ctx->kind anonymous.
Step identify(Worker &worker, RequestContext *ctx, const LocationConfiguration &location, Reason *reason) {
  const auto accepts_source = [&] {
    return std::find(location.sources->begin(), location.sources->end(), *ctx->credential.source) !=
           location.sources->end();
  };
  // After a redirect the credential is known already, and its fields may be gone; but the new location has to accept its source.
  if (!(ctx->credential.source != nullptr && ctx->stripped)) {
    *reason = find_credential(ctx, location);
  } else if (!accepts_source()) {
    *reason = Reason::missing_credential;
    return Step::decided;
  }
  if (*reason != Reason::none) {
    return Step::decided;
  }
  if (ctx->credential.source == nullptr) {
    ctx->kind = Kind::anonymous;
    return Step::decided;
  }
  *reason = classify_credential(worker.configuration, &ctx->credential);
  ctx->kind = ctx->credential.kind;
  if (*reason != Reason::none) {
    return Step::decided;
  }
  if (ctx->kind == Kind::token) {
    *reason = Reason::invalid_token;  // there are no issuers
    return Step::decided;
  }
  if (worker.configuration.store.empty()) {
    *reason = Reason::invalid_key;
    return Step::decided;
  }
  return KeyLookup(worker, ctx, location).run(reason);
}

Reason judge(Worker &worker, RequestContext *ctx, const LocationConfiguration &location) {
  const AcceptRule accept = accepted(location, ctx->r->method);
  if (ctx->kind == Kind::anonymous) {
    if (accept.preflight && is_preflight(ctx->r)) {
      return Reason::none;
    }
    if (!accept.anonymous) {
      return Reason::missing_credential;
    }
  }
  Reason reason = Reason::none;
  if (ctx->principal && !accept.key) {
    reason = Reason::not_accepted;
  } else if (ctx->principal && ctx->principal->no_access) {
    reason = Reason::no_access;
  } else {
    reason = check_scopes(ctx, location);
  }
  if (reason != Reason::none) {
    look_at_limits(worker, ctx, location);
    return reason;
  }
  return charge_limits(worker, ctx, location);
}

}  // namespace

Step decide(Worker &worker, RequestContext *ctx, const LocationConfiguration &location) {
  ctx->location = &location;
  if (!ctx->let_go_of_principal()) {
    ctx->reason = Reason::internal_error;
    return Step::decided;
  }
  // Nothing is known here yet: limits may count by these, and a client that leaves now is logged with them.
  ctx->decision = Decision::none;
  ctx->reason = Reason::none;
  ctx->kind = Kind::none;
  ctx->has_limit = false;
  ctx->has_usage_name = false;
  ctx->refused_key_id = {};
  ctx->retry_after_s = 0;
  Reason reason = Reason::none;
  if (identify(worker, ctx, location, &reason) == Step::wait) {
    return Step::wait;
  }
  if (reason == Reason::none) {
    reason = judge(worker, ctx, location);
  }
  if (reason != Reason::none && info(reason).status == NGX_HTTP_SERVICE_UNAVAILABLE && ctx->retry_after_s == 0) {
    // busy is over when a run ends; a store comes back within a second of being mended.
    ctx->retry_after_s = 1;
  }
  ctx->reason = reason;
  return Step::decided;
}

}  // namespace keyward
