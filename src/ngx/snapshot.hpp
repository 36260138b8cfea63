// One look at the store.
#pragma once

#include "store/reader.hpp"

namespace keyward {

// Keeps the reader's snapshot for one look and no longer: none is held while returning to the event loop.
class Snapshot {
 public:
  explicit Snapshot(CredentialReader &reader) : reader_(reader), status_(reader.begin()) {}
  ~Snapshot() { close(); }
  Snapshot(const Snapshot &) = delete;
  Snapshot &operator=(const Snapshot &) = delete;
  const StoreStatus &status() const noexcept { return status_; }
  void close() noexcept {
    if (status_.ok() && !closed_) {
      closed_ = true;
      reader_.end();
    }
  }

 private:
  CredentialReader &reader_;
  StoreStatus status_;
  bool closed_ = false;
};

}  // namespace keyward
