// What a worker has its store's thread do. These touch the worker's store and zone, and nothing of nginx's, until they finish().
#pragma once

#include <string>
#include <string_view>

#include "base/thread_pool.hpp"
#include "ngx/worker.hpp"

namespace keyward {

// By nginx's cached clocks, which are read at one time.
Moment moment_of_nginx() noexcept;

// Stores a batch of use counts, and the windows that have changed; counts that can't be stored go back to shared memory.
class UsageJob final : public Job {
 public:
  UsageJob(Worker &worker, bool last);  // last: this process comes to its end
  void run() noexcept override;
  void finish() noexcept override;

 private:
  StoreStatus store_counts();

  Worker &worker_;
  const Moment moment_;
  const bool last_;
  const Patience patience_;
  StoreStatus status_;
  WindowKeeper::Loaded loaded_;
};

// Files a legacy-prefix key under its SHA-256, now that a request has shown the whole of it. Only the index changes: whatever was
// done to the record meanwhile (a revocation, say) stays, as it is read again inside the transaction.
class RefileJob final : public Job {
 public:
  RefileJob(Worker &worker, std::string_view id, const Digest &usage_name, const Digest &tag, const Sha256 &sha)
      : worker_(worker), id_(id), usage_name_(usage_name), tag_(tag), sha_(sha) {}
  void run() noexcept override;
  void finish() noexcept override {}  // what failed is done at the key's next use

 private:
  Worker &worker_;
  std::string id_;
  Digest usage_name_, tag_;
  Sha256 sha_;
};

}  // namespace keyward
