// Look-ups in a snapshot. The hot one is find_key(): two searches, two checksums, nothing copied.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <new>

#include "base/little_endian.hpp"
#include "store/environment/failure.hpp"
#include "store/transactions/reader.hpp"
#include "store/transactions/reader_state.hpp"

namespace keyward {

// With one commit more than the snapshot's, another may be under way, which leaves the snapshot's pages alone: a page
// that is freed by one commit is written over by the second one after it at the earliest.
int CredentialReader::State::settle(int rc, std::string_view *key, std::string_view *stored) const noexcept {
  if (!environment.unlisted() || (rc != MDB_SUCCESS && rc != MDB_NOTFOUND)) {
    return rc;
  }
  try {
    for (std::string_view *bytes : {key, stored}) {
      if (rc == MDB_SUCCESS && bytes != nullptr) {
        *bytes = copies.emplace_back(*bytes);
      }
    }
  } catch (const std::bad_alloc &) {
    return ENOMEM;
  }
  std::atomic_thread_fence(std::memory_order_acquire);
  return environment.last_txn_id() <= generation.txn_id + 1 ? rc : EBUSY;
}

// What can't be a key of LMDB's isn't found; everything else that goes wrong is told.
StoreCode CredentialReader::State::get(Table table, std::string_view key, std::string_view *content,
                                       Digest *tag) const noexcept {
  constexpr std::size_t kMaxKeyBytes = 511;
  if (!in_snapshot) {
    return StoreCode::io;
  }
  if (key.empty() || key.size() > kMaxKeyBytes || !environment.has(table)) {
    return StoreCode::not_found;
  }
  std::string_view stored;
  const int rc = settle(lmdb::get(txn.get(), environment.handle(table), key, &stored), nullptr, &stored);
  if (rc != 0) {
    return store_code(rc);
  }
  return environment.seal().open(table, key, stored, content, tag) ? StoreCode::ok : StoreCode::damaged;
}

StoreCode CredentialReader::State::key_by_id(std::string_view id, FoundKey *found) const noexcept {
  std::string_view content;
  const StoreCode code = get(Table::keys, id, &content, &found->tag);
  if (code != StoreCode::ok) {
    return code;
  }
  if (!decode(content, &found->key)) {
    return StoreCode::damaged;
  }
  found->id = id;
  found->usage_name = environment.seal().usage_name(id);
  return StoreCode::ok;
}

StoreCode CredentialReader::find_key(const Locator &locator, FoundKey *found) noexcept {
  std::string_view id;
  StoreCode code = state_->get(Table::index, view_of(locator), &id);
  if (code != StoreCode::ok) {
    return code;
  }
  code = state_->key_by_id(id, found);
  if (code != StoreCode::ok) {
    return code == StoreCode::not_found ? StoreCode::damaged : code;
  }
  return found->key.indexed && found->key.locator == view_of(locator) ? StoreCode::ok : StoreCode::damaged;
}

// found->id must live as long as the snapshot, whatever `id` does: it is the table's own.
StoreCode CredentialReader::find_key_by_id(std::string_view id, FoundKey *found) noexcept {
  if (!state_->in_snapshot) {
    return StoreCode::io;
  }
  if (!is_id(id)) {
    return StoreCode::not_found;
  }
  lmdb::Cursor cursor;
  std::string_view key = id, stored;
  int rc = cursor.open(state_->txn.get(), state_->environment.handle(Table::keys));
  rc = rc == 0 ? cursor.get(&key, &stored, MDB_SET_KEY) : rc;
  rc = state_->settle(rc, &key, &stored);
  return rc == 0 ? state_->key_by_id(key, found) : store_code(rc);
}

// A record that is absent says something, too: a subject that has none isn't blocked. A damaged key in the tree makes a
// record absent under its own name, and stands where that would: so the neighbours' checksums have to hold.
StoreCode CredentialReader::State::confirm_absence(Table table, std::string_view key) const noexcept {
  lmdb::Cursor cursor;
  std::string_view found = key, stored, content;
  int rc = cursor.open(txn.get(), environment.handle(table));
  rc = rc == 0 ? cursor.get(&found, &stored, MDB_SET_RANGE) : rc;
  rc = settle(rc, &found, &stored);
  const bool last = rc == MDB_NOTFOUND;
  if (rc == 0 && !environment.seal().open(table, found, stored, &content)) {
    return StoreCode::damaged;
  }
  if (rc == 0 || last) {
    rc = settle(cursor.get(&found, &stored, last ? MDB_LAST : MDB_PREV), &found, &stored);
  }
  if (rc == 0 && !environment.seal().open(table, found, stored, &content)) {
    return StoreCode::damaged;
  }
  MDB_stat stat = {};
  if (rc == MDB_NOTFOUND && last &&
      (mdb_stat(txn.get(), environment.handle(table), &stat) != 0 || stat.ms_entries != 0)) {
    return StoreCode::damaged;  // a tree that has lost its root
  }
  return rc == 0 ? StoreCode::not_found : store_code(rc);
}

// Once in each snapshot. It is asked in `meta`, not of the table: one that can't be found any more must not pass for an
// empty one.
StoreCode CredentialReader::State::count_denials() noexcept {
  if (denials_txn_id == generation.txn_id) {
    return StoreCode::ok;
  }
  std::string_view content;
  StoreCode code = get(Table::meta, kDenialsKey, &content);
  std::uint64_t count = 0;
  if (code == StoreCode::not_found) {
    code = confirm_absence(Table::meta, kDenialsKey);
    code = code == StoreCode::not_found ? StoreCode::ok : code;
  } else if (code == StoreCode::ok && (!take_int(&content, &count) || !content.empty())) {
    code = StoreCode::damaged;
  }
  if (code != StoreCode::ok) {
    return code;
  }
  MDB_stat stat = {};
  int rc =
      environment.has(Table::denials) ? mdb_stat(txn.get(), environment.handle(Table::denials), &stat) : MDB_SUCCESS;
  rc = settle(rc, nullptr, nullptr);
  if (rc != MDB_SUCCESS || stat.ms_entries != count) {
    return rc != MDB_SUCCESS ? store_code(rc) : StoreCode::damaged;
  }
  denials = count;
  denials_txn_id = generation.txn_id;
  return StoreCode::ok;
}

StoreCode CredentialReader::State::apply_denial(DenialKind kind, std::string_view name, std::string_view issuer,
                                                std::int64_t now_s, TokenDenial *denial) const noexcept {
  const DenialKey key = denial_key(kind, name);
  std::string_view content;
  const StoreCode code = get(Table::denials, view_of(key), &content);
  if (code != StoreCode::ok) {
    return code == StoreCode::not_found ? confirm_absence(Table::denials, view_of(key)) : code;
  }
  return keyward::apply_denial(content, kind, name, issuer, now_s, denial) ? StoreCode::ok : StoreCode::damaged;
}

StoreCode CredentialReader::find_token_denial(std::string_view issuer, std::string_view subject, std::string_view jti,
                                              std::int64_t now_s, TokenDenial *denial) noexcept {
  State &state = *state_;
  *denial = {};
  if (!state.in_snapshot) {
    return StoreCode::io;
  }
  StoreCode code = state.count_denials();
  if (code != StoreCode::ok || state.denials == 0) {
    return code;
  }
  const auto ask = [&](DenialKind kind, std::string_view name) {
    if (code == StoreCode::ok && !name.empty()) {
      code = state.apply_denial(kind, name, issuer, now_s, denial);
      code = code == StoreCode::not_found ? StoreCode::ok : code;
    }
  };
  ask(DenialKind::jti, jti);
  ask(DenialKind::subject, subject);
  return code;
}

StoreCode CredentialReader::find_subject(std::string_view subject, SubjectView *view) noexcept {
  std::string_view content;
  StoreCode code = state_->get(Table::subjects, subject, &content);
  if (code == StoreCode::not_found && is_subject(subject)) {
    code = state_->confirm_absence(Table::subjects, subject);
  }
  return code == StoreCode::ok && !decode(content, view) ? StoreCode::damaged : code;
}

StoreCode CredentialReader::find_plan(std::string_view name, PlanView *view) noexcept {
  std::string_view content;
  const StoreCode code = state_->get(Table::plans, name, &content);
  return code == StoreCode::ok && !decode(content, view) ? StoreCode::damaged : code;
}

StoreCode CredentialReader::find_default_plan(std::string_view *name, PlanView *view) noexcept {
  StoreCode code = state_->get(Table::meta, kDefaultPlanKey, name);
  if (code != StoreCode::ok) {
    return code == StoreCode::not_found ? state_->confirm_absence(Table::meta, kDefaultPlanKey) : code;
  }
  code = find_plan(*name, view);
  return code == StoreCode::not_found || (code == StoreCode::ok && !view->is_default) ? StoreCode::damaged : code;
}

std::uint64_t CredentialReader::legacy_prefix_lengths() noexcept {
  std::string_view counts;
  const StoreCode code = state_->get(Table::meta, kPrefixLengthsKey, &counts);
  if (code == StoreCode::not_found) {
    return 0;
  }
  if (code != StoreCode::ok) {
    return ~std::uint64_t{1};  // in doubt there may be one of each: whoever looks it up is told what is wrong
  }
  std::uint64_t lengths = 0, count = 0;
  for (std::size_t length = 0; length < kPrefixLengths && take_int(&counts, &count); ++length) {
    lengths |= count != 0 ? std::uint64_t{1} << length : 0;
  }
  return lengths;
}

}  // namespace keyward
