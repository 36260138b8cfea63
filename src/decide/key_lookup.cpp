// From a key to its principal: by what is remembered, by what was proved, by its verifier.
#include "decide/key_lookup.hpp"

#include <algorithm>

#include "decide/candidate_failures.hpp"
#include "decide/key_digests.hpp"
#include "decide/limits.hpp"
#include "key/hash_verifier.hpp"

namespace keyward {
namespace {

// Looks up the principal of one key. Holds what that needs, so that its steps can be small.
class KeyLookup {
 public:
  explicit KeyLookup(const Case &one)
      : one_(one),
        store_(*one.with.store),
        zone_(one.with.zone),
        outcome_(one.outcome),
        key_(one.asked.credential.text),
        now_s_(one.asked.now_s),
        digests_(key_, store_),
        failures_(one) {}

  Conclusion run() {
    PrincipalCache &principals = one_.with.principals;
    const Digest cache_name = principals.name_of(key_);
    const auto remembers = [&](const Generation &generation) {
      outcome_.principal = principals.find(cache_name, generation, now_s_);
      return outcome_.principal != nullptr;
    };
    if (const Generation last = store_.last_commit(); last.incarnation != 0 && remembers(last)) {
      return Reason::none;
    }
    const Snapshot snapshot(store_);
    if (!snapshot.status().ok()) {
      one_.background.note_store(snapshot.status());
      return is_well_formed() ? Reason::store_error : Reason::invalid_key;
    }
    const Generation generation = store_.generation();
    if (remembers(generation)) {
      return Reason::none;
    }
    // What is remembered was well-formed when it was first seen; looking costs more than remembering.
    if (!is_well_formed()) {
      return Reason::invalid_key;
    }
    const Conclusion conclusion = find();
    if (conclusion == Reason::invalid_key) {
      charge_failure(one_);
    }
    if (conclusion && !outcome_.principal) {
      outcome_.refused_key_id = found_id_;
    }
    if (conclusion == Reason::none && !outcome_.principal->pending) {
      principals.put(cache_name, generation, now_s_, outcome_.principal);
    }
    return conclusion;
  }

 private:
  enum class Proof { matched, not_matched, unknown };

  bool is_well_formed() const noexcept { return one_.asked.credential.format->has_characters(key_); }

  Conclusion find() {
    // A key that was proved before isn't held up by the failures of its address, in whatever worker: admit_found()
    // looks.
    exhausted_s_ = failures_exhausted(one_);
    sha_ = sha256(key_);
    CredentialReader::FoundKey found;
    StoreCode code = store_.find_key(locator_of(sha_), &found);
    if (code == StoreCode::not_found) {
      code = find_by_other_digest(&found);
    }
    switch (code) {
      case StoreCode::ok:
        return admit_found(found);
      case StoreCode::not_found:
        return exhausted_s_ != 0 ? refuse_failing() : try_candidates();
      default:
        return Reason::store_error;
    }
  }

  // Keys that are known by another system's digest, until their first success.
  StoreCode find_by_other_digest(CredentialReader::FoundKey *found) {
    const unsigned kinds = store_.other_locators();
    StoreCode code = StoreCode::not_found;
    for (const LocatorKind kind : {LocatorKind::sha512, LocatorKind::hmac_sha256}) {
      if ((kinds >> static_cast<unsigned>(kind) & 1) != 0 && code == StoreCode::not_found) {
        std::string_view digest;
        code = compute(kind, &digest) ? store_.find_key(locator_of(kind, digest), found) : StoreCode::no_secret;
      }
    }
    return code;
  }

  bool compute(LocatorKind kind, std::string_view *digest) {
    const StoreStatus status = digests_.find(kind, digest);
    if (!status.ok()) {
      one_.background.note_store(status);
    }
    return status.ok();
  }

  // A key that was found by a digest: nobody gets here without having the whole key, so its state may be told, and is
  // looked at first: a revoked key costs no bcrypt.
  Conclusion admit_found(const CredentialReader::FoundKey &found) {
    recognise(found);
    const Proof proof = proof_of(found);
    if (exhausted_s_ != 0 && proof != Proof::matched) {
      return refuse_failing();
    }
    const Reason reason = reason_of_state(found.key, now_s_);
    const bool is_to_be_activated =
        reason == Reason::pending_key && one_.asked.accepted.pending && !has_ended(found.key, now_s_);
    if (reason != Reason::none && !is_to_be_activated) {
      return reason;
    }
    switch (found.key.verifier_kind) {
      case VerifierKind::sha256:
        return admit_digest(found, proof, view_of(sha_));
      case VerifierKind::sha512:
      case VerifierKind::hmac_sha256: {
        std::string_view digest;
        const bool is_hmac = found.key.verifier_kind == VerifierKind::hmac_sha256;
        return compute(is_hmac ? LocatorKind::hmac_sha256 : LocatorKind::sha512, &digest)
                   ? admit_digest(found, proof, digest)
                   : Reason::store_error;
      }
      case VerifierKind::bcrypt:
      case VerifierKind::legacy_prefix:
      case VerifierKind::hash:
        break;
    }
    switch (proof) {
      case Proof::matched:
        return build_and_refile(found);
      case Proof::not_matched:
        return Reason::invalid_key;
      case Proof::unknown:
        break;
    }
    return verify(found, keyed_digest(*zone_.secret, view_of(sha_), view_of(found.tag)), false);
  }

  Reason admit_digest(const CredentialReader::FoundKey &found, Proof proof, std::string_view digest) {
    if (!digest_matches(digest, found.key.verifier)) {
      return Reason::invalid_key;
    }
    if (proof != Proof::matched) {
      // Costs nothing to prove again, but a key that was proved is not held up by others' failures.
      zone_.keys->remember(found.usage_name, sha_, found.tag);
    }
    return build_and_refile(found);
  }

  Reason refuse_failing() const noexcept {
    outcome_.retry_after_s = exhausted_s_;
    return Reason::too_many_failures;
  }

  // Keys that are known by a plain prefix only, until their first success. Each candidate is a slow run, so they are
  // few, one at a time, and failures are counted.
  Conclusion try_candidates() {
    Conclusion conclusion = Reason::invalid_key;
    const std::uint64_t lengths = store_.legacy_prefix_lengths();
    for (std::size_t length = 1; lengths >> length != 0 && length < key_.size() && conclusion && !outcome_.principal;
         ++length) {
      if ((lengths >> length & 1) != 0) {
        try_prefix(key_.substr(0, length), &conclusion);
      }
    }
    if (conclusion == Reason::busy) {
      outcome_.retry_after_s = failures_.used_up_s();
    }
    return conclusion;
  }

  // Leaves the conclusion as it is where no candidate decides.
  void try_prefix(std::string_view prefix, Conclusion *conclusion) {
    const StoreCode code = store_.for_each_candidate(prefix, [&](const CredentialReader::FoundKey &found) {
      if (!fits_slow(found.key.verifier_kind, key_, found.key.verifier)) {
        return true;
      }
      switch (proof_of(found)) {
        case Proof::not_matched:
          return true;
        case Proof::matched:
          // Only now may its state be told.
          failures_.forgive();
          recognise(found);
          *conclusion = reason_of_state(found.key, now_s_);
          if (*conclusion == Reason::none) {
            *conclusion = build_and_refile(found);
          }
          return false;
        case Proof::unknown:
          break;
      }
      if (!failures_.count(prefix)) {
        *conclusion = Reason::busy;
        return false;
      }
      *conclusion = verify(found, keyed_digest(*zone_.secret, "legacy-prefix run", prefix), true);
      if (*conclusion == Reason::busy) {
        failures_.forgive();
      }
      return false;
    });
    // A damaged candidate matters where none of the others has decided.
    if (code != StoreCode::ok && code != StoreCode::not_found && *conclusion == Reason::invalid_key) {
      *conclusion = Reason::store_error;
    }
  }

  void recognise(const CredentialReader::FoundKey &found) noexcept {
    outcome_.usage_name = found.usage_name;
    outcome_.has_usage_name = true;
    found_id_ = found.id;
  }

  // What is known about this key and this record's verifier: proved by any worker at any time, or found out by a run of
  // this request.
  Proof proof_of(const CredentialReader::FoundKey &found) const noexcept {
    if (zone_.keys->proven(found.usage_name, sha_, found.tag, now_s_)) {
      return Proof::matched;
    }
    const Verifying *verifying = one_.state.verifying.get();
    const Verifying::Answer *own =
        verifying != nullptr && verifying->sha == sha_ ? verifying->find(found.tag) : nullptr;
    if (own == nullptr) {
      return Proof::unknown;
    }
    return own->matched ? Proof::matched : Proof::not_matched;
  }

  Conclusion verify(const CredentialReader::FoundKey &found, const Digest &name, bool candidate) {
    if (!fits_slow(found.key.verifier_kind, key_, found.key.verifier)) {
      return Reason::invalid_key;
    }
    RequestState &state = one_.state;
    // A run that failed to run, one that took too long, or a record that changes faster than bcrypt runs.
    Verifying &verifying = obtain_verifying(state);
    if (state.wait_failed || state.wait_expired || verifying.count == Verifying::kMaxAnswers) {
      return Reason::busy;
    }
    if (verifying.sha != sha_) {  // after a redirect another source's key may be asked about
      verifying.sha = sha_;
      verifying.count = 0;
    }
    VerifierRun run;
    run.key = key_;
    run.sha = sha_;
    run.kind = found.key.verifier_kind;
    run.hash = found.key.verifier;
    run.tag = found.tag;
    run.usage_name = found.usage_name;
    run.name = name;
    run.candidate = candidate;
    return one_.background.verify(run) ? Conclusion(kWaits) : Reason::busy;
  }

  Reason build_and_refile(const CredentialReader::FoundKey &found) {
    const Reason reason = build(found);
    if (reason == Reason::none && (!found.key.indexed || found.key.locator_kind != LocatorKind::sha256)) {
      one_.background.refile(found.id, found.usage_name, found.tag, sha_);
    }
    return reason;
  }

  Reason build(const CredentialReader::FoundKey &found) {
    auto principal = std::make_shared<Principal>();
    switch (build_key_principal(store_, found, one_.with.policy, principal.get())) {
      case Built::ok:
        principal->pending = found.key.state == KeyState::pending;
        name_counts(*zone_.secret, principal.get());
        outcome_.principal = std::move(principal);
        return Reason::none;
      case Built::blocked_subject:
        return Reason::blocked_subject;
      case Built::damaged:
        break;
    }
    return Reason::store_error;
  }

  const Case &one_;
  CredentialReader &store_;
  Zone &zone_;
  Outcome &outcome_;
  std::string_view key_;
  std::int64_t now_s_;
  KeyDigests digests_;
  CandidateFailures failures_;
  std::uint32_t exhausted_s_ = 0;  // by=failures: the address may try again in so many seconds
  Sha256 sha_ = {};
  std::string_view found_id_;  // in the snapshot
};

}  // namespace

Reason reason_of_state(const KeyView &key, std::int64_t now_s) noexcept {
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
  return has_ended(key, now_s) ? Reason::expired_key : Reason::none;
}

Conclusion look_up_key(const Case &one) { return KeyLookup(one).run(); }

}  // namespace keyward
