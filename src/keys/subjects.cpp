// Subjects.
#include "keys/subjects.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text_rules.hpp"

namespace keyward::keys {
namespace {

Answer find_bound(WriteTxn &txn, const Caller &caller, const std::string &subject, std::int64_t now_s, Bound *bound) {
  Answer answer = bound->find(txn, caller, now_s);
  return answer.ok() && !bound->rules_subject(subject) ? Answer(Result::not_permitted) : answer;
}

// What a key without terms of its own would have by this record; its verifier is no key's, and is never stored.
Answer check_bound(WriteTxn &txn, const Bound &bound, const SubjectRecord &subject) {
  KeyRecord key;
  key.verifier_kind = VerifierKind::sha256;
  key.verifier.assign(Sha256().size(), '\0');
  key.indexed = true;
  key.plan = subject.plan;
  key.scopes = subject.scopes;
  Answer answer = bound.check_written(subject.scopes);
  return answer.ok() ? bound.check(txn, key) : answer;
}

// Of a subject that was blocked: its keys are good again, as if they had been made.
Answer check_keys(WriteTxn &txn, const Bound &bound, const std::string &subject) {
  return for_each_key_of(txn, subject, [&](const KeyRecord &key) {
    return key.state == KeyState::revoked ? Answer() : bound.check(txn, key);
  });
}

}  // namespace

bool change_credits(const CreditChange &change, std::int64_t now_s, CreditGrant *grant) noexcept {
  constexpr auto kMost = static_cast<std::int64_t>(kMaxCredits);
  if (change.amount < -kMost || change.amount > kMost ||
      (change.kind == CreditChange::Kind::set && change.amount < 0)) {
    return false;
  }
  // Above that of an earlier record of this name, whose balance may still be known.
  const std::uint64_t number =
      std::max(grant->changed + 1, static_cast<std::uint64_t>(std::max<std::int64_t>(now_s, 1)) * 1000);
  switch (change.kind) {
    case CreditChange::Kind::set:
      *grant = {number, number, static_cast<std::uint64_t>(change.amount), 0};
      return true;
    case CreditChange::Kind::add:
      grant->changed = number;
      grant->added += change.amount;
      return grant->added >= -kMost && grant->added <= kMost;
    case CreditChange::Kind::remove:
      *grant = grant->changed <= 1 ? CreditGrant() : CreditGrant{number, 0, 0, 0};
      return true;
  }
  return false;
}

Answer look_for_subject(WriteTxn &txn, const std::string &subject, SubjectUse *use) {
  *use = {};
  SubjectRecord record;
  StoreStatus status = txn.get_subject(subject, &record);
  use->has_record = status.ok();
  if (!status.ok() && status.code != StoreCode::not_found) {
    return status;
  }
  std::vector<std::string> ids;
  status = txn.keys_of(subject, &ids);
  use->has_key = status.ok() && !ids.empty();
  return status.code == StoreCode::not_found ? Answer() : Answer(std::move(status));
}

Answer for_each_key_of(WriteTxn &txn, const std::string &subject,
                       const std::function<Answer(const KeyRecord &)> &visit) {
  std::vector<std::string> ids;
  Answer answer = txn.keys_of(subject, &ids);
  for (auto id = ids.begin(); answer.result == Result::done && id != ids.end(); ++id) {
    KeyRecord key;
    StoreStatus status = txn.get_key(*id, &key);
    if (status.code == StoreCode::not_found) {
      status = {StoreCode::damaged, "the store names a key " + *id + " that is not there"};
    }
    answer = status.ok() ? visit(key) : Answer(std::move(status));
  }
  return answer;
}

Answer set_subject(WriteTxn &txn, const Caller &caller, const SubjectRequest &request, SubjectSet *set) {
  *set = {};
  Bound bound;
  SubjectRecord &record = set->record;
  Answer answer = find_bound(txn, caller, request.subject, request.now_s, &bound);
  answer = answer.ok() ? look_for_subject(txn, request.subject, &set->use) : answer;
  answer = answer.ok() && set->use.has_record ? Answer(txn.get_subject(request.subject, &record)) : answer;
  if (!answer.ok()) {
    return answer;
  }
  if (!set->use.has_record) {
    record.subject = request.subject;
    record.created_at_s = request.now_s;
  }
  const bool unblocks = record.state == SubjectState::blocked && request.state == SubjectState::active;
  record.plan = request.plan.value_or(record.plan);
  record.scopes = request.scopes.value_or(record.scopes);
  record.state = request.state.value_or(record.state);
  if (request.credits && !change_credits(*request.credits, request.now_s, &record.credits)) {
    return Result::invalid;
  }
  record.changed_at_s = request.now_s;
  SubjectView view;
  const std::string content = encode(record);
  if (!is_subject(record.subject) || !are_grants(record.scopes) || !decode(content, &view)) {
    return Result::invalid;
  }
  answer = request.plan || request.scopes ? check_bound(txn, bound, record) : answer;
  answer = answer.ok() ? Answer(txn.put_subject(record)) : answer;
  return answer.ok() && unblocks ? check_keys(txn, bound, record.subject) : answer;
}

Answer set_subject_state(WriteTxn &txn, const Caller &caller, const StateRequest &request, StateSet *set) {
  *set = {};
  Bound bound;
  SubjectUse use;
  Answer answer = is_subject(request.subject) ? find_bound(txn, caller, request.subject, request.now_s, &bound)
                                              : Answer(Result::invalid);
  answer = answer.ok() ? look_for_subject(txn, request.subject, &use) : answer;
  SubjectRecord record;
  answer = answer.ok() && use.has_record ? Answer(txn.get_subject(request.subject, &record)) : answer;
  if (!answer.ok()) {
    return answer;
  }
  if (!use.has_record && !use.has_key && !request.create) {
    return Result::not_found;
  }
  if (!use.has_record) {
    record.subject = request.subject;
    record.created_at_s = request.now_s;
  }
  set->changed = record.state != request.state;
  set->created = !use.has_record && (set->changed || request.create);
  if (!set->changed && !set->created) {
    return Result::unchanged;
  }
  record.state = request.state;
  record.changed_at_s = request.now_s;
  return txn.put_subject(record);
}

Answer remove_subject(WriteTxn &txn, const Caller &caller, const std::string &subject, std::int64_t now_s,
                      std::string *key) {
  key->clear();
  Bound bound;
  SubjectRecord record;
  Answer answer = find_bound(txn, caller, subject, now_s, &bound);
  answer = answer.ok() ? Answer(txn.get_subject(subject, &record)) : answer;
  answer = answer.ok() ? for_each_key_of(txn, subject,
                                         [key](const KeyRecord &of) -> Answer {
                                           if (of.state == KeyState::revoked) {
                                             return {};
                                           }
                                           *key = of.id;
                                           return Result::in_use;
                                         })
                       : answer;
  return answer.ok() ? Answer(txn.remove_subject(subject)) : answer;
}

}  // namespace keyward::keys
