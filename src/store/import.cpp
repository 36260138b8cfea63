// Many new keys in one transaction: every table is filled in its own order, so that pages are filled one after the other.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "store/failure.hpp"
#include "store/lmdb.hpp"
#include "store/write_txn_state.hpp"
#include "store/writer.hpp"

namespace keyward {

namespace {

using Progress = std::function<void(std::size_t done)>;

constexpr std::size_t kProgressStep = 4096;

// Puts ascending keys into one table; appends where all of them come behind what is there.
class Filler {
 public:
  Filler(WriteScope *scope, Table table) : scope_(scope), table_(table) {}

  StoreStatus open(std::string_view first) {
    std::string_view last, value;
    int rc = cursor_.open(scope_->txn(), scope_->handle(table_));
    if (rc == 0) {
      rc = cursor_.get(&last, &value, MDB_LAST);
      append_ = rc == MDB_NOTFOUND || (rc == 0 && last < first);
      rc = rc == MDB_NOTFOUND ? 0 : rc;
    }
    return scope_->note(rc, "write to the store");
  }
  StoreStatus put(std::string_view key, std::string_view content) {
    value_.assign(content);
    value_.append(view_of(scope_->seal().tag(table_, key, content)));
    scope_->count_puts(1, key.size() + value_.size());
    return scope_->note(cursor_.put(key, value_, append_ ? MDB_APPEND : MDB_NOOVERWRITE), "write to the store");
  }

 private:
  WriteScope *scope_;
  Table table_;
  lmdb::Cursor cursor_;
  bool append_ = false;
  std::string value_;
};

// An upper estimate of the map that the records need: half-filled pages, all indexes, whole pages for long records.
std::uint64_t bytes_for(const std::vector<KeyRecord> &records) {
  constexpr std::uint64_t kEntryBytes = 64, kPlainBytes = 400, kLongBytes = 1500;
  std::uint64_t bytes = 0;
  for (const KeyRecord &record : records) {
    std::uint64_t scopes = 0;
    for (const std::string &scope : record.scopes.items) {
      scopes += scope.size() + 1;
    }
    const std::uint64_t ids = record.id.size() * 3 + record.subject.size() * 2 + record.legacy_prefix.size();
    const std::uint64_t own = kPlainBytes + ids + record.name.size() + scopes + kEntryBytes * 3;
    bytes += own + (own > kLongBytes ? 2 * 4096 : 0);
  }
  return 2 * bytes;
}

StoreStatus fill_keys(WriteScope *scope, const std::vector<KeyRecord> &records, const Progress &progress) {
  Filler filler(scope, Table::keys);
  StoreStatus status = filler.open(records.front().id);
  std::string content;
  for (std::size_t i = 0; status.ok() && i < records.size(); ++i) {
    status = encode_checked(records[i], &content);
    status = status.ok() ? about(filler.put(records[i].id, content), "key " + records[i].id) : status;
    if (progress && (i + 1) % kProgressStep == 0) {
      progress(i + 1);
    }
  }
  return status;
}

StoreStatus fill_index(WriteScope *scope, const std::vector<KeyRecord> &records) {
  std::vector<const KeyRecord *> order;
  order.reserve(records.size());
  for (const KeyRecord &record : records) {
    if (record.indexed) {
      order.push_back(&record);
    }
  }
  const auto by_locator = [](const KeyRecord *a, const KeyRecord *b) { return a->locator < b->locator; };
  std::sort(order.begin(), order.end(), by_locator);
  if (order.empty()) {
    return {};
  }
  Filler filler(scope, Table::index);
  StoreStatus status = filler.open(view_of(order.front()->locator));
  const KeyRecord *last = nullptr;
  for (const KeyRecord *record : order) {
    if (!status.ok()) {
      break;
    }
    status = last != nullptr && last->locator == record->locator ? StoreStatus{StoreCode::exists, {}}
                                                                 : filler.put(view_of(record->locator), record->id);
    status = about(std::move(status), "a key with the hash of " + record->id);
    last = record;
  }
  return status;
}

StoreStatus fill_entries(WriteScope *scope, Table table, std::vector<std::string> *entries) {
  std::sort(entries->begin(), entries->end());
  if (entries->empty()) {
    return {};
  }
  Filler filler(scope, table);
  StoreStatus status = filler.open(entries->front());
  for (std::size_t i = 0; status.ok() && i < entries->size(); ++i) {
    status = about(filler.put((*entries)[i], {}), "an index entry");
  }
  return status;
}

}  // namespace

StoreStatus WriteTxn::add_keys(std::vector<KeyRecord> *records, const Progress &progress) {
  WriteScope &scope = state_->scope;
  if (records->empty()) {
    return {};
  }
  const Environment &environment = state_->environment;
  StoreStatus status = scope.reserve(bytes_for(*records), environment.map_bytes(), environment.used_bytes());
  if (!status.ok()) {
    return status;
  }
  const auto by_id = [](const KeyRecord &a, const KeyRecord &b) { return a.id < b.id; };
  if (!std::is_sorted(records->begin(), records->end(), by_id)) {
    std::sort(records->begin(), records->end(), by_id);
  }
  for (std::size_t i = 1; i < records->size(); ++i) {
    if ((*records)[i - 1].id == (*records)[i].id) {
      return about({StoreCode::exists, {}}, "key " + (*records)[i].id);
    }
  }
  status = fill_keys(&scope, *records, progress);
  status = status.ok() ? fill_index(&scope, *records) : status;
  std::vector<std::string> prefixes, subjects;
  for (const KeyRecord &record : *records) {
    if (status.ok() && is_candidate(record)) {
      prefixes.push_back(entry_of(record.legacy_prefix, record.id));
      status = state_->count_prefix(record.legacy_prefix, true);
    }
    if (!record.subject.empty()) {
      subjects.push_back(entry_of(record.subject, record.id));
    }
  }
  status = status.ok() ? fill_entries(&scope, Table::prefixes, &prefixes) : status;
  status = status.ok() ? fill_entries(&scope, Table::subject_keys, &subjects) : status;
  if (status.ok() && progress) {
    progress(records->size());
  }
  return status;
}

}  // namespace keyward
