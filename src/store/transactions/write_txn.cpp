// Keys and their index entries, inside a write transaction.
#include <utility>

#include "base/little_endian.hpp"
#include "store/environment/failure.hpp"
#include "store/environment/walk.hpp"
#include "store/transactions/write_txn_state.hpp"
#include "store/transactions/writer.hpp"

namespace keyward {

StoreStatus about(StoreStatus status, std::string_view what) {
  if (!status.text.empty()) {
    return status;
  }
  if (status.code == StoreCode::exists) {
    status.text = std::string(what) + " exists already";
  } else if (status.code == StoreCode::damaged) {
    status.text = "the record of " + std::string(what) + " is damaged";
  }
  return status;
}

std::string entry_of(std::string_view prefix, std::string_view id) {
  std::string entry(prefix);
  entry.push_back('\0');
  entry.append(id);
  return entry;
}

StoreStatus encode_checked(const KeyRecord &record, std::string *content) {
  KeyView view;
  *content = encode(record);
  if (!is_id(record.id) || !decode(*content, &view)) {
    return failure(StoreCode::damaged, "what is to be stored of key " + record.id + " is not valid");
  }
  return {};
}

StoreStatus WriteTxn::State::refuse_newer(std::string_view content) const {
  return is_tagged_record(content) && environment.schema().version < kJournalVersion
             ? failure(StoreCode::other_version, kNeedsUpgrade)
             : StoreStatus();
}

// Bookkeeping.

StoreStatus WriteTxn::State::count_prefix(std::string_view prefix, bool added) {
  if (!lengths_known) {
    std::string_view content;
    const StoreStatus status = scope.get(Table::meta, kPrefixLengthsKey, &content);
    if (status.code != StoreCode::ok && status.code != StoreCode::not_found) {
      return about(status, kPrefixLengthsKey);
    }
    for (std::uint64_t &count : lengths) {
      take_int(&content, &count);
    }
    lengths_known = true;
  }
  std::uint64_t &count = lengths[prefix.size() % kPrefixLengths];
  count = added ? count + 1 : count - (count != 0 ? 1 : 0);
  lengths_changed = true;
  return {};
}

StoreStatus WriteTxn::State::count_locator(LocatorKind kind, bool added) {
  if (kind == LocatorKind::sha256) {
    return {};
  }
  if (!locators_known) {
    std::string_view content;
    const StoreStatus status = scope.get(Table::meta, kLocatorKindsKey, &content);
    if (status.code != StoreCode::ok && status.code != StoreCode::not_found) {
      return about(status, kLocatorKindsKey);
    }
    for (std::uint64_t &count : locators) {
      take_int(&content, &count);
    }
    locators_known = true;
  }
  std::uint64_t &count = locators[static_cast<std::size_t>(kind) - 1];
  count = added ? count + 1 : count - (count != 0 ? 1 : 0);
  locators_changed = true;
  return {};
}

StoreStatus WriteTxn::State::finish() {
  StoreStatus status;
  if (lengths_changed) {
    std::string content;
    for (const std::uint64_t count : lengths) {
      put_int(&content, count);
    }
    status = scope.put(Table::meta, kPrefixLengthsKey, content);
  }
  if (status.ok() && locators_changed) {
    std::string content;
    for (const std::uint64_t count : locators) {
      put_int(&content, count);
    }
    status = scope.put(Table::meta, kLocatorKindsKey, content);
  }
  if (status.ok() && denials_changed) {
    std::string content;
    put_int(&content, denials);
    status = scope.put(Table::meta, kDenialsKey, content);
  }
  return status.ok() && noted != 0 ? scope.put(Table::meta, kJournalKey, encode(journal)) : status;
}

StoreStatus WriteTxn::State::add_entries(const KeyRecord &record) {
  if (record.indexed) {
    StoreStatus status = scope.put_fresh(Table::index, view_of(record.locator), record.id);
    if (!status.ok()) {
      std::string_view id;
      const bool known = status.code == StoreCode::exists && scope.get(Table::index, view_of(record.locator), &id).ok();
      return about(std::move(status),
                   "a key with the hash of " + record.id + (known ? " (" + std::string(id) + ")" : ""));
    }
    if (status = count_locator(record.locator_kind, true); !status.ok()) {
      return status;
    }
  }
  if (is_candidate(record)) {
    StoreStatus status = scope.put(Table::prefixes, entry_of(record.legacy_prefix, record.id), {});
    status = status.ok() ? count_prefix(record.legacy_prefix, true) : status;
    if (!status.ok()) {
      return status;
    }
  }
  return record.subject.empty() ? StoreStatus()
                                : scope.put(Table::subject_keys, entry_of(record.subject, record.id), {});
}

// An entry that isn't there needs no removal; one that leads to another key is that one's.
StoreStatus WriteTxn::State::remove_entries(const KeyRecord &record) {
  StoreStatus status;
  if (record.indexed) {
    std::string_view id;
    status = scope.get(Table::index, view_of(record.locator), &id);
    if (status.ok() && id == record.id) {
      status = scope.remove(Table::index, view_of(record.locator));
      status = status.ok() ? count_locator(record.locator_kind, false) : status;
    }
  }
  const auto go_on = [&status] { return status.ok() || status.code == StoreCode::not_found; };
  if (go_on() && is_candidate(record)) {
    status = scope.remove(Table::prefixes, entry_of(record.legacy_prefix, record.id));
    status = status.ok() ? count_prefix(record.legacy_prefix, false) : status;
  }
  if (go_on() && !record.subject.empty()) {
    status = scope.remove(Table::subject_keys, entry_of(record.subject, record.id));
  }
  return go_on() ? StoreStatus() : about(status, "the index entry of key " + record.id);
}

StoreStatus WriteTxn::State::key(std::string_view id, KeyRecord *record) {
  if (!is_id(id)) {
    return {StoreCode::not_found, {}};
  }
  std::string_view content;
  KeyView view;
  StoreStatus status = scope.get(Table::keys, id, &content);
  if (status.ok() && !decode(content, &view)) {
    status.code = StoreCode::damaged;
  }
  if (!status.ok()) {
    return about(std::move(status), "key " + std::string(id));
  }
  *record = to_record(id, view);
  return {};
}

// Keys.

StoreStatus WriteTxn::get_key(std::string_view id, KeyRecord *record) { return state_->key(id, record); }

StoreStatus WriteTxn::use_pepper(const PepperDigest &pepper) {
  std::string_view content;
  StoreStatus status = state_->scope.get(Table::meta, kPepperKey, &content);
  if (status.code == StoreCode::not_found) {
    return state_->scope.put(Table::meta, kPepperKey, view_of(pepper));
  }
  return status.ok() && content != view_of(pepper)
             ? failure(StoreCode::exists, "the store has another pepper already, and a store has one")
             : about(std::move(status), kPepperKey);
}

StoreStatus WriteTxn::find_id(const Locator &locator, std::string *id) {
  std::string_view content;
  StoreStatus status = state_->scope.get(Table::index, view_of(locator), &content);
  if (status.ok()) {
    *id = content;
  }
  return about(std::move(status), "an index entry");
}

StoreStatus WriteTxn::add_key(const KeyRecord &record) {
  std::string content;
  StoreStatus status = encode_checked(record, &content);
  status = status.ok() ? state_->refuse_newer(content) : status;
  status = status.ok() ? about(state_->scope.put_fresh(Table::keys, record.id, content), "key " + record.id) : status;
  status = status.ok() ? state_->add_entries(record) : status;
  return status.ok()
             ? state_->note(Operation::key_created, record.id, changes_between(nullptr, &record), record.subject)
             : status;
}

StoreStatus WriteTxn::replace_key(const KeyRecord &record) {
  KeyRecord old;
  std::string content;
  StoreStatus status = encode_checked(record, &content);
  status = status.ok() ? state_->refuse_newer(content) : status;
  status = status.ok() ? state_->key(record.id, &old) : status;
  if (!status.ok()) {
    return status;
  }
  if (old.state == KeyState::revoked && record.state != KeyState::revoked) {
    return failure(StoreCode::exists, "key " + record.id + " is revoked, and that is final");
  }
  const bool same_entries = old.indexed == record.indexed && old.locator == record.locator &&
                            old.locator_kind == record.locator_kind && old.subject == record.subject &&
                            is_candidate(old) == is_candidate(record) && old.legacy_prefix == record.legacy_prefix;
  if (!same_entries) {
    status = state_->remove_entries(old);
    status = status.ok() ? state_->add_entries(record) : status;
  }
  status = status.ok() ? state_->scope.put(Table::keys, record.id, content) : status;
  // What changes nothing is no change: to revoke twice, say.
  return status.ok() && encode(old) != content
             ? state_->note(operation_of(old, record), record.id, changes_between(&old, &record), record.subject)
             : status;
}

StoreStatus WriteTxn::State::remove(std::string_view id, KeyRecord *old) {
  StoreStatus status = key(id, old);
  status = status.ok() ? remove_entries(*old) : status;
  return status.ok() ? scope.remove(Table::keys, id) : status;
}

StoreStatus WriteTxn::remove_key(std::string_view id) {
  KeyRecord old;
  StoreStatus status = state_->remove(id, &old);
  return status.ok() ? state_->note(Operation::key_removed, old.id, changes_between(&old, nullptr), old.subject)
                     : status;
}

StoreStatus WriteTxn::purge_key(std::string_view id, std::int64_t now_s) {
  KeyRecord old;
  StoreStatus status = state_->remove(id, &old);
  status = status.ok() ? state_->scope.put(Table::purged, view_of(purge_name(id)), encode_purge(now_s)) : status;
  return status.ok() ? state_->note(Operation::key_purged, old.id, {}, old.subject) : status;
}

StoreStatus WriteTxn::get_purge(std::string_view id, std::int64_t *purged_at_s) {
  std::string_view content;
  StoreStatus status = state_->scope.get(Table::purged, view_of(purge_name(id)), &content);
  if (status.ok() && !decode_purge(content, purged_at_s)) {
    status.code = StoreCode::damaged;
  }
  return about(std::move(status), "the purged key " + std::string(id));
}

StoreStatus WriteTxn::keys_of(std::string_view subject, std::vector<std::string> *ids) {
  ids->clear();
  bool sealed = true;
  WriteScope &scope = state_->scope;
  const Walk walk(scope.txn(), scope.handle(Table::subject_keys));
  const StoreCode code = walk.under(subject, [&](std::string_view entry, std::string_view id, std::string_view stored) {
    std::string_view content;
    sealed = scope.seal().open(Table::subject_keys, entry, stored, &content);
    ids->emplace_back(id);
    return sealed;
  });
  return about({sealed ? code : StoreCode::damaged, {}}, "the keys of a subject");
}

StoreStatus WriteTxn::count_candidates(std::string_view prefix, std::size_t *count) {
  *count = 0;
  const Walk walk(state_->scope.txn(), state_->scope.handle(Table::prefixes));
  const StoreCode code = walk.under(prefix, [count](std::string_view, std::string_view, std::string_view) {
    ++*count;
    return true;
  });
  return about({code, {}}, "a plain prefix");
}

StoreStatus WriteTxn::retire() { return state_->scope.put(Table::meta, kRetiredKey, {}); }

}  // namespace keyward
