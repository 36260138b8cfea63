// New keys, within their caller's bound and their plan's max_keys.
#include "keys/create.hpp"

#include <algorithm>
#include <limits>

#include "auth/scope.hpp"
#include "base/text_rules.hpp"
#include "keys/activate.hpp"
#include "keys/change.hpp"
#include "keys/key_state.hpp"
#include "keys/subjects.hpp"

namespace keyward::keys {
namespace {

// What is asked for that only an administrator may.
bool is_permitted(const Bound &bound, const CreateRequest &request) {
  return bound.is_operator() || bound.all_subjects() ||
         (request.plan.empty() && !request.limits.present && request.concurrency == 0 &&
          (request.subject.empty() || request.subject == bound.principal().subject));
}

// What isn't asked for, of a caller that isn't the operator: its own, where the key's subject has more.
Answer take_own_terms(WriteTxn &txn, const Bound &bound, const CreateRequest &request, KeyRecord *key) {
  const Principal &own = bound.principal();
  if (!key->scopes.present && !own.grants.is_all()) {
    key->scopes.present = true;
    for (const std::string_view grant : split_list(own.grants.text(), ' ')) {
      key->scopes.items.emplace_back(grant);
    }
  }
  if (key->expires_at_s == 0 && own.kind == Kind::key &&
      own.stands_until_s != std::numeric_limits<std::int64_t>::max()) {
    key->expires_at_s = own.stands_until_s;
  }
  if (key->allow_from.empty()) {
    key->allow_from = own.allow_from;
  }
  const auto own_limits = [&] {
    key->limits.present = true;
    key->limits.items = own.limits;
  };
  // A plan that has the same today may have more tomorrow.
  if (!request.limits.present && bound.has_own_limits()) {
    own_limits();
  }
  if (request.concurrency == 0) {
    key->concurrency = bound.own_concurrency();
  }
  Answer answer = bound.check(txn, *key);
  if (answer.result == Result::exceeds_caller && request.plan.empty() && !own.plan.empty()) {
    key->plan = own.plan;
    answer = bound.check(txn, *key);
  }
  if (answer.excess == Excess::limits && !request.limits.present) {
    own_limits();
    answer = bound.check(txn, *key);
  }
  if (answer.excess == Excess::concurrency && request.concurrency == 0) {
    key->concurrency = own.concurrency;
  }
  return answer.result == Result::exceeds_caller ? Answer() : answer;
}

Result rotatable(const KeyRecord &key, std::int64_t now_s) {
  return !key.successor.empty() ? Result::rotated_already : is_active(key, now_s) ? Result::done : Result::wrong_state;
}

KeyRecord successor_of(const KeyRecord &old, KeyRecord key, std::int64_t now_s) {
  key.state = KeyState::active;
  key.name = old.name;
  key.subject = old.subject;
  key.plan = old.plan;
  key.scopes = old.scopes;
  key.limits = old.limits;
  key.expires_at_s = old.expires_at_s;
  key.allow_from = old.allow_from;
  key.meta = old.meta;
  key.concurrency = old.concurrency;
  key.created_at_s = key.changed_at_s = now_s;
  key.predecessor = old.id;
  key.counter_id = old.counter_id.empty() ? old.id : old.counter_id;
  return key;
}

}  // namespace

bool takes_a_place(const KeyRecord &key, std::int64_t now_s) noexcept {
  return key.state != KeyState::revoked && key.overlap_until_s == 0 && !has_ended(key, now_s) &&
         !has_lapsed(key, now_s);
}

Answer check_max_keys(WriteTxn &txn, const KeyRecord &key, const Plan &plan, std::int64_t now_s, std::size_t *count) {
  *count = 0;
  if (key.subject.empty() || !plan.has_max_keys) {
    return {};
  }
  Answer answer = for_each_key_of(txn, key.subject, [&](const KeyRecord &other) -> Answer {
    *count += other.id != key.id && takes_a_place(other, now_s) ? 1U : 0U;
    return {};
  });
  return answer.ok() && *count >= plan.max_keys ? Answer(Result::too_many_keys) : answer;
}

Answer create(WriteTxn &txn, const Caller &caller, const CreateRequest &request, const MintedKey &minted,
              Created *created) {
  *created = {};
  Bound bound;
  if (Answer answer = bound.find(txn, caller, request.now_s); !answer.ok()) {
    return answer;
  }
  KeyRecord &key = created->record;
  key = minted.record;
  key.id = request.id.empty() ? key.id : request.id;
  key.state = request.pkce_challenge.empty() ? KeyState::active : KeyState::pending;
  key.pkce_challenge = request.pkce_challenge;
  key.name = request.name;
  key.subject = request.subject;
  key.plan = request.plan;
  key.scopes = request.scopes;
  key.limits = request.limits;
  key.expires_at_s = request.expires_at_s;
  key.allow_from = request.allow_from;
  key.meta = request.meta;
  key.concurrency = request.concurrency;
  key.created_at_s = key.changed_at_s = request.now_s;
  if (!is_permitted(bound, request)) {
    return Result::not_permitted;
  }
  if (!bound.is_operator() && !bound.all_subjects()) {
    key.subject = bound.principal().subject;
  }
  if (key.name.empty() || !has_valid_terms(key) ||
      (!request.pkce_challenge.empty() && !is_s256_challenge(request.pkce_challenge))) {
    return Result::invalid;
  }
  if (key.expires_at_s != 0 && key.expires_at_s <= request.now_s) {
    return Result::past_expiry;
  }
  Answer answer = bound.is_operator() ? Answer() : take_own_terms(txn, bound, request, &key);
  answer = answer.ok() ? bound.check_written(key.scopes) : answer;
  answer = answer.ok() ? bound.check(txn, key) : answer;
  KeyTerms terms;
  answer = answer.ok() ? find_terms(txn, key, caller.rules(), &terms) : answer;
  SubjectUse use;
  answer = answer.ok() && !key.subject.empty() ? look_for_subject(txn, key.subject, &use) : answer;
  if (!answer.ok()) {
    return answer;
  }
  created->new_subject = !key.subject.empty() && !use.has_record && !use.has_key;
  created->subject_blocked = terms.has_subject && terms.subject.state == SubjectState::blocked;
  created->is_unlimited =
      !key.scopes.present && terms.plan.name.empty() && !(terms.has_subject && terms.subject.scopes.present);
  created->plan = terms.plan.name;
  created->max_keys = terms.plan.max_keys;
  answer = check_max_keys(txn, key, terms.plan, request.now_s, &created->keys);
  if (answer.ok() && key.state == KeyState::pending && !key.subject.empty()) {
    answer = end_lapsed(txn, key.subject, request.now_s);
  }
  return answer.ok() ? Answer(txn.add_key(key)) : answer;
}

Answer rotate(WriteTxn &txn, const Caller &caller, const RotateRequest &request, const MintedKey &minted,
              Rotated *rotated) {
  *rotated = {};
  Bound bound;
  KeyRecord &old = rotated->old, &key = rotated->record;
  Answer answer = bound.find(txn, caller, request.now_s);
  answer = answer.ok() ? find_key(txn, bound, request.id, &old) : answer;
  answer = answer.ok() ? Answer(rotatable(old, request.now_s)) : answer;
  if (!answer.ok()) {
    return answer;
  }
  key = successor_of(old, minted.record, request.now_s);
  answer = bound.check(txn, key);
  answer = answer.ok() ? Answer(txn.add_key(key)) : answer;
  if (!answer.ok()) {
    return answer;
  }
  old.successor = key.id;
  old.overlap_until_s = request.overlap_s == 0 ? 0 : request.now_s + request.overlap_s;
  std::vector<std::string> also;
  return request.overlap_s == 0 ? end_with_predecessors(txn, request.now_s, &old, &also) : txn.replace_key(old);
}

Answer look_ahead(CredentialReader &reader, std::string_view id, std::int64_t now_s, KeyRecord *key) {
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return snapshot.status();
  }
  CredentialReader::FoundKey found;
  const StoreCode code = is_id(id) ? reader.find_key_by_id(id, &found) : StoreCode::not_found;
  if (code != StoreCode::ok) {
    return StoreStatus{code, {}};
  }
  *key = to_record(found.id, found.key);
  return rotatable(*key, now_s);
}

}  // namespace keyward::keys
