// Copies entries with TableCopy, and mends what `meta` says of them.
#include "store/maintenance/restored_journal.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

#include "store/environment/failure.hpp"
#include "store/environment/table_copy.hpp"
#include "store/environment/table_cursor.hpp"
#include "store/transactions/write_txn_state.hpp"

namespace keyward {

namespace {

// Where the present journal stands; false: that can't be read.
bool read_state(const Environment &environment, const EnvironmentSnapshot &snapshot, JournalState *state) {
  std::string_view stored, content;
  const int rc = lmdb::get(snapshot.get(), environment.handle(Table::meta), kJournalKey, &stored);
  return rc == MDB_NOTFOUND ||
         (rc == 0 && environment.seal().open(Table::meta, kJournalKey, stored, &content) && decode(content, state));
}

// What the copied entries themselves say.
int last_number(const WriteScope &scope, std::uint64_t *last) {
  lmdb::Cursor cursor;
  std::string_view key, value;
  int rc = cursor.open(scope.txn(), scope.handle(Table::journal));
  rc = rc == 0 ? cursor.get(&key, &value, MDB_LAST) : rc;
  if (rc == 0 && !parse_journal_key(key, last)) {
    return MDB_CORRUPTED;
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}

}  // namespace

StoreStatus RestoredJournal::copy(Environment &from, EnvironmentSnapshot &snapshot, std::string_view whose,
                                  std::vector<std::string> *damaged) {
  if (!to_->has(Table::journal)) {
    return {};
  }
  TableCopy copy;
  copy.from = &from;
  copy.snapshot = snapshot.get();
  copy.to = to_;
  copy.table = Table::journal;
  copy.reseal = true;  // which looks at every entry, too
  copy.damaged = [&](Table, std::string_view key) {
    damaged->push_back(std::string(whose) +
                       (key.empty() ? " journal, not all of which can be reached," : " entry of the journal"));
  };
  return copy.run();
}

StoreStatus RestoredJournal::finish(const Environment *present, const EnvironmentSnapshot *snapshot,
                                    const Author &author, std::uint64_t keys) {
  bool stale = false;
  if (!to_->has(Table::journal)) {
    // What the backup's `meta` says of entries, which have no table here.
    return to_->write(
        [](WriteScope &scope) {
          const StoreStatus status = scope.remove(Table::meta, kJournalKey);
          return status.code == StoreCode::not_found ? StoreStatus() : status;
        },
        nullptr, &stale);
  }
  const std::int64_t now_s = std::time(nullptr);
  JournalState known;
  if (present == nullptr || !read_state(*present, *snapshot, &known)) {
    known.next = number_by_time(now_s);
  }
  return to_->write(
      [&](WriteScope &scope) {
        WriteTxn::State state(scope, *to_, &author);
        std::uint64_t last = 0;
        MDB_stat stat = {};
        int rc = last_number(scope, &last);
        rc = rc == 0 ? mdb_stat(scope.txn(), scope.handle(Table::journal), &stat) : rc;
        if (rc != 0) {
          return scope.note(rc, "restore the journal");
        }
        state.journal.next = std::max({known.next, last + 1, std::uint64_t{1}});
        state.journal.entries = stat.ms_entries;
        state.noted_at_s = now_s;
        state.journal_known = true;
        StoreStatus status = state.note(Operation::store_restored, {}, {{Field::count, {}, std::to_string(keys)}});
        return status.ok() ? state.finish() : status;
      },
      nullptr, &stale);
}

}  // namespace keyward
