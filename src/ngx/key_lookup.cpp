// From a key to its principal: by what is remembered, by what was proved, by bcrypt.
#include "ngx/key_lookup.hpp"

#include "key/verifier.hpp"
#include "ngx/limits.hpp"
#include "ngx/worker.hpp"
#include "store/reader.hpp"

namespace keyward {
namespace {

// Failed verifiers of one plain prefix of legacy keys that are run for in a minute (spec 4).
constexpr Rate kLegacyFailures = {10, 60};
constexpr std::uint64_t kLegacyFailuresName = 0x6c65676163790001;
// And of all prefixes together, as there may be thousands: more than two runs a second are more than one place of the gate
// has time for, beside others.
constexpr Rate kAllLegacyFailures = {120, 60};
constexpr std::uint64_t kAllLegacyFailuresName = 0x6c65676163790002;

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

  // A failure is counted before the run, so that requests of several workers at once can't fail more often than that, and
  // forgiven when there was none. false: there were enough, of this prefix or of all.
  bool count_failure(std::string_view prefix) noexcept {
    const DigestKey &secret = *worker_.zone.secret;
    Charge own, all;
    own.name = keyed_digest(secret, "legacy-prefix failures", prefix);
    own.limit_name = kLegacyFailuresName;
    own.rate = kLegacyFailures;
    all.name = keyed_digest(secret, "all legacy-prefix failures");
    all.limit_name = kAllLegacyFailuresName;
    all.rate = kAllLegacyFailures;
    if (count(own, &ctx_->legacy_failure) && count(all, &ctx_->any_legacy_failure)) {
      return true;
    }
    forgive_failure();
    return false;
  }

  // Once for a request and a window: a key may begin with several prefixes.
  bool count(const Charge &charge, CountedFailure *counted) noexcept {
    if (counted->charged_ms != 0 && counted->charge.name == charge.name) {
      return true;
    }
    counted->charge = charge;
    const WindowState state = worker_.zone.addresses->charge(charge, ngx_current_msec);
    counted->charged_ms = state.admitted ? std::max<std::uint64_t>(state.charged_ms, 1) : 0;
    return state.admitted;
  }

  void forgive_failure() noexcept {
    for (CountedFailure *counted : {&ctx_->legacy_failure, &ctx_->any_legacy_failure}) {
      if (counted->charged_ms != 0) {
        worker_.zone.addresses->give_back(counted->charge, counted->charged_ms, ngx_current_msec);
        counted->charged_ms = 0;
      }
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

  Step verify(const CredentialReader::FoundKey &found, const Digest &name, bool candidate, Reason *reason) {
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
    request.candidate = candidate;
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

}  // namespace

Step look_up_key(Worker &worker, RequestContext *ctx, const LocationConfiguration &location, Reason *reason) {
  return KeyLookup(worker, ctx, location).run(reason);
}

}  // namespace keyward
