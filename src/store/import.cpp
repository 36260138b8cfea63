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

using Order = std::vector<const KeyRecord *>;

// The records that `wanted` accepts, sorted. What is sorted are pointers: a record is large.
template <typename Wanted, typename Less>
Order ordered(const std::vector<KeyRecord> &records, Wanted wanted, Less less) {
  Order order;
  order.reserve(records.size());
  for (const KeyRecord &record : records) {
    if (wanted(record)) {
      order.push_back(&record);
    }
  }
  const auto by_pointer = [&less](const KeyRecord *a, const KeyRecord *b) { return less(*a, *b); };
  if (!std::is_sorted(order.begin(), order.end(), by_pointer)) {
    std::sort(order.begin(), order.end(), by_pointer);
  }
  return order;
}

// `put` for each, in order.
template <typename Put>
StoreStatus fill(const Order &order, Put put) {
  StoreStatus status;
  for (auto at = order.begin(); status.ok() && at != order.end(); ++at) {
    status = put(**at);
  }
  return status;
}

StoreStatus fill_keys(WriteScope *scope, const std::vector<KeyRecord> &records, const Progress &progress) {
  const Order order = ordered(
      records, [](const KeyRecord &) { return true; },
      [](const KeyRecord &a, const KeyRecord &b) { return a.id < b.id; });
  const auto twice = std::adjacent_find(order.begin(), order.end(),
                                        [](const KeyRecord *a, const KeyRecord *b) { return a->id == b->id; });
  if (twice != order.end()) {
    return about({StoreCode::exists, {}}, "key " + (*twice)->id);
  }
  Filler filler(scope, Table::keys);
  StoreStatus opened = filler.open(order.front()->id);
  std::string content;
  std::size_t done = 0;
  return !opened.ok() ? opened : fill(order, [&](const KeyRecord &record) {
    StoreStatus status = encode_checked(record, &content);
    status = status.ok() ? filler.put(record.id, content) : status;
    if (progress && ++done % kProgressStep == 0) {
      progress(done);
    }
    return status.ok() ? status : about(std::move(status), "key " + record.id);
  });
}

StoreStatus fill_index(WriteScope *scope, const std::vector<KeyRecord> &records) {
  const Order order = ordered(
      records, [](const KeyRecord &record) { return record.indexed; },
      [](const KeyRecord &a, const KeyRecord &b) { return a.locator < b.locator; });
  if (order.empty()) {
    return {};
  }
  Filler filler(scope, Table::index);
  StoreStatus opened = filler.open(view_of(order.front()->locator));
  const KeyRecord *last = nullptr;
  return !opened.ok() ? opened : fill(order, [&](const KeyRecord &record) {
    const bool twice = last != nullptr && last->locator == record.locator;
    last = &record;
    StoreStatus status = twice ? StoreStatus{StoreCode::exists, {}} : filler.put(view_of(record.locator), record.id);
    return status.ok() ? status : about(std::move(status), "a key with the hash of " + record.id);
  });
}

// PREFIX \0 ID for `prefixes` and `subject_keys`: their order is that of the pairs, as no prefix has a NUL.
template <typename Prefix>
StoreStatus fill_entries(WriteScope *scope, Table table, const std::vector<KeyRecord> &records, Prefix prefix) {
  const Order order = ordered(
      records, [&prefix](const KeyRecord &record) { return !prefix(record).empty(); },
      [&prefix](const KeyRecord &a, const KeyRecord &b) {
        const int difference = prefix(a).compare(prefix(b));
        return difference != 0 ? difference < 0 : a.id < b.id;
      });
  if (order.empty()) {
    return {};
  }
  Filler filler(scope, table);
  StoreStatus opened = filler.open(entry_of(prefix(*order.front()), order.front()->id));
  return !opened.ok() ? opened : fill(order, [&](const KeyRecord &record) {
    return about(filler.put(entry_of(prefix(record), record.id), {}), "an index entry");
  });
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
  status = fill_keys(&scope, *records, progress);
  status = status.ok() ? fill_index(&scope, *records) : status;
  const auto prefix = [](const KeyRecord &record) {
    return std::string_view(is_candidate(record) ? record.legacy_prefix : std::string_view());
  };
  status = status.ok() ? fill_entries(&scope, Table::prefixes, *records, prefix) : status;
  for (auto record = records->begin(); status.ok() && record != records->end(); ++record) {
    status = is_candidate(*record) ? state_->count_prefix(record->legacy_prefix, true) : status;
  }
  const auto subject = [](const KeyRecord &record) { return std::string_view(record.subject); };
  status = status.ok() ? fill_entries(&scope, Table::subject_keys, *records, subject) : status;
  if (status.ok() && progress) {
    progress(records->size());
  }
  return status;
}

}  // namespace keyward
