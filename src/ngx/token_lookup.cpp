// From a token to its principal: by what is remembered, or by its signature; then by the store, which has the last word each time.
#include "ngx/token_lookup.hpp"

#include "auth/credential_text.hpp"
#include "auth/token_principal.hpp"
#include "jwt/verify.hpp"
#include "ngx/credential.hpp"
#include "ngx/limits.hpp"
#include "ngx/worker.hpp"
#include "store/reader.hpp"

namespace keyward {
namespace {

Reason reason_of(jwt::Outcome outcome) noexcept {
  switch (outcome) {
    case jwt::Outcome::accepted:
      return Reason::none;
    case jwt::Outcome::invalid_token:
      return Reason::invalid_token;
    case jwt::Outcome::expired_token:
      return Reason::expired_token;
    case jwt::Outcome::unknown_key:
    case jwt::Outcome::keys_unavailable:
      return Reason::keys_unavailable;
    case jwt::Outcome::internal_error:
      break;
  }
  return Reason::internal_error;
}

// Holds what one look-up needs, so that its steps can be small.
class TokenLookup {
 public:
  TokenLookup(Worker &worker, RequestContext *ctx, const LocationConfiguration &location, const Acceptance &acceptance)
      : worker_(worker),
        ctx_(ctx),
        location_(location),
        acceptance_(acceptance),
        // Where no token is accepted it is told who it is all the same, so that a good one is not_accepted, and a bad one no better
        // off than elsewhere.
        issuers_(acceptance.issuers != nullptr ? *acceptance.issuers : *main_configuration(ctx->r).every_issuer),
        now_s_(ngx_time()) {}

  Step run(Reason *reason) {
    // Without worker processes a connection may outlive its configuration, and with it what its locations mean by an issuer.
    if (&main_configuration(ctx_->r) != &worker_.configuration) {
      *reason = Reason::busy;
      return Step::decided;
    }
    if (issuers_.empty()) {
      *reason = is_token() ? Reason::invalid_token : formless_reason(worker_.configuration, acceptance_);
      return Step::decided;
    }
    TokenCache &cache = worker_.tokens;
    const Digest name = cache.name_of(ctx_->credential.text);
    TokenCache::Entry *entry = cache.find(name, &issuers_, worker_.issuer_keys.changes(), now_s_);
    if (entry == nullptr) {
      if (!is_token()) {
        *reason = formless_reason(worker_.configuration, acceptance_);
        return Step::decided;
      }
      std::shared_ptr<const VerifiedToken> token;
      const Step step = verify(&token, reason);
      if (step == Step::wait || *reason != Reason::none) {
        return step;
      }
      ctx_->token = token;
      entry = cache.put(name, &issuers_, worker_.issuer_keys.changes(), now_s_, std::move(token));
    } else {
      ctx_->token = entry->token;
    }
    ctx_->issuer = &rules_of(ctx_->token->issuer);
    *reason = identify(entry);
    return Step::decided;
  }

 private:
  const IssuerConfiguration &issuer(std::size_t place) const noexcept { return *worker_.configuration.issuers[place]; }
  const jwt::Issuer &rules_of(std::size_t place) const noexcept { return issuer(place).rules; }

  // What only has a token's dots is neither a token nor a key.
  bool is_token() noexcept {
    if (!has_token_form(ctx_->credential.text)) {
      ctx_->kind = Kind::none;
      return false;
    }
    return true;
  }

  Step verify(std::shared_ptr<const VerifiedToken> *token, Reason *reason) {
    const std::uint32_t exhausted_s = failures_exhausted(worker_, ctx_, location_);
    if (exhausted_s != 0) {
      ctx_->retry_after_s = exhausted_s;
      *reason = Reason::too_many_failures;
      return Step::decided;
    }
    std::vector<jwt::AcceptedIssuer> accepted;
    accepted.reserve(issuers_.size());
    for (const std::size_t place : issuers_) {
      const KeyPlace &keys = issuer(place).keys;
      const bool fetched = keys.from == KeyPlace::From::jwks_uri;
      accepted.push_back({&rules_of(place), worker_.issuer_keys.current(place).get(),
                          fetched ? std::string_view(keys.where) : std::string_view(),
                          fetched ? worker_.fetching->fetched_at_s(place, now_s_) : jwt::kNeverFetched});
    }
    jwt::Verdict verdict = jwt::verify_token(accepted, ctx_->credential.text, now_s_);
    *reason = reason_of(verdict.outcome);
    ctx_->token_cause = verdict.cause;
    if (*reason == Reason::keys_unavailable) {
      worker_.fetching->want(places_of(std::move(verdict.late)));
      return await_keys(places_of(std::move(verdict.awaited)), reason);
    }
    if (verdict.issuer != jwt::kNoIssuer) {
      ctx_->issuer = accepted[verdict.issuer].issuer;
    }
    if (*reason == Reason::none) {
      const std::size_t place = issuers_[verdict.issuer];
      *token = std::make_shared<VerifiedToken>(
          verified_token(place, rules_of(place), worker_.configuration.policy.implications, std::move(verdict)));
    } else if (verdict.cause == jwt::Cause::bad_signature || verdict.cause == jwt::Cause::too_many_keys) {
      charge_failure(worker_, ctx_, location_);
    } else if (!verdict.late.empty()) {
      charge_failure(worker_, ctx_, location_);
      worker_.fetching->want(places_of(std::move(verdict.late)));
    }
    return Step::decided;
  }

  // Places among the accepted issuers, as places among the configured ones.
  std::vector<std::size_t> places_of(std::vector<std::size_t> accepted) const {
    for (std::size_t &place : accepted) {
      place = issuers_[place];
    }
    return accepted;
  }

  // By another set of these issuers it may be good.
  Step await_keys(const std::vector<std::size_t> &awaited, Reason *reason) {
    const Step step = worker_.fetching->await(ctx_, awaited, reason);
    if (step == Step::decided && *reason == Reason::invalid_token) {
      charge_failure(worker_, ctx_, location_);
    }
    return step;
  }

  // Subject, denylist and plan, as the store has them now. entry: nullptr where the token isn't remembered.
  Reason identify(TokenCache::Entry *entry) {
    if (worker_.configuration.store.empty()) {
      return identify_in(nullptr, Generation(), entry);
    }
    Snapshot snapshot(worker_.store());
    if (!snapshot.status().ok()) {
      worker_.note_store_in_passing(snapshot.status());
      return Reason::store_error;
    }
    return identify_in(&worker_.store(), worker_.store().generation(), entry);
  }

  Reason identify_in(CredentialReader *reader, const Generation &generation, TokenCache::Entry *entry) {
    std::shared_ptr<const Principal> principal;
    if (entry != nullptr && entry->generation == generation) {
      principal = entry->principal;
    }
    if (!principal) {
      const Reason reason = build(reader, &principal);
      if (entry != nullptr) {
        worker_.tokens.set_principal(entry, generation, principal);
      }
      if (reason != Reason::none) {
        return reason;
      }
    }
    // What another location accepts says nothing about this one.
    const bool may_be_unknown = acceptance_.unprovisioned && ctx_->token->identity.has_subject;
    if (!principal->provisioned && ctx_->issuer->subject_required && !may_be_unknown) {
      return Reason::unprovisioned;
    }
    ctx_->principal = std::move(principal);
    return Reason::none;
  }

  // Fills built only where the reason is none.
  Reason build(CredentialReader *reader, std::shared_ptr<const Principal> *built) {
    auto principal = std::make_shared<Principal>();
    const IssuerConfiguration &own = issuer(ctx_->token->issuer);
    switch (build_token_principal(reader, *ctx_->token, own.rules, own.reach, worker_.configuration.policy, now_s_,
                                  principal.get())) {
      case BuiltToken::ok:
        name_counts(*worker_.zone.secret, principal.get());
        *built = std::move(principal);
        return Reason::none;
      case BuiltToken::blocked_subject:
        return Reason::blocked_subject;
      case BuiltToken::revoked:
        return Reason::revoked_token;
      case BuiltToken::damaged:
        break;
    }
    return Reason::store_error;
  }

  Worker &worker_;
  RequestContext *ctx_;
  const LocationConfiguration &location_;
  const Acceptance &acceptance_;
  const IssuerList &issuers_;
  std::int64_t now_s_;
};

}  // namespace

Step look_up_token(Worker &worker, RequestContext *ctx, const LocationConfiguration &location,
                   const Acceptance &acceptance, Reason *reason) {
  return TokenLookup(worker, ctx, location, acceptance).run(reason);
}

}  // namespace keyward
