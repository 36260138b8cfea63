// A cursor and what lies under it, to walk two tables side by side.
#pragma once

#include <string>
#include <string_view>

#include "store/environment/lmdb.hpp"

namespace keyward {

struct TableCursor {
  lmdb::Cursor cursor;
  std::string_view key, value;
  int rc = MDB_NOTFOUND;

  int open(MDB_txn *txn, MDB_dbi table) { return cursor.open(txn, table); }
  bool at_end() const noexcept { return rc == MDB_NOTFOUND; }
  bool failed() const noexcept { return rc != 0 && !at_end(); }
  // The first entry behind this key; of all, where it is empty.
  void seek_behind(std::string_view after) {
    const std::string last(after);  // it may lie in a page that is changed
    key = last;
    rc = cursor.get(&key, &value, last.empty() ? MDB_FIRST : MDB_SET_RANGE);
    if (rc == 0 && key == last) {
      rc = cursor.get(&key, &value, MDB_NEXT);
    }
  }
  // A damaged tree may lead back to where the walk has been: it ends there.
  void next() {
    const std::string_view last = key;
    rc = cursor.get(&key, &value, MDB_NEXT);
    rc = rc == 0 && key <= last ? MDB_CORRUPTED : rc;
  }
};

}  // namespace keyward
