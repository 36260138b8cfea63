// Walking a table in order. A damaged tree may lead back to where the walk has been: it ends there.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "store/environment/failure.hpp"
#include "store/environment/lmdb.hpp"
#include "store/environment/status.hpp"

namespace keyward {

class Walk {
 public:
  Walk(MDB_txn *txn, MDB_dbi table) noexcept : txn_(txn), table_(table) {}

  // Is asked about each entry before it is visited, and at the end; may exchange the views. Anything but rc ends the
  // walk.
  using Settle = std::function<int(int rc, std::string_view *key, std::string_view *stored)>;
  void settle_by(Settle settle) { settle_ = std::move(settle); }

  // visit(key, stored) for all entries behind `after` (empty: all) until it answers false.
  template <typename Visit>
  StoreCode after(std::string_view after, Visit &&visit) const {
    return from(
        after, [&](std::string_view key, std::string_view stored) { return key == after ? true : visit(key, stored); });
  }

  // visit(key, id, stored) for all entries PREFIX \0 ID until it answers false.
  template <typename Visit>
  StoreCode under(std::string_view prefix, Visit &&visit) const {
    std::string begin(prefix);
    begin.push_back('\0');
    return from(begin, [&](std::string_view key, std::string_view stored) {
      return key.substr(0, begin.size()) == begin && visit(key, key.substr(begin.size()), stored);
    });
  }

 private:
  template <typename Visit>
  StoreCode from(std::string_view begin, Visit &&visit) const {
    constexpr std::size_t kMaxKeyBytes = 511;
    if (begin.size() > kMaxKeyBytes) {
      return StoreCode::ok;  // nothing can lie there
    }
    lmdb::Cursor cursor;
    std::string_view key = begin, stored;
    int rc = cursor.open(txn_, table_);
    rc = rc == 0 ? cursor.get(&key, &stored, begin.empty() ? MDB_FIRST : MDB_SET_RANGE) : rc;
    while (rc == 0) {
      std::string_view settled_key = key, settled = stored;
      rc = settle_ ? settle_(rc, &settled_key, &settled) : rc;
      if (rc != 0 || !visit(settled_key, settled)) {
        break;
      }
      const std::string_view last = key;
      rc = cursor.get(&key, &stored, MDB_NEXT);
      if (rc == 0 && key <= last) {
        return StoreCode::damaged;
      }
    }
    rc = settle_ ? settle_(rc, nullptr, nullptr) : rc;
    return rc == 0 || rc == MDB_NOTFOUND ? StoreCode::ok : store_code(rc);
  }

  MDB_txn *txn_;
  MDB_dbi table_;
  Settle settle_;
};

}  // namespace keyward
