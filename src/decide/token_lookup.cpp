// From a token to its principal: by what is remembered, or by its signature; then by the store, which has the last word
// each time.
#include "decide/token_lookup.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "auth/credential_text.hpp"
#include "auth/token_principal.hpp"
#include "decide/limits.hpp"
#include "jwt/verify.hpp"

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
  explicit TokenLookup(const Case &one)
      : one_(one),
        outcome_(one.outcome),
        issuers_(one.with.issuers),
        // Where no token is accepted it is told who it is all the same, so that a good one is not_accepted, and a bad
        // one no better off than elsewhere.
        list_(one.asked.accepted.issuers != nullptr ? *one.asked.accepted.issuers : one.with.every_issuer),
        now_s_(one.asked.now_s) {}

  Conclusion run() {
    TokenCache &cache = one_.with.tokens;
    name_ = cache.name_of(one_.asked.credential.text);
    TokenCache::Entry *entry = cache.find(name_, &list_, issuers_.changes(), now_s_);
    if (entry != nullptr) {
      outcome_.token = entry->token;
    } else {
      if (!is_token()) {
        return formless();
      }
      if (const Conclusion conclusion = verify(); conclusion != Reason::none) {
        return conclusion;
      }
      entry = cache.put(name_, &list_, issuers_.changes(), now_s_, outcome_.token);
    }
    outcome_.issuer = &issuers_.rules(outcome_.token->issuer);
    return identify(entry);
  }

 private:
  // What only has a token's dots is neither a token nor a key.
  bool is_token() const noexcept {
    if (!has_token_form(one_.asked.credential.text)) {
      outcome_.kind = Kind::none;
      return false;
    }
    return true;
  }

  Reason formless() const noexcept { return formless_reason(one_.asked.accepted, one_.with.store != nullptr); }

  // Fills the outcome's token where the conclusion is Reason::none.
  Conclusion verify() {
    if (const std::uint32_t exhausted_s = failures_exhausted(one_); exhausted_s != 0) {
      outcome_.retry_after_s = exhausted_s;
      return Reason::too_many_failures;
    }
    std::vector<jwt::AcceptedIssuer> accepted;
    accepted.reserve(list_.size());
    for (std::size_t i = 0; i < list_.size(); ++i) {
      const std::size_t place = list_[i];
      accepted.push_back({&list_.rules_of(i, issuers_.rules(place)), issuers_.keys(place).get(),
                          issuers_.fetched_from(place), issuers_.fetched_at_s(place, now_s_)});
    }
    jwt::ParsedToken token = jwt::parse_token(one_.asked.credential.text);
    std::optional<jwt::Verdict> unseen = jwt::refuse_unseen(accepted, token, now_s_);
    if (unseen) {
      outcome_.token_cause = unseen->cause;
      outcome_.issuer = unseen->unseen_by != jwt::kNoIssuer ? accepted[unseen->unseen_by].issuer : nullptr;
      return reason_of(unseen->outcome);
    }
    if (is_checked()) {
      if (one_.state.checked->failed) {
        return Reason::internal_error;
      }
      jwt::SignatureChecks checks = one_.state.checked->checks;
      return conclude(accepted, jwt::verify_token(accepted, &token, now_s_, &checks));
    }
    const std::uint32_t cost_us = jwt::signature_cost_us(accepted, token);
    if (cost_us != 0 && !one_.with.signatures.admits(cost_us, one_.asked.counted_address(), one_.asked.now_ms)) {
      return check_elsewhere(std::move(accepted));
    }
    jwt::SignatureChecks checks;
    return conclude(accepted, jwt::verify_token(accepted, &token, now_s_, &checks));
  }

  // Whether a thread has looked at its signature, by the keys that count now. It stops at the issuer whose token it is,
  // so that not every key needs to have been tried.
  bool is_checked() const noexcept {
    const CheckedToken *checked = one_.state.checked.get();
    return checked != nullptr && checked->name == name_ && checked->key_sets.size() == list_.size() &&
           std::equal(list_.begin(), list_.end(), checked->key_sets.begin(),
                      [&](std::size_t place, const auto &keys) { return issuers_.keys(place) == keys; });
  }

  // In a thread: the request is decided again when that has ended.
  Conclusion check_elsewhere(std::vector<jwt::AcceptedIssuer> accepted) {
    if (one_.state.wait_expired) {
      return Reason::busy;
    }
    SignatureRun run;
    run.name = name_;
    run.list = &list_;
    run.token = one_.asked.credential.text;
    run.accepted = std::move(accepted);
    for (const std::size_t place : list_) {
      run.key_sets.push_back(issuers_.keys(place));
    }
    run.now_s = now_s_;
    run.suspect = one_.with.signatures.is_suspect(one_.asked.counted_address(), one_.asked.now_ms);
    return one_.background.check_signature(std::move(run)) ? Conclusion(kWaits) : Reason::busy;
  }

  // By what its claims and its signature came to.
  Conclusion conclude(const std::vector<jwt::AcceptedIssuer> &accepted, jwt::Verdict verdict) {
    outcome_.token_cause = verdict.cause;
    const Reason reason = reason_of(verdict.outcome);
    if (reason == Reason::keys_unavailable) {
      one_.background.want_keys(places_of(std::move(verdict.late)));
      return await_keys(places_of(std::move(verdict.awaited)));
    }
    if (verdict.issuer != jwt::kNoIssuer) {
      outcome_.issuer = accepted[verdict.issuer].issuer;
    }
    if (reason == Reason::none) {
      const std::size_t place = list_[verdict.issuer];
      outcome_.token = std::make_shared<VerifiedToken>(
          verified_token(place, issuers_.rules(place), one_.with.policy, std::move(verdict)));
    } else if (verdict.cause == jwt::Cause::bad_signature || verdict.cause == jwt::Cause::too_many_keys) {
      one_.with.signatures.note_wrong(one_.asked.counted_address(), one_.asked.now_ms);
      charge_failure(one_);
    } else if (!verdict.late.empty()) {
      charge_failure(one_);
      one_.background.want_keys(places_of(std::move(verdict.late)));
    }
    return reason;
  }

  // Places among the accepted issuers, as places among the configured ones.
  std::vector<std::size_t> places_of(std::vector<std::size_t> accepted) const {
    for (std::size_t &place : accepted) {
      place = list_[place];
    }
    return accepted;
  }

  // By another set of these issuers it may be good.
  Conclusion await_keys(const std::vector<std::size_t> &awaited) {
    const KeysAwaited answer = one_.background.await_keys(awaited);
    if (answer.conclusion == Reason::invalid_token) {
      charge_failure(one_);
    } else {
      outcome_.retry_after_s = answer.retry_after_s;
    }
    return answer.conclusion;
  }

  // Subject, denylist and plan, as the store has them now. entry: nullptr where the token isn't remembered.
  Reason identify(TokenCache::Entry *entry) {
    CredentialReader *store = one_.with.store;
    if (store == nullptr) {
      return identify_in(nullptr, Generation(), entry);
    }
    if (entry != nullptr && entry->principal && entry->generation == store->last_commit()) {
      return identify_in(store, entry->generation, entry);
    }
    const Snapshot snapshot(*store);
    if (!snapshot.status().ok()) {
      one_.background.note_store(snapshot.status());
      return Reason::store_error;
    }
    return identify_in(store, store->generation(), entry);
  }

  Reason identify_in(CredentialReader *store, const Generation &generation, TokenCache::Entry *entry) {
    std::shared_ptr<const Principal> principal;
    if (entry != nullptr && entry->generation == generation) {
      principal = entry->principal;
    }
    if (!principal) {
      const Reason reason = build(store, &principal);
      if (entry != nullptr) {
        one_.with.tokens.set_principal(entry, generation, principal);
      }
      if (reason != Reason::none) {
        return reason;
      }
    }
    // What another place accepts says nothing about this one.
    const bool may_be_unknown = one_.asked.accepted.unprovisioned && outcome_.token->identity.has_subject;
    if (!principal->provisioned && outcome_.issuer->subject_required && !may_be_unknown) {
      return Reason::unprovisioned;
    }
    outcome_.principal = std::move(principal);
    return Reason::none;
  }

  // Fills built only where the reason is none.
  Reason build(CredentialReader *store, std::shared_ptr<const Principal> *built) {
    auto principal = std::make_shared<Principal>();
    const VerifiedToken &token = *outcome_.token;
    switch (build_token_principal(store, token, issuers_.rules(token.issuer), issuers_.shared_subjects(token.issuer),
                                  one_.with.policy, now_s_, principal.get())) {
      case BuiltToken::ok:
        name_counts(*one_.with.zone.secret, principal.get());
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

  const Case &one_;
  Outcome &outcome_;
  const TokenIssuers &issuers_;
  const IssuerList &list_;
  std::int64_t now_s_;
  Digest name_ = {};
};

}  // namespace

Conclusion look_up_token(const Case &one) { return TokenLookup(one).run(); }

}  // namespace keyward
