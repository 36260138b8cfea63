// Use counts are found by a digest of the key's id under the store's secret: they are filed anew, id by id. Balances are
// those of the present store, as what was spent stays spent; those of the backup are taken where that has none.
#include <memory>
#include <utility>
#include <vector>

#include "store/environment/failure.hpp"
#include "store/environment/lock_file.hpp"
#include "store/environment/snapshot.hpp"
#include "store/environment/table_cursor.hpp"
#include "store/maintenance/maintenance.hpp"
#include "store/records/record.hpp"
#include "store/transactions/writer.hpp"

namespace keyward {

namespace {

constexpr std::size_t kBatch = 20000;

using Counts = std::vector<std::pair<Digest, UsageRecord>>;

StoreStatus make_anew(const std::string &folder, std::uint64_t map_bytes, std::int64_t created_at_s, LockFile *lock,
                      std::string *kept) {
  NextEnvironment next;
  StoreStatus status = next.begin(folder, EnvironmentKind::usage, map_bytes, kNewestUsage);
  status = status.ok() ? next.finish(created_at_s) : status;
  LockFile::Held held;
  status = status.ok() ? lock->acquire(LockByte::usage, kWaitMs, &held) : status;
  return status.ok() ? next.take_place(nullptr, {}, kept) : status;
}

StoreStatus add_missing(Environment *to, const Counts &counts, LockFile *lock) {
  LockFile::Held held;
  StoreStatus status = counts.empty() ? StoreStatus() : lock->acquire(LockByte::usage, kWaitMs, &held);
  if (!status.ok() || counts.empty()) {
    return status;
  }
  bool stale = false;
  return to->write(
      [&counts](WriteScope &scope) {
        StoreStatus done;
        for (const auto &[name, record] : counts) {
          std::string_view content;
          done = scope.get(Table::usage, view_of(name), &content);
          if (done.code == StoreCode::not_found) {
            done = scope.put(Table::usage, view_of(name), encode(record));
          }
          if (scope.failed() != 0) {
            return done;
          }
        }
        return StoreStatus();
      },
      nullptr, &stale);
}

// Sealed anew, as they are: under which names they stand only whoever spends them needs to know. Of a store with another
// secret nobody would find them.
StoreStatus add_missing_balances(const Environment &from, const EnvironmentSnapshot &snapshot, Environment *to,
                                 LockFile *lock) {
  if (!from.has(Table::balances) || from.seal().window_key() != to->seal().window_key()) {
    return {};
  }
  std::vector<std::pair<std::string, std::string>> balances;
  TableCursor here;
  const int rc = here.open(snapshot.get(), from.handle(Table::balances));
  if (rc != 0) {
    return failure_of(rc, "read " + from.data_path());
  }
  for (here.seek_behind({}); here.rc == 0; here.next()) {
    std::string_view content;
    if (from.seal().open(Table::balances, here.key, here.value, &content)) {
      balances.emplace_back(here.key, content);
    }
  }
  LockFile::Held held;
  const StoreStatus status = balances.empty() ? StoreStatus() : lock->acquire(LockByte::usage, kWaitMs, &held);
  if (!status.ok() || balances.empty()) {
    return status;
  }
  bool stale = false;
  return to->write(
      [&balances](WriteScope &scope) {
        StoreStatus done = scope.require(Table::balances);
        for (auto one = balances.begin(); scope.failed() == 0 && done.ok() && one != balances.end(); ++one) {
          done = scope.put_fresh(Table::balances, one->first, one->second);
          done = done.code == StoreCode::exists ? StoreStatus() : done;
        }
        return done;
      },
      nullptr, &stale);
}

// What is left of a move of the use counts that was interrupted, goes.
StoreStatus tidy(const std::string &folder, LockFile *lock) {
  LockFile::Held held;
  StoreStatus status = lock->acquire(LockByte::usage, kWaitMs, &held);
  return status.ok() ? finish_move(folder, EnvironmentKind::usage) : status;
}

}  // namespace

StoreStatus restore_use_counts(const std::string &folder, const std::string &backup, Present present,
                               std::string *kept) {
  kept->clear();
  std::shared_ptr<LockFile> lock;
  LockFile::Held moving;
  Environment from, keys, to;
  EnvironmentSnapshot counts, ids;
  StoreStatus status = from.open(backup, EnvironmentKind::usage, Access::backup, 0);
  if (status.code == StoreCode::missing) {
    return {};
  }
  status = status.ok() ? LockFile::get(folder, &lock) : status;
  status = status.ok() ? lock->acquire(LockByte::moving, kWaitMs, &moving) : status;
  status = status.ok() ? tidy(folder, lock.get()) : status;
  status = status.ok() ? counts.begin(&from) : status;
  status = status.ok() ? keys.open(folder, EnvironmentKind::credentials, Access::read, 0) : status;
  status = status.ok() ? ids.begin(&keys) : status;
  if (status.ok() && (present == Present::ignored || !to.open(folder, EnvironmentKind::usage, Access::write, 0).ok())) {
    status = make_anew(folder, from.map_bytes(), from.schema().created_at_s, lock.get(), kept);
    status = status.ok() ? to.open(folder, EnvironmentKind::usage, Access::write, 0) : status;
  }
  status = status.ok() ? add_missing_balances(from, counts, &to, lock.get()) : status;
  TableCursor key;
  const int rc = status.ok() ? key.open(ids.get(), keys.handle(Table::keys)) : 0;
  if (!status.ok() || rc != 0) {
    return status.ok() ? failure_of(rc, "read " + keys.data_path()) : status;
  }
  Counts batch;
  for (key.seek_behind({}); status.ok() && key.rc == 0; key.next()) {
    const Digest old_name = from.seal().usage_name(key.key);
    std::string_view stored, content;
    UsageRecord record;
    if (lmdb::get(counts.get(), from.handle(Table::usage), view_of(old_name), &stored) == 0 &&
        from.seal().open(Table::usage, view_of(old_name), stored, &content) && decode(content, &record)) {
      batch.emplace_back(keys.seal().usage_name(key.key), record);
    }
    if (batch.size() == kBatch) {
      status = add_missing(&to, batch, lock.get());
      batch.clear();
    }
  }
  return status.ok() ? add_missing(&to, batch, lock.get()) : status;
}

}  // namespace keyward
