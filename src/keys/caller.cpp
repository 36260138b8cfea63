// The caller's bound.
#include "keys/caller.hpp"

#include <algorithm>
#include <utility>

#include "base/networks.hpp"
#include "keys/key_state.hpp"

namespace keyward::keys {

const Policy &Caller::rules() const noexcept {
  static const Policy kNone;
  return policy != nullptr ? *policy : kNone;
}

bool reaches(const Caller &caller, std::string_view subject) noexcept {
  return caller.is_operator() || caller.all_subjects || subject == caller.principal->subject;
}

Excess excess_of(const Principal &result, const Principal &caller) {
  if (!result.grants.is_within(caller.grants)) {
    return Excess::scopes;
  }
  for (const Rate &bound : caller.limits) {
    if (std::none_of(result.limits.begin(), result.limits.end(), [&bound](const Rate &rate) {
          return rate.window_s == bound.window_s && rate.count <= bound.count;
        })) {
      return Excess::limits;
    }
  }
  if (!caller.allow_from.empty() && (result.allow_from.empty() || !are_within(result.allow_from, caller.allow_from))) {
    return Excess::addresses;
  }
  if (caller.concurrency != 0 && (result.concurrency == 0 || result.concurrency > caller.concurrency)) {
    return Excess::concurrency;
  }
  return caller.kind == Kind::key && result.stands_until_s > caller.stands_until_s ? Excess::expiry : Excess::none;
}

Answer Bound::find(WriteTxn &txn, const Caller &caller, std::int64_t now_s) {
  caller_ = caller;
  has_own_limits_ = false;
  own_concurrency_ = 0;
  if (caller.is_operator()) {
    return {};
  }
  principal_ = *caller.principal;
  if (principal_.kind != Kind::key && principal_.kind != Kind::token) {
    return Result::not_permitted;
  }
  KeyTerms terms;
  if (principal_.kind == Kind::key) {
    KeyRecord key;
    StoreStatus status = txn.get_key(principal_.key_id, &key);
    if (status.code == StoreCode::not_found || (status.ok() && (!is_active(key, now_s) || key.overlap_until_s != 0))) {
      return Result::caller_ended;
    }
    Answer answer = status.ok() ? find_terms(txn, key, caller.rules(), &terms) : Answer(std::move(status));
    if (!answer.ok()) {
      return answer;
    }
    has_own_limits_ = key.limits.present;
    own_concurrency_ = key.concurrency;
    principal_ = std::move(terms.principal);
  } else if (caller.token != nullptr) {
    TokenDenial denial;
    const CallersToken &token = *caller.token;
    StoreStatus status = txn.find_token_denial(token.issuer, token.subject, token.jti, now_s, &denial);
    if (!status.ok() || denial.refuses(token.has_issued_at, token.issued_at_s, token.leeway_s)) {
      return status.ok() ? Answer(Result::caller_ended) : Answer(std::move(status));
    }
  }
  if (principal_.kind == Kind::token && !principal_.subject.empty()) {
    StoreStatus status = txn.get_subject(principal_.subject, &terms.subject);
    if (!status.ok() && status.code != StoreCode::not_found) {
      return status;
    }
  }
  if (terms.subject.state == SubjectState::blocked || principal_.stands_until_s <= now_s) {
    return Result::caller_ended;
  }
  // A token whose subject is its issuer's own shares no more than a text with the keys of that name.
  const bool has_keys = caller.all_subjects || (!principal_.subject.empty() && !principal_.own_subject);
  return has_keys && principal_.entry != Entry::closed ? Result::done : Result::not_permitted;
}

bool Bound::reaches(const KeyRecord &key) const noexcept { return keys::reaches(caller_, key.subject); }

bool Bound::rules_subject(std::string_view subject) const noexcept {
  return is_operator() || (caller_.all_subjects && subject != principal_.subject);
}

Answer Bound::check(WriteTxn &txn, const KeyRecord &key) const {
  if (is_operator()) {
    return {};
  }
  KeyTerms terms;
  Answer answer = find_terms(txn, key, caller_.rules(), &terms);
  const Excess excess = answer.ok() ? excess_of(terms.principal, principal_) : Excess::none;
  return excess == Excess::none ? answer : Answer(excess);
}

Answer Bound::check_written(const OptionalList<std::string> &scopes) const {
  return is_operator() || !scopes.present ||
                 Grants(join(scopes.items, ' '), caller_.rules().implications).is_within(principal_.grants)
             ? Answer()
             : Answer(Excess::scopes);
}

Answer find_key(WriteTxn &txn, const Bound &bound, std::string_view id, KeyRecord *key) {
  StoreStatus status = txn.get_key(id, key);
  return status.ok() && !bound.reaches(*key) ? Answer(Result::not_found) : Answer(std::move(status));
}

}  // namespace keyward::keys
