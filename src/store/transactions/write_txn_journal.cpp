// Entries of the journal, inside a write transaction: what is done and what is written about it are committed together
// or not at all.
#include <ctime>
#include <utility>

#include "store/environment/failure.hpp"
#include "store/environment/table_cursor.hpp"
#include "store/transactions/write_txn_state.hpp"
#include "store/transactions/writer.hpp"

namespace keyward {

StoreStatus WriteTxn::State::know_journal() {
  if (journal_known) {
    return {};
  }
  std::string_view content;
  StoreStatus status = scope.get(Table::meta, kJournalKey, &content);
  journal = {};
  if (status.ok() && !decode(content, &journal)) {
    status.code = StoreCode::damaged;
  }
  if (!status.ok() && status.code != StoreCode::not_found) {
    return about(std::move(status), "the journal's length");
  }
  noted_at_s =
      static_cast<std::int64_t>(std::time(nullptr));  // under the lock: entries stand in the order of their times
  journal_known = true;
  return {};
}

StoreStatus WriteTxn::State::note(JournalEntry entry) {
  if (!has_journal()) {
    return {};
  }
  StoreStatus status = know_journal();
  if (!status.ok()) {
    return status;
  }
  entry.number = journal.next;
  entry.position = noted;
  entry.at_s = noted_at_s;
  entry.author = *author;
  const std::string content = encode(entry);
  if (content.empty()) {
    return failure(StoreCode::damaged, "what is to be written into the journal is not valid");
  }
  status = scope.append(Table::journal, view_of(journal_key(entry.number)), content);
  if (status.code == StoreCode::exists) {
    return failure(StoreCode::damaged, "the journal has entries behind its end");
  }
  ++journal.next;
  ++journal.entries;
  ++noted;
  return status;
}

StoreStatus WriteTxn::State::note(Operation operation, std::string_view name, std::vector<FieldChange> changes,
                                  std::string_view owner) {
  if (!has_journal()) {
    return {};
  }
  JournalEntry entry;
  entry.operation = operation;
  entry.name = name;
  entry.owner = owner;
  entry.changes = std::move(changes);
  return note(std::move(entry));
}

StoreStatus WriteTxn::trim_journal(std::int64_t before_s, std::size_t most, std::size_t *trimmed) {
  WriteScope &scope = state_->scope;
  *trimmed = 0;
  if (!state_->has_journal()) {
    return {};
  }
  std::vector<std::string> ended;
  StoreStatus status = state_->know_journal();
  {
    TableCursor entries;
    const int rc = status.ok() ? entries.open(scope.txn(), scope.handle(Table::journal)) : 0;
    if (!status.ok() || rc != 0) {
      return status.ok() ? scope.note(rc, "read the journal") : status;
    }
    std::size_t certain = 0;  // one that is damaged ends with an old one behind it
    for (entries.seek_behind({}); entries.rc == 0 && ended.size() < most; entries.next()) {
      std::string_view content;
      JournalEntry entry;
      const bool whole =
          scope.seal().open(Table::journal, entries.key, entries.value, &content) && decode(content, &entry);
      if (whole && entry.at_s >= before_s) {
        break;
      }
      ended.emplace_back(entries.key);
      certain = whole ? ended.size() : certain;
    }
    ended.resize(certain);
    if (entries.failed()) {
      return scope.note(entries.rc, "read the journal");
    }
  }
  for (auto key = ended.begin(); status.ok() && key != ended.end(); ++key) {
    status = scope.remove(Table::journal, *key);
    state_->journal.entries -= state_->journal.entries != 0 ? 1 : 0;
  }
  if (!status.ok() || ended.empty()) {
    return status;
  }
  *trimmed = ended.size();
  std::uint64_t last = 0;
  parse_journal_key(ended.back(), &last);
  return state_->note(
      Operation::journal_trimmed, {},
      {{Field::count, {}, std::to_string(ended.size())}, {Field::before, {}, std::to_string(last + 1)}});
}

// Few entries that list ids: an entry for each key would make an import half as large again.
StoreStatus WriteTxn::State::note_import(const NewKeys &keys, const std::vector<std::uint32_t> &order) {
  if (!has_journal()) {
    return {};
  }
  StoreStatus status;
  JournalEntry entry;
  entry.operation = Operation::keys_imported;
  std::size_t bytes = 0;
  for (std::size_t rank = 0; status.ok() && rank < order.size(); ++rank) {
    entry.ids.emplace_back(keys.at(order[rank]).id);
    bytes += entry.ids.back().size();
    const bool full = entry.ids.size() == kMaxEntryIds || bytes + kMaxIdBytes > kMaxEntryIdBytes;
    if (full || rank + 1 == order.size()) {
      status = note(std::exchange(entry, {}));
      entry.operation = Operation::keys_imported;
      bytes = 0;
    }
  }
  return status;
}

StoreStatus WriteTxn::note_limits_reset(std::string_view id, std::string_view owner) {
  return state_->note(Operation::limits_reset, id, {}, owner);
}

}  // namespace keyward
