// Both stores' keys side by side, in order of id; what has to differ from the backup is written in batches.
#include "store/maintenance/restored_keys.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/little_endian.hpp"
#include "store/environment/failure.hpp"
#include "store/environment/table_cursor.hpp"
#include "store/transactions/write_txn_state.hpp"

namespace keyward {

// The journal's rule is in restored_journal.hpp, that of the usage environment in restored_usage.cpp.
static_assert(kTableCount == 15, "a new table needs its rule for a restore here: what in it must outlive one");

namespace {

constexpr std::size_t kBatch = 2000;
constexpr int kMostRotations = 10000;  // a chain of predecessors that is longer has been tampered with

}  // namespace

RestoredKeys::RestoredKeys(Environment &backup, EnvironmentSnapshot &backup_snapshot, Environment &present,
                           EnvironmentSnapshot &present_snapshot, Environment *to, RestoreReport *report)
    : backup_{backup, backup_snapshot, "backup"},
      present_{present, present_snapshot, "present"},
      to_(to),
      report_(report),
      any_purged_(present_snapshot.entries(Table::purged) != 0) {}

StoreStatus RestoredKeys::run() {
  StoreStatus status = purged_entries();
  status = status.ok() ? keys() : status;
  status = status.ok() ? denials() : status;
  return status.ok() ? subjects() : status;
}

// Keys.

StoreStatus RestoredKeys::keys() {
  TableCursor present, backup;
  int rc = present.open(present_.snapshot.get(), present_.environment.handle(Table::keys));
  rc = rc == 0 ? backup.open(backup_.snapshot.get(), backup_.environment.handle(Table::keys)) : rc;
  if (rc != 0) {
    return failure_of(rc, "read the keys");
  }
  present.seek_behind({});
  backup.seek_behind({});
  StoreStatus status = end_where_it_fails(&present, present_);
  status = status.ok() ? end_where_it_fails(&backup, backup_) : status;
  std::uint64_t seen = 0;
  while (status.ok() && !(present.at_end() && backup.at_end())) {
    const bool of_present = !present.at_end() && (backup.at_end() || present.key <= backup.key);
    const bool of_backup = !backup.at_end() && (present.at_end() || backup.key <= present.key);
    KeyView present_view, backup_view;
    const bool has_present = of_present && read_key(present_, present.key, present.value, &present_view);
    const bool has_backup = of_backup && read_key(backup_, backup.key, backup.value, &backup_view);
    if (has_present && has_backup) {
      in_both(present.key, present_view, backup_view);
    } else if (has_present) {
      only_present(present.key, present_view);
    } else if (has_backup && !of_present) {
      only_backup(backup.key);
    }
    if (of_present) {
      ++seen;
      present.next();
      status = end_where_it_fails(&present, present_);
    }
    if (of_backup) {
      backup.next();
      status = status.ok() ? end_where_it_fails(&backup, backup_) : status;
    }
    status = status.ok() ? flush_if_full() : status;
  }
  note_seen(Table::keys, seen);
  return status.ok() ? flush() : status;
}

void RestoredKeys::only_present(std::string_view id, const KeyView &view) {
  if (view.state == KeyState::revoked) {
    ++report_->revoked;
  } else if (!succeeds_one_of_the_backup(view.predecessor)) {
    ++report_->keys_gone;
    return;
  }
  puts_.push_back(to_record(id, view));
}

void RestoredKeys::in_both(std::string_view id, const KeyView &present, const KeyView &backup) {
  if (backup.state == KeyState::revoked) {
    return;
  }
  if (present.state == KeyState::revoked) {
    ++report_->revoked;
    puts_.push_back(to_record(id, present));
    return;
  }
  const bool suspended = present.state == KeyState::suspended && backup.state != KeyState::suspended;
  const bool rotated =
      present.overlap_until_s != 0 && (backup.overlap_until_s == 0 || present.overlap_until_s < backup.overlap_until_s);
  if (!suspended && !rotated) {
    return;
  }
  KeyRecord record = to_record(id, backup);
  if (suspended) {
    ++report_->suspended;
    record.state = KeyState::suspended;
    record.changed_at_s = present.changed_at_s;
  }
  if (rotated) {
    ++report_->rotated;
    record.overlap_until_s = present.overlap_until_s;
    record.successor = present.successor;
  }
  puts_.push_back(std::move(record));
}

void RestoredKeys::only_backup(std::string_view id) {
  std::string_view content;
  if (any_purged_ && find(present_, Table::purged, view_of(purge_name(id)), &content)) {
    ++report_->purged;
    purged_.emplace_back(id);
  }
}

// Whoever rotated a key since has only its successor now, and the key's own end is kept.
bool RestoredKeys::succeeds_one_of_the_backup(std::string_view predecessor) const {
  for (int i = 0; i < kMostRotations && !predecessor.empty(); ++i) {
    std::string_view content;
    KeyView view;
    if (find(backup_, Table::keys, predecessor, &content)) {
      return true;
    }
    if (!find(present_, Table::keys, predecessor, &content) || !decode(content, &view)) {
      return false;
    }
    predecessor = view.predecessor;
  }
  return false;
}

// A damaged tree: what lies behind can't be read, which is told. LMDB lets nothing more be read in a snapshot in which
// it has met that.
StoreStatus RestoredKeys::end_where_it_fails(TableCursor *side, const Source &source) {
  if (!side->failed()) {
    return {};
  }
  report_->damaged.push_back(std::string(source.name) + " table (not all of it can be read)");
  side->rc = MDB_NOTFOUND;
  side->cursor.close();
  return source.snapshot.begin(&source.environment);
}

// What ended is told by records that are there: some that can't be reached any more would be forgotten.
void RestoredKeys::note_seen(Table table, std::uint64_t seen) {
  if (report_->damaged.empty() && seen != present_.snapshot.entries(table)) {
    report_->damaged.push_back(std::string("the present table ") + name_of(table) + " (not all of it can be read)");
  }
}

bool RestoredKeys::read_key(const Source &source, std::string_view id, std::string_view stored, KeyView *view) {
  std::string_view content;
  if (source.environment.seal().open(Table::keys, id, stored, &content) && decode(content, view)) {
    return true;
  }
  report_->damaged.push_back(std::string(source.name) + " key " + std::string(id));
  return false;
}

bool RestoredKeys::find(const Source &source, Table table, std::string_view key, std::string_view *content) const {
  std::string_view stored;
  return source.environment.has(table) &&
         lmdb::get(source.snapshot.get(), source.environment.handle(table), key, &stored) == 0 &&
         source.environment.seal().open(table, key, stored, content);
}

// Subjects, and keys that are no more.

StoreStatus RestoredKeys::subjects() {
  std::vector<SubjectRecord> changed;
  TableCursor present;
  const int rc = present.open(present_.snapshot.get(), present_.environment.handle(Table::subjects));
  if (rc != 0) {
    return failure_of(rc, "read the subjects");
  }
  std::uint64_t seen = 0;
  for (present.seek_behind({}); present.rc == 0; present.next(), ++seen) {
    std::string_view content;
    SubjectView view, old;
    if (!present_.environment.seal().open(Table::subjects, present.key, present.value, &content) ||
        !decode(content, &view)) {
      report_->damaged.push_back("present subject " + std::string(present.key));
      continue;
    }
    const bool known = find(backup_, Table::subjects, present.key, &content) && decode(content, &old);
    const bool is_blocked = view.state == SubjectState::blocked;
    report_->subjects_gone += known || is_blocked ? 0 : 1;
    const bool blocks = is_blocked && (!known || old.state != SubjectState::blocked);
    report_->blocked += blocks ? 1 : 0;
    // What was granted since stays granted, as what was spent stays spent.
    const bool grants = known && view.credits.changed > old.credits.changed;
    if (blocks || grants) {
      SubjectRecord &record = changed.emplace_back(to_record(present.key, known ? old : view));
      record.state = blocks ? SubjectState::blocked : record.state;
      record.credits = view.credits;
      record.changed_at_s = view.changed_at_s;
    }
  }
  StoreStatus status = end_where_it_fails(&present, present_);
  note_seen(Table::subjects, seen);
  if (!status.ok()) {
    return status;
  }
  if (to_ == nullptr || changed.empty()) {
    return {};
  }
  bool stale = false;
  return to_->write(
      [&](WriteScope &scope) {
        WriteTxn::State state(scope, *to_);
        WriteTxn txn(&state);
        StoreStatus put;
        for (auto at = changed.begin(); put.ok() && at != changed.end(); ++at) {
          put = txn.put_subject(*at);
        }
        return put;
      },
      nullptr, &stale);
}

StoreStatus RestoredKeys::purged_entries() {
  if (to_ == nullptr || !any_purged_) {
    return {};
  }
  std::string after;
  StoreStatus status;
  std::uint64_t seen = 0;
  bool stale = false, done = false;
  while (status.ok() && !done) {
    std::string last;
    std::size_t count = 0;
    status = to_->write(
        [&](WriteScope &scope) {
          TableCursor present;
          const int rc = present.open(present_.snapshot.get(), present_.environment.handle(Table::purged));
          StoreStatus put = rc == 0 ? StoreStatus() : failure_of(rc, "read the purged keys");
          last = after;
          count = 0;
          for (present.seek_behind(last); put.ok() && present.rc == 0 && count < kBatch; present.next(), ++count) {
            std::string_view content;
            last = present.key;
            if (present_.environment.seal().open(Table::purged, present.key, present.value, &content)) {
              put = scope.put(Table::purged, present.key, content);
            } else {
              report_->damaged.emplace_back("present entry of a purged key");
            }
          }
          done = present.rc != 0;
          return put.ok() && done ? end_where_it_fails(&present, present_) : put;
        },
        nullptr, &stale);
    after = last;
    seen += count;
  }
  if (status.ok()) {
    note_seen(Table::purged, seen);
  }
  return status;
}

// Of both stores' denylists everything counts, and of two entries for the same tokens the stricter one.
StoreStatus RestoredKeys::denials() {
  std::vector<DenialRecord> records;
  StoreStatus status;
  std::uint64_t seen = 0;
  if (present_.environment.has(Table::denials)) {
    TableCursor present;
    const int rc = present.open(present_.snapshot.get(), present_.environment.handle(Table::denials));
    if (rc != 0) {
      return failure_of(rc, "read the denylist");
    }
    for (present.seek_behind({}); status.ok() && present.rc == 0; present.next(), ++seen) {
      std::string_view content;
      DenialRecord record;
      if (!present_.environment.seal().open(Table::denials, present.key, present.value, &content) ||
          !decode(content, &record)) {
        report_->damaged.emplace_back("present entry of the denylist");
        continue;
      }
      records.push_back(std::move(record));
      if (records.size() == kBatch) {
        status = merge_denials(records, false);
        records.clear();
      }
    }
    status = status.ok() ? end_where_it_fails(&present, present_) : status;
  }
  note_seen(Table::denials, seen);
  std::string_view content;
  std::uint64_t counted = 0;
  if (find(present_, Table::meta, kDenialsKey, &content)) {
    take_int(&content, &counted);
  }
  if (counted != present_.snapshot.entries(Table::denials)) {
    report_->damaged.emplace_back("present denylist (its number of entries is wrong)");
  }
  return status.ok() ? merge_denials(records, true) : status;
}

// The last time it also counts: where the backup was damaged, there are fewer than it says.
StoreStatus RestoredKeys::merge_denials(const std::vector<DenialRecord> &records, bool last) {
  std::uint64_t added = 0;
  const auto is_news = [this](const DenialRecord &record) {
    std::string_view content;
    DenialRecord old;
    if (!find(backup_, Table::denials, view_of(denial_key(record.kind, record.name)), &content) ||
        !decode(content, &old)) {
      return true;
    }
    DenialRecord merged = old;
    for (const DenialEntry &entry : record.entries) {
      merge(&merged, entry);
    }
    return !denies_the_same(merged, old);
  };
  for (const DenialRecord &record : records) {
    added += is_news(record) ? 1U : 0U;
  }
  report_->denied += added;
  if (to_ == nullptr || (added == 0 && !last)) {
    return {};
  }
  bool stale = false;
  return to_->write(
      [&](WriteScope &scope) {
        WriteTxn::State state(scope, *to_);
        WriteTxn txn(&state);
        StoreStatus put = state.count_denials();
        for (auto record = records.begin(); put.ok() && record != records.end(); ++record) {
          for (auto entry = record->entries.begin(); put.ok() && entry != record->entries.end(); ++entry) {
            put = txn.merge_denial(record->kind, record->name, *entry);
          }
        }
        return put.ok() ? state.finish() : put;
      },
      nullptr, &stale);
}

// Writing.

StoreStatus RestoredKeys::flush_if_full() { return puts_.size() + purged_.size() < kBatch ? StoreStatus() : flush(); }

StoreStatus RestoredKeys::flush() {
  StoreStatus status;
  bool stale = false;
  std::vector<std::string> left_out;
  if (to_ != nullptr && puts_.size() + purged_.size() != 0) {
    status = to_->write(
        [&](WriteScope &scope) {
          WriteTxn::State state(scope, *to_);
          WriteTxn txn(&state);
          StoreStatus done;
          left_out.clear();
          for (auto id = purged_.begin(); done.ok() && id != purged_.end(); ++id) {
            done = txn.purge_key(*id, std::time(nullptr));
          }
          for (auto record = puts_.begin(); done.ok() && record != puts_.end(); ++record) {
            done = put(txn, *record, &left_out);
          }
          return done.ok() ? state.finish() : done;
        },
        nullptr, &stale);
  }
  report_->left_out.insert(report_->left_out.end(), left_out.begin(), left_out.end());
  puts_.clear();
  purged_.clear();
  return status;
}

// The same key may have been made under another id since: where one of the two is revoked, that one counts.
StoreStatus RestoredKeys::put(WriteTxn &txn, const KeyRecord &record, std::vector<std::string> *left_out) const {
  std::string other;
  StoreStatus status = record.indexed ? txn.find_id(record.locator, &other) : StoreStatus{StoreCode::not_found, {}};
  if (status.ok() && other != record.id) {
    if (record.state != KeyState::revoked) {
      left_out->push_back(record.id);
      return {};
    }
    left_out->push_back(other);
    status = txn.purge_key(other, std::time(nullptr));
  }
  if (!status.ok() && status.code != StoreCode::not_found) {
    return status;
  }
  status = txn.replace_key(record);
  return status.code == StoreCode::not_found ? txn.add_key(record) : status;
}

}  // namespace keyward
