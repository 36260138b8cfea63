// Which state may become which, and what may be changed of a key by whom.
#include "keys/change.hpp"

#include <utility>

#include "base/networks.hpp"
#include "keys/create.hpp"
#include "keys/key_state.hpp"
#include "keys/predecessors.hpp"

namespace keyward::keys {
namespace {

constexpr std::size_t kPurgePage = 5000;  // keys that are looked at in one snapshot

Answer set_state(WriteTxn &txn, KeyState state, std::int64_t now_s, KeyRecord *key) {
  key->state = state;
  key->changed_at_s = now_s;
  key->suspended_by_subject = false;
  return txn.replace_key(*key);
}

KeyRecord changed_by(const ChangeRequest &request, KeyRecord key) {
  key.name = request.name.value_or(key.name);
  key.plan = request.plan.value_or(key.plan);
  key.scopes = request.scopes.value_or(key.scopes);
  key.limits = request.limits.value_or(key.limits);
  key.expires_at_s = request.expires_at_s.value_or(key.expires_at_s);
  key.allow_from = request.allow_from.value_or(key.allow_from);
  key.meta = request.meta.value_or(key.meta);
  key.concurrency = request.concurrency.value_or(key.concurrency);
  return key;
}

// Whether only what a subject may change of its own keys was asked for.
Answer check_self(WriteTxn &txn, const Caller &caller, const ChangeRequest &request, const KeyRecord &before) {
  const bool longer =
      request.expires_at_s && before.expires_at_s != *request.expires_at_s &&
      (*request.expires_at_s == 0 || (before.expires_at_s != 0 && *request.expires_at_s > before.expires_at_s));
  const bool from_elsewhere = request.allow_from && request.allow_from != before.allow_from &&
                              (request.allow_from->empty() ||
                               (!before.allow_from.empty() && !are_within(*request.allow_from, before.allow_from)));
  if (request.plan || request.limits || request.concurrency || longer || from_elsewhere ||
      (request.scopes && !request.scopes->present)) {
    return Result::not_permitted;
  }
  if (!request.scopes) {
    return {};
  }
  KeyTerms terms;
  Answer answer = find_terms(txn, before, caller.rules(), &terms);
  const Grants wanted(join(request.scopes->items, ' '), caller.rules().implications);
  return answer.ok() && !wanted.is_within(terms.principal.grants) ? Answer(Result::not_permitted) : answer;
}

// One state for another, of a key that the caller may know of.
Answer move_state(WriteTxn &txn, const Bound &bound, std::string_view id, KeyState from, KeyState to, KeyRecord *key) {
  Answer answer = find_key(txn, bound, id, key);
  if (!answer.ok() || key->state == from) {
    return answer;
  }
  return key->state == to ? Result::unchanged : Result::wrong_state;
}

// Kept where the store's format has a place for it; else only others than the subject can resume the key.
Answer suspend_for_subject(WriteTxn &txn, std::int64_t now_s, KeyRecord *key) {
  key->state = KeyState::suspended;
  key->changed_at_s = now_s;
  key->suspended_by_subject = true;
  StoreStatus status = txn.replace_key(*key);
  return status.code == StoreCode::other_version ? set_state(txn, KeyState::suspended, now_s, key)
                                                 : Answer(std::move(status));
}

bool is_due(KeyState state, std::int64_t changed_at_s, std::int64_t before_s) {
  return state == KeyState::revoked && changed_at_s < before_s;
}

}  // namespace

Answer change(WriteTxn &txn, const Caller &caller, const ChangeRequest &request, Changed *changed) {
  *changed = {};
  Bound bound;
  KeyRecord &before = changed->before, &key = changed->record;
  Answer answer = bound.find(txn, caller, request.now_s);
  answer = answer.ok() ? find_key(txn, bound, request.id, &before) : answer;
  if (!answer.ok()) {
    return answer;
  }
  if (before.state == KeyState::revoked) {
    return Result::wrong_state;
  }
  if (before.overlap_until_s != 0) {
    return Result::in_overlap;
  }
  key = changed_by(request, before);
  if ((request.name && key.name.empty()) || !has_valid_terms(key)) {
    return Result::invalid;
  }
  if (request.expires_at_s && key.expires_at_s != 0 && key.expires_at_s <= request.now_s) {
    return Result::past_expiry;
  }
  if (!bound.all_subjects()) {
    answer = check_self(txn, caller, request, before);
  }
  if (encode(key) == encode(before) || !answer.ok()) {
    return answer.ok() ? Answer(Result::unchanged) : answer;
  }
  key.changed_at_s = request.now_s;
  // A name and meta give nobody more; all else is judged by what the key comes to.
  const bool has_terms = request.plan || request.scopes || request.limits || request.expires_at_s ||
                         request.allow_from || request.concurrency;
  if (has_terms) {
    answer = request.scopes ? bound.check_written(key.scopes) : answer;
    answer = answer.ok() ? bound.check(txn, key) : answer;
  }
  const bool had_place = takes_a_place(before, request.now_s) && before.plan == key.plan;
  if (answer.ok() && takes_a_place(key, request.now_s) && !had_place) {
    KeyTerms terms;
    answer = find_terms(txn, key, caller.rules(), &terms);
    changed->plan = terms.plan.name;
    changed->max_keys = terms.plan.max_keys;
    answer = answer.ok() ? check_max_keys(txn, key, terms.plan, request.now_s, &changed->keys) : answer;
  }
  answer = answer.ok() ? Answer(txn.replace_key(key)) : answer;
  return answer.ok() && has_terms ? narrow_predecessors(txn, caller.rules(), request.now_s, key, &changed->also)
                                  : answer;
}

Answer suspend(WriteTxn &txn, const Caller &caller, std::string_view id, std::int64_t now_s, KeyRecord *key) {
  Bound bound;
  Answer answer = bound.find(txn, caller, now_s);
  answer = answer.ok() ? move_state(txn, bound, id, KeyState::active, KeyState::suspended, key) : answer;
  // It isn't the subject's to resume any more.
  const bool taken_over = answer.result == Result::unchanged && key->suspended_by_subject && bound.all_subjects();
  if (answer.result != Result::done && !taken_over) {
    return answer;
  }
  KeyRecord suspended = *key;
  return bound.all_subjects() ? set_state(txn, KeyState::suspended, now_s, &suspended)
                              : suspend_for_subject(txn, now_s, &suspended);
}

Answer resume(WriteTxn &txn, const Caller &caller, std::string_view id, std::int64_t now_s, KeyRecord *key) {
  Bound bound;
  Answer answer = bound.find(txn, caller, now_s);
  answer = answer.ok() ? move_state(txn, bound, id, KeyState::suspended, KeyState::active, key) : answer;
  if (answer.result != Result::done) {
    return answer;
  }
  KeyRecord resumed = *key;
  resumed.state = KeyState::active;
  answer =
      bound.all_subjects() || key->suspended_by_subject ? bound.check(txn, resumed) : Answer(Result::not_permitted);
  KeyTerms terms;
  std::size_t count = 0;
  answer = answer.ok() ? find_terms(txn, resumed, caller.rules(), &terms) : answer;
  answer = answer.ok() ? check_max_keys(txn, resumed, terms.plan, now_s, &count) : answer;
  return answer.ok() ? set_state(txn, KeyState::active, now_s, &resumed) : answer;
}

Answer revoke(WriteTxn &txn, const Caller &caller, std::string_view id, std::int64_t now_s, Revoked *revoked) {
  *revoked = {};
  Bound bound;
  KeyRecord key;
  Answer answer = bound.find(txn, caller, now_s);
  answer = answer.ok() ? find_key(txn, bound, id, &key) : answer;
  if (!answer.ok()) {
    return answer;
  }
  *revoked = {key.id, key.state != KeyState::revoked, {}};
  answer = end_with_predecessors(txn, now_s, &key, &revoked->also);
  return answer.ok() && !revoked->changed && revoked->also.empty() ? Answer(Result::unchanged) : answer;
}

Answer end_with_predecessors(WriteTxn &txn, std::int64_t now_s, KeyRecord *key, std::vector<std::string> *also) {
  Answer answer = key->state == KeyState::revoked ? Answer() : set_state(txn, KeyState::revoked, now_s, key);
  return !answer.ok() ? answer : for_each_predecessor(txn, *key, [&](KeyRecord *old) -> Answer {
    if (old->state == KeyState::revoked) {
      return {};
    }
    also->push_back(old->id);
    return set_state(txn, KeyState::revoked, now_s, old);
  });
}

Answer find_due(CredentialReader &reader, std::int64_t before_s, PurgePage *page) {
  page->ids.clear();
  page->usage_names.clear();
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return snapshot.status();
  }
  std::size_t seen = 0;
  const std::string begin = page->after;
  const StoreCode code = reader.for_each_key(begin,
                                             [&](const CredentialReader::FoundKey &found) {
                                               page->after = found.id;
                                               if (is_due(found.key.state, found.key.changed_at_s, before_s)) {
                                                 page->ids.emplace_back(found.id);
                                                 page->usage_names.push_back(found.usage_name);
                                               }
                                               return ++seen < kPurgePage;
                                             },
                                             {});
  page->more = seen == kPurgePage;
  return code == StoreCode::ok || code == StoreCode::damaged
             ? Answer()
             : Answer(StoreStatus{StoreCode::io, "the keys could not be read"});
}

Answer purge(WriteTxn &txn, const std::vector<std::string> &ids, std::int64_t before_s, std::int64_t now_s,
             std::size_t *purged) {
  *purged = 0;
  StoreStatus status;
  for (auto id = ids.begin(); status.ok() && id != ids.end(); ++id) {
    KeyRecord key;
    status = txn.get_key(*id, &key);
    if (status.ok() && is_due(key.state, key.changed_at_s, before_s)) {
      status = txn.purge_key(*id, now_s);
      ++*purged;
    }
    status = status.code == StoreCode::not_found ? StoreStatus() : status;
  }
  return status;
}

}  // namespace keyward::keys
