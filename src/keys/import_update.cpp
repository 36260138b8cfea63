// Comparing lines with records, and changing these.
#include "keys/import_update.hpp"

#include <utility>

namespace keyward::keys {
namespace {

using Kind = UpdateProblem::Kind;

UpdateProblem problem(Kind kind, std::string_view member = {}) {
  UpdateProblem one;
  one.kind = kind;
  one.member = member;
  return one;
}

template <typename T>
bool is_same(const OptionalList<T> &a, const OptionalList<T> &b) {
  return a.present == b.present && a.items == b.items;
}

// A key that was known by a plain prefix may have been filed under its digest since the line was written.
bool is_same_verifier(const KeyRecord &record, const KeyRecord &line) {
  return record.verifier_kind == line.verifier_kind && record.verifier == line.verifier &&
         record.legacy_prefix == line.legacy_prefix &&
         (!line.indexed ||
          (record.indexed && record.locator == line.locator && record.locator_kind == line.locator_kind));
}

// The first member that is named, is another than the record's, and can't be changed.
std::string_view fixed_member(const KeyRecord &record, const ImportedKey &line) {
  const KeyRecord &wanted = line.record;
  const struct {
    LineMember member;
    std::string_view name;
    bool same;
  } fixed[] = {
      {LineMember::subject, "subject", record.subject == wanted.subject},
      {LineMember::created_at, "created_at", record.created_at_s == wanted.created_at_s},
      {LineMember::preview, "preview", record.preview == wanted.preview},
      {LineMember::overlap_until, "overlap_until", record.overlap_until_s == wanted.overlap_until_s},
      {LineMember::predecessor, "predecessor", record.predecessor == wanted.predecessor},
      {LineMember::successor, "successor", record.successor == wanted.successor},
      {LineMember::counter_id, "counter_id", record.counter_id == wanted.counter_id},
      {LineMember::pkce_challenge, "pkce_challenge", record.pkce_challenge == wanted.pkce_challenge},
      {LineMember::pkce_tries, "pkce_tries", record.pkce_tries == wanted.pkce_tries},
  };
  for (const auto &one : fixed) {
    if (line.names(one.member) && !one.same) {
      return one.name;
    }
  }
  return {};
}

Kind kind_of(Result result) {
  switch (result) {
    case Result::past_expiry:
      return Kind::past;
    case Result::wrong_state:
      return Kind::wrong_state;
    case Result::in_overlap:
      return Kind::in_overlap;
    case Result::too_many_keys:
      return Kind::too_many_keys;
    case Result::not_found:
      return Kind::gone;
    default:
      return Kind::invalid;
  }
}

Answer apply(WriteTxn &txn, const Update &update, std::int64_t now_s) {
  const std::string &id = update.change.id;
  Changed changed;
  Answer answer = update.changes ? change(txn, {}, update.change, &changed) : Answer();
  if (!answer.ok() || !update.moves) {
    return answer;
  }
  KeyRecord before;
  Revoked revoked;
  switch (update.state) {
    case KeyState::active:
      return resume(txn, {}, id, now_s, &before);
    case KeyState::suspended:
      return suspend(txn, {}, id, now_s, &before);
    case KeyState::revoked:
      return revoke(txn, {}, id, now_s, &revoked);
    case KeyState::pending:
      break;
  }
  return Result::wrong_state;
}

}  // namespace

UpdateProblem compare(const KeyRecord &record, const ImportedKey &line, std::int64_t now_s, Update *update) {
  *update = {};
  const KeyRecord &wanted = line.record;
  if (line.names(LineMember::changed_at) && wanted.changed_at_s != 0 && wanted.changed_at_s != record.changed_at_s) {
    return problem(Kind::stale);
  }
  if (line.names(LineMember::verifier) && !is_same_verifier(record, wanted)) {
    return problem(Kind::verifier);
  }
  if (const std::string_view member = fixed_member(record, line); !member.empty()) {
    return problem(Kind::fixed, member);
  }
  ChangeRequest &to = update->change;
  to.id = record.id;
  to.now_s = now_s;
  const auto take = [&](LineMember member, bool same, auto *field, const auto &value) {
    if (line.names(member) && !same) {
      *field = value;
      update->changes = true;
    }
  };
  take(LineMember::name, record.name == wanted.name, &to.name, wanted.name);
  take(LineMember::plan, record.plan == wanted.plan, &to.plan, wanted.plan);
  take(LineMember::scopes, is_same(record.scopes, wanted.scopes), &to.scopes, wanted.scopes);
  take(LineMember::limits, is_same(record.limits, wanted.limits), &to.limits, wanted.limits);
  take(LineMember::expires_at, record.expires_at_s == wanted.expires_at_s, &to.expires_at_s, wanted.expires_at_s);
  take(LineMember::allow_from, record.allow_from == wanted.allow_from, &to.allow_from, wanted.allow_from);
  take(LineMember::meta, record.meta == wanted.meta, &to.meta, wanted.meta);
  take(LineMember::concurrency, record.concurrency == wanted.concurrency, &to.concurrency, wanted.concurrency);
  update->moves = line.names(LineMember::state) && record.state != wanted.state;
  update->state = wanted.state;
  if (record.state == KeyState::revoked && (update->changes || update->moves)) {
    return problem(Kind::revoked);
  }
  return record.overlap_until_s != 0 && update->changes ? problem(Kind::in_overlap) : UpdateProblem();
}

StoreStatus UpdateBatch::add(CredentialReader &reader, std::uint32_t line, ImportedKey *key, std::int64_t now_s,
                             const TellUpdateProblem &tell, bool *is_known) {
  Snapshot snapshot(reader);
  *is_known = false;
  if (!snapshot.status().ok()) {
    return snapshot.status();
  }
  CredentialReader::FoundKey found;
  const StoreCode code = reader.find_key_by_id(key->record.id, &found);
  if (code == StoreCode::not_found) {
    return {};
  }
  if (code != StoreCode::ok) {
    return {code, "the record of key " + key->record.id + " is damaged; `keyward store check` names it"};
  }
  *is_known = true;
  Update update;
  UpdateProblem wrong = compare(to_record(found.id, found.key), *key, now_s, &update);
  if (const auto [seen, is_new] = seen_.emplace(key->record.id, line); !is_new) {
    wrong = problem(Kind::id_twice);
    wrong.other_line = seen->second;
  }
  if (wrong.kind != Kind::none) {
    wrong.line = line;
    tell(wrong);
  } else if (update.changes || update.moves) {
    lines_.push_back({line, std::move(*key)});
    if (update.change.plan && !update.change.plan->empty()) {
      plans_.insert(*update.change.plan);
    }
  } else {
    ++unchanged_;
  }
  return {};
}

Answer UpdateBatch::write(WriteTxn &txn, std::int64_t now_s, UpdateProblem *wrong) const {
  // All are compared before any is changed: a change of a successor may change its predecessor, too.
  std::vector<Update> updates(lines_.size());
  const auto refuse = [wrong](const UpdateProblem &what, std::uint32_t line, Result result) {
    *wrong = what;
    wrong->line = line;
    return Answer(result);
  };
  *wrong = {};
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    KeyRecord record;
    const auto &[number, key] = lines_[i];
    if (StoreStatus status = txn.get_key(key.record.id, &record); !status.ok()) {
      return status.code == StoreCode::not_found ? refuse(problem(Kind::gone), number, Result::not_found)
                                                 : Answer(std::move(status));
    }
    const UpdateProblem found = compare(record, key, now_s, &updates[i]);
    if (found.kind != Kind::none) {
      return refuse(found, number, Result::invalid);
    }
  }
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const Answer answer = apply(txn, updates[i], now_s);
    if (!answer.ok()) {
      return answer.result == Result::store_failed
                 ? answer
                 : refuse(problem(kind_of(answer.result)), lines_[i].number, answer.result);
    }
  }
  return {};
}

}  // namespace keyward::keys
