// A read transaction for a while, of an environment that only this thread uses.
#pragma once

#include <string>

#include "store/environment/environment.hpp"
#include "store/environment/failure.hpp"
#include "store/environment/lmdb.hpp"

namespace keyward {

class EnvironmentSnapshot {
 public:
  StoreStatus begin(Environment *environment) {
    environment_ = environment;
    int rc = txn_.begin(environment->get(), MDB_RDONLY);
    if (rc == MDB_MAP_RESIZED) {
      StoreStatus status = environment->adopt_map();
      if (!status.ok()) {
        return status;
      }
      rc = txn_.begin(environment->get(), MDB_RDONLY);
    }
    if (rc == MDB_READERS_FULL) {
      environment->clear_stale_readers();
      rc = txn_.begin(environment->get(), MDB_RDONLY);
    }
    bool found = false;
    if (rc == 0 && environment->lacks_tables()) {
      rc = environment->find_tables(txn_.get(), &found);
    }
    if (rc == 0 && found) {
      rc = txn_.commit();
      rc = rc == 0 ? txn_.begin(environment->get(), MDB_RDONLY) : rc;
    }
    return rc == 0 ? StoreStatus() : failure_of(rc, "read " + environment->data_path());
  }
  void end() noexcept { txn_.abort(); }

  MDB_txn *get() const noexcept { return txn_.get(); }
  std::size_t id() const noexcept { return mdb_txn_id(txn_.get()); }  // of the commit that it shows; 0: none
  explicit operator bool() const noexcept { return static_cast<bool>(txn_); }
  std::uint64_t entries(Table table) const noexcept {
    MDB_stat stat = {};
    if (environment_->has(table)) {
      mdb_stat(txn_.get(), environment_->handle(table), &stat);
    }
    return stat.ms_entries;
  }

 private:
  const Environment *environment_ = nullptr;
  lmdb::Txn txn_;
};

}  // namespace keyward
