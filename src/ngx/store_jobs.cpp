// Writing to the store, in a thread of its own.
#include "ngx/store_jobs.hpp"

#include <array>

namespace keyward {
namespace {

constexpr std::uint64_t kUsageLockWaitMs = 200;
constexpr std::uint64_t kKeySetLockWaitMs = 1000;
// For all locks of a worker that ends; what isn't stored then is lost. Debian kills after 5 s, and a second of those may go to the last
// bcrypt runs, another one to the job that is under way.
constexpr std::uint64_t kLastLocksWaitMs = 2000;
constexpr std::uint64_t kRefileLockWaitMs = 1000;

}  // namespace

Moment moment_of_nginx() noexcept {
  const ngx_time_t *wall = ngx_timeofday();
  return {ngx_current_msec, static_cast<std::int64_t>(wall->sec) * 1000 + static_cast<std::int64_t>(wall->msec)};
}

UsageJob::UsageJob(Worker &worker, bool last)
    : worker_(worker),
      moment_(moment_of_nginx()),
      last_(last),
      patience_(last ? Patience(kLastLocksWaitMs, kLastLocksWaitMs) : Patience(kUsageLockWaitMs)) {}

void UsageJob::run() noexcept {
  try {
    status_ = store_counts();
    status_ = status_.ok() ? worker_.windows_.save(moment_, last_, patience_, &loaded_) : status_;
  } catch (...) {
    status_ = {StoreCode::io, std::string()};
  }
}

void UsageJob::finish() noexcept {
  worker_.flushing_ = false;
  worker_.note_loaded(loaded_);
  worker_.note_usage(status_);
}

StoreStatus UsageJob::store_counts() {
  std::array<UsageDelta, 512> batch;
  std::size_t count = worker_.zone.keys->drain(batch.data(), batch.size());
  if (count == 0) {
    return {};
  }
  StoreStatus status = worker_.windows_.ready();
  // Not for ever under steady traffic: what comes meanwhile is the next second's.
  for (std::size_t rounds = worker_.zone.keys->stats().used / batch.size() + 1; count != 0 && rounds != 0; --rounds) {
    if (status.ok()) {
      status = worker_.usage_.add(batch.data(), count, patience_.left_ms());
    }
    if (!status.ok()) {
      for (std::size_t i = 0; i < count; ++i) {
        if (!worker_.zone.keys->put_back(batch[i])) {
          worker_.zone.count_lost_usage();
        }
      }
      return status;
    }
    count = rounds > 1 ? worker_.zone.keys->drain(batch.data(), batch.size()) : 0;
  }
  return status;
}

void RefileJob::run() noexcept {
  guarded(false, [&] {
    Digest filed_tag = {};
    bool filed = false;
    const StoreStatus status =
        worker_.writer_->run(kRefileLockWaitMs, Author::worker(), [&](WriteTxn &txn) -> StoreStatus {
          const Seal &seal = worker_.writer_->reader().seal();
          KeyRecord record;
          StoreStatus found = txn.get_key(id_, &record);
          // Another worker was first, or the key is gone.
          if (!found.ok() || record.indexed || seal.tag(Table::keys, id_, encode(record)) != tag_) {
            return {StoreCode::not_found, {}};
          }
          record.indexed = true;
          record.locator = locator_of(sha_);
          StoreStatus replaced = txn.replace_key(record);
          filed_tag = seal.tag(Table::keys, id_, encode(record));
          filed = replaced.ok();
          return replaced;
        });
    if (status.ok() && filed) {
      // The verifier is the one that was proved, under a record with a new seal.
      worker_.zone.keys->remember(usage_name_, sha_, filed_tag);
    }
    return true;
  });
}

void KeySetJob::run() noexcept {
  try {
    status_ = worker_.windows_.ready();
    status_ = status_.ok() ? worker_.usage_.put_key_set(name_, pack_key_set(set_), kKeySetLockWaitMs) : status_;
  } catch (...) {
    status_ = {StoreCode::io, "out of memory"};
  }
}

void KeySetJob::finish() noexcept { worker_.note_key_set(status_); }

}  // namespace keyward
