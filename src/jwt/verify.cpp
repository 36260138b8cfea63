// Whose token it is, and whether it is good.
#include "jwt/verify.hpp"

#include <algorithm>

namespace keyward::jwt {

namespace {

// Whether the token is one of those that the issuer takes, by its header's type and by required claims.
Cause check_kind(const Issuer &issuer, const Jws &jws, const json::Value &claims) noexcept {
  if (!issuer.type.empty() && !(jws.header.has_type && is_same_type(jws.header.type, issuer.type))) {
    return Cause::wrong_type;
  }
  const bool meets_all = std::all_of(issuer.require.begin(), issuer.require.end(),
                                     [&claims](const Requirement &requirement) { return meets(requirement, claims); });
  return meets_all ? Cause::none : Cause::required_claim;
}

crypto::AlgorithmSet algorithms_for(const Issuer &issuer) noexcept {
  return issuer.fetches_keys ? issuer.algorithms & crypto::AlgorithmSet::asymmetric() : issuer.algorithms;
}

// What stands against the token being for this issuer, before any key is looked at: by claims that nobody has vouched
// for yet, which may only turn it away.
Cause is_meant_for(const Issuer &issuer, const Jws &jws, const json::Value &claims) noexcept {
  if (!has_issuer(issuer, claims)) {
    return Cause::wrong_issuer;
  }
  return algorithms_for(issuer).has(jws.header.algorithm) ? Cause::none : Cause::algorithm_not_allowed;
}

// Whether the token is for this issuer (Cause::none), or what stands against it. The cheap looks come first.
Cause is_for(const AcceptedIssuer &accepted, const Jws &jws, const json::Value &claims, SignatureChecks *checks,
             Digest *key) {
  const Issuer &issuer = *accepted.issuer;
  if (const Cause cause = is_meant_for(issuer, jws, claims); cause != Cause::none) {
    return cause;
  }
  if (accepted.keys == nullptr) {
    return Cause::no_keys;
  }
  const Cause cause = checks->verify(*accepted.keys, jws, algorithms_for(issuer), key);
  return cause != Cause::none ? cause : check_kind(issuer, jws, claims);
}

// Whether keys that aren't in the set yet could make a difference: there are none, or the kid is new to it. A key
// without a kid may have been tried before that, and didn't fit.
bool is_awaited(const AcceptedIssuer &accepted, const Header &header, Cause cause) noexcept {
  if (cause == Cause::no_keys) {
    return true;
  }
  const bool no_key_fits =
      cause == Cause::unknown_key || cause == Cause::bad_signature || cause == Cause::algorithm_not_allowed;
  const bool possible = (accepted.issuer->algorithms & crypto::AlgorithmSet::asymmetric()).has(header.algorithm);
  return no_key_fits && possible && accepted.issuer->fetches_keys && header.has_kid &&
         !accepted.keys->has_kid(header.kid);
}

// Whether a token that is the issuer's but for its audience is left to the other one, if it can be.
bool leaves_to(const Issuer &issuer, const Issuer &other, const json::Value &claims) {
  return !issuer.audiences.empty() && check_names(issuer, claims) == Cause::wrong_audience &&
         differ_by_audience(issuer, other);
}

bool leaves_to_later(const std::vector<AcceptedIssuer> &issuers, std::size_t place, const json::Value &claims) {
  return std::any_of(
      issuers.begin() + static_cast<std::ptrdiff_t>(place) + 1, issuers.end(),
      [&](const AcceptedIssuer &later) { return leaves_to(*issuers[place].issuer, *later.issuer, claims); });
}

// Whether its audience makes it another one's, whoever has signed it.
bool is_left_to_another(const std::vector<AcceptedIssuer> &issuers, std::size_t place, const json::Value &claims) {
  return std::any_of(issuers.begin(), issuers.end(), [&](const AcceptedIssuer &other) {
    return leaves_to(*issuers[place].issuer, *other.issuer, claims) &&
           check_names(*other.issuer, claims) == Cause::none;
  });
}

// Whether one that is awaited, and comes first, may have the key that this one's verified with: then the token would be
// its own, and what it asks for must not be passed by. A place of its own and nothing that it asks of its tokens: then
// nothing says so, and another issuer's outage is none of this one's.
bool may_be_anothers(const std::vector<AcceptedIssuer> &issuers, const std::vector<std::size_t> &awaited,
                     const AcceptedIssuer &taker, const json::Value &claims) {
  return std::any_of(awaited.begin(), awaited.end(), [&](std::size_t place) {
    const AcceptedIssuer &other = issuers[place];
    const Issuer &rules = *other.issuer;
    if (leaves_to(rules, *taker.issuer, claims)) {
      return false;
    }
    const bool asks = !rules.issuers.empty() || !rules.type.empty() || !rules.require.empty();
    return (!other.place.empty() && other.place == taker.place) || (other.keys == nullptr && asks);
  });
}

// The verdict of the issuer that a token is for. exp is looked at last: expired_token tells a client that a fresh one
// would do.
Finding judge(const Issuer &issuer, const json::Value &claims, std::int64_t now_s, Times *times, Identity *identity) {
  const Finding names = check_names(issuer, claims);
  if (names != Cause::none) {
    return names;
  }
  const Finding timely = check_times(issuer, claims, now_s, times);
  if (timely != Cause::none && timely != Cause::expired) {
    return timely;
  }
  Identity read;
  const Cause readable = read_identity(issuer, claims, &read);
  if (readable != Cause::none || timely != Cause::none) {
    return readable != Cause::none ? Finding(readable) : timely;
  }
  *identity = std::move(read);
  return Cause::none;
}

void conclude(Finding cause, Verdict *verdict) noexcept {
  verdict->cause = cause;
  verdict->outcome = outcome_of(cause);
}

// By the verdict of the issuer at this place, which is final.
void conclude_for(const std::vector<AcceptedIssuer> &issuers, std::size_t place, json::Value *claims,
                  std::int64_t now_s, Verdict *verdict) {
  verdict->awaited.clear();
  verdict->issuer = place;
  verdict->claims = std::move(*claims);
  conclude(judge(*issuers[place].issuer, verdict->claims, now_s, &verdict->times, &verdict->identity), verdict);
}

Finding further(Finding a, Finding b) noexcept { return a.cause < b.cause ? b : a; }

// The same of claims that nobody has vouched for.
Finding refusal_of(const Issuer &issuer, const json::Value &claims, std::int64_t now_s, Times *times) {
  Identity unused;
  return judge(issuer, claims, now_s, times, &unused);
}

// Why this issuer would refuse a token of its kind, whoever has signed it; Cause::none: it may take it.
Finding refuses_unseen(const Issuer &issuer, const json::Value &claims, std::int64_t now_s) {
  if (const Finding names = check_names(issuer, claims); names != Cause::none) {
    return names;
  }
  Times times;
  const Finding timely = check_times(issuer, claims, now_s, &times);
  // Something else may be wrong with an expired one, so that a fresh one would not do.
  return timely == Cause::expired ? refusal_of(issuer, claims, now_s, &times) : timely;
}

// Whether the set was fetched so long after the token was issued that it would have the token's key, if the issuer
// still published it.
bool came_after(const AcceptedIssuer &accepted, const Times &times) noexcept {
  return accepted.keys != nullptr && accepted.fetched_at_s != kNeverFetched && times.has_issued_at &&
         times.issued_at_s < accepted.fetched_at_s - accepted.issuer->leeway_s;
}

// Of a token that issuers' next sets may make their own (verdict->awaited): which of these are worth waiting for. It is
// refused at once where none is: they would refuse it themselves, by what it says, or their sets should have its key.
// What nobody has vouched for may only choose between refusals. taker: an issuer under whose key it verifies, and whose
// it is unless it is an awaited one's; nullptr: there is none.
void await_or_refuse(const std::vector<AcceptedIssuer> &issuers, const json::Value &claims, std::int64_t now_s,
                     const AcceptedIssuer *taker, Finding furthest, Verdict *verdict) {
  bool taken = false;
  if (taker != nullptr) {
    Times times;
    const Finding refusal = refusal_of(*taker->issuer, claims, now_s, &times);
    taken = refusal == Cause::none;
    furthest = further(furthest, refusal);
  }
  std::vector<std::size_t> awaited;
  for (const std::size_t place : verdict->awaited) {
    const AcceptedIssuer &one = issuers[place];
    Times times;
    const Finding refusal = refusal_of(*one.issuer, claims, now_s, &times);
    furthest = further(furthest, refusal);
    if (!taken && refusal == Cause::none && came_after(one, times)) {
      verdict->late.push_back(place);
    } else if (taken || refusal == Cause::none) {
      awaited.push_back(place);
    }
  }
  verdict->awaited = std::move(awaited);
  if (!verdict->awaited.empty()) {
    const bool without_keys = std::any_of(verdict->awaited.begin(), verdict->awaited.end(),
                                          [&](std::size_t place) { return issuers[place].keys == nullptr; });
    verdict->outcome = without_keys ? Outcome::keys_unavailable : Outcome::unknown_key;
    verdict->cause = without_keys ? Cause::no_keys : Cause::unknown_key;
  } else {
    conclude(verdict->late.empty() ? furthest : Finding(Cause::unknown_key), verdict);
  }
}

}  // namespace

ParsedToken parse_token(std::string_view token) {
  ParsedToken parsed;
  parsed.fault = parse_jws(token, &parsed.jws);
  if (parsed.fault == Cause::none) {
    parsed.fault = parse_claims(parsed.jws.payload, &parsed.claims);
  }
  return parsed;
}

std::optional<Verdict> refuse_unseen(const std::vector<AcceptedIssuer> &issuers, const ParsedToken &token,
                                     std::int64_t now_s) {
  Finding elsewhere = Cause::wrong_issuer;  // why it isn't for those that it isn't for
  Finding refusal = Cause::none;            // by those that it may be for
  Verdict verdict;
  for (std::size_t i = 0; i < issuers.size() && token.fault == Cause::none; ++i) {
    const Issuer &issuer = *issuers[i].issuer;
    const Cause meant = is_meant_for(issuer, token.jws, token.claims);
    const Cause kind = meant == Cause::none ? check_kind(issuer, token.jws, token.claims) : meant;
    if (kind != Cause::none) {
      elsewhere = further(elsewhere, kind);
      continue;
    }
    const Finding one = refuses_unseen(issuer, token.claims, now_s);
    if (one == Cause::wrong_audience && is_left_to_another(issuers, i, token.claims)) {
      elsewhere = further(elsewhere, one);
      continue;
    }
    // Only its signature tells whose answer it gets.
    const bool differs = refusal != Cause::none && outcome_of(one) != outcome_of(refusal);
    if (one == Cause::none || differs) {
      return std::nullopt;
    }
    refusal = further(refusal, one);
    verdict.unseen_by = i;
  }
  conclude(token.fault != Cause::none ? Finding(token.fault) : refusal != Cause::none ? refusal : elsewhere, &verdict);
  return verdict;
}

std::uint32_t signature_cost_us(const std::vector<AcceptedIssuer> &issuers, const ParsedToken &token) noexcept {
  std::uint32_t cost = 0;
  for (const AcceptedIssuer &accepted : issuers) {
    if (accepted.keys != nullptr && is_meant_for(*accepted.issuer, token.jws, token.claims) == Cause::none) {
      cost += accepted.keys->cost_us(token.jws.header, algorithms_for(*accepted.issuer));
    }
  }
  return cost;
}

Verdict verify_token(const std::vector<AcceptedIssuer> &issuers, std::string_view token, std::int64_t now_s) {
  ParsedToken parsed = parse_token(token);
  std::optional<Verdict> refused = refuse_unseen(issuers, parsed, now_s);
  if (parsed.fault != Cause::none) {
    return std::move(*refused);
  }
  SignatureChecks checks;
  Verdict verdict = verify_token(issuers, &parsed, now_s, &checks);
  return refused && verdict.issuer == kNoIssuer ? std::move(*refused) : std::move(verdict);
}

Verdict verify_token(const std::vector<AcceptedIssuer> &issuers, ParsedToken *token, std::int64_t now_s,
                     SignatureChecks *checks) {
  Verdict verdict;
  const Jws &jws = token->jws;
  json::Value &claims = token->claims;
  Cause cause;
  const AcceptedIssuer *taker = nullptr;
  Finding furthest = Cause::wrong_issuer;  // also where no issuer is accepted at all
  std::size_t left_by = kNoIssuer;         // whose token it is but for its audience
  Digest left_key = {};
  for (std::size_t i = 0; i < issuers.size(); ++i) {
    if (left_by != kNoIssuer && !leaves_to(*issuers[left_by].issuer, *issuers[i].issuer, claims)) {
      continue;
    }
    cause = is_for(issuers[i], jws, claims, checks, &verdict.key);
    if (cause == Cause::none && may_be_anothers(issuers, verdict.awaited, issuers[i], claims)) {
      taker = &issuers[i];
      break;
    }
    if (cause == Cause::none && left_by == kNoIssuer && leaves_to_later(issuers, i, claims)) {
      left_by = i;
      left_key = verdict.key;
      verdict.awaited.clear();
      continue;
    }
    if (cause == Cause::none && left_by != kNoIssuer && check_names(*issuers[i].issuer, claims) != Cause::none) {
      continue;  // nor is it this one's
    }
    if (cause == Cause::none) {
      conclude_for(issuers, i, &claims, now_s, &verdict);
      return verdict;
    }
    if (cause == Cause::crypto_failure || cause == Cause::too_many_keys) {
      // Nothing may be passed over because it wasn't looked at: a laxer issuer could come next.
      verdict.awaited.clear();
      conclude(cause, &verdict);
      return verdict;
    }
    if (is_awaited(issuers[i], jws.header, cause)) {
      const Cause kind = check_kind(*issuers[i].issuer, jws, claims);
      if (kind == Cause::none) {
        verdict.awaited.push_back(i);
      }
      cause = kind != Cause::none ? kind : cause == Cause::no_keys ? cause : Cause::unknown_key;
    }
    furthest = further(furthest, cause);
  }
  if (verdict.awaited.empty() && left_by != kNoIssuer) {
    verdict.key = left_key;
    conclude_for(issuers, left_by, &claims, now_s, &verdict);
  } else if (verdict.awaited.empty()) {
    conclude(furthest, &verdict);
  } else {
    await_or_refuse(issuers, claims, now_s, taker, furthest, &verdict);
  }
  return verdict;
}

}  // namespace keyward::jwt
