// What a UsageStore consists of.
#pragma once

#include <memory>
#include <string>

#include "store/environment/environment.hpp"
#include "store/environment/lmdb.hpp"
#include "store/environment/lock_file.hpp"
#include "usage/usage.hpp"

namespace keyward {

struct UsageStore::State {
  std::string folder;
  bool read_only = false;
  std::size_t map_bytes = 0;
  Environment environment;
  lmdb::Txn txn;  // for reading; reset between calls
  std::shared_ptr<LockFile> lock;

  ~State() { close(); }
  void close() noexcept {
    if (environment.inherited()) {
      txn.release();
    }
    txn.abort();
    environment.close();
  }
  StoreStatus reopen();
  StoreStatus refresh();
  StoreStatus write(std::uint64_t wait_ms, const Environment::Body &body);
  int renew() const noexcept;
};

}  // namespace keyward
