// Use counts: read, added to and written back under the usage lock, a batch to a transaction.
#include "usage/usage.hpp"

#include <algorithm>
#include <limits>

#include "store/environment/failure.hpp"
#include "usage/usage_state.hpp"

namespace keyward {

StoreStatus UsageStore::State::reopen() {
  close();
  StoreStatus status = environment.open(folder, EnvironmentKind::usage, read_only ? Access::read : Access::write,
                                        read_only ? 0 : map_bytes);
  if (!status.ok()) {
    return status;
  }
  int rc = txn.begin(environment.get(), MDB_RDONLY);
  if (rc == MDB_READERS_FULL) {
    environment.clear_stale_readers();
    rc = txn.begin(environment.get(), MDB_RDONLY);
  }
  if (rc != 0) {
    status = failure_of(rc, "read " + environment.data_path());
    close();
    return status;
  }
  mdb_txn_reset(txn.get());
  return read_only ? StoreStatus() : LockFile::get(folder, &lock);
}

int UsageStore::State::renew() const noexcept {
  int rc = mdb_txn_renew(txn.get());
  if (rc == MDB_MAP_RESIZED) {
    rc = mdb_env_set_mapsize(environment.get(), 0);
    rc = rc == 0 ? mdb_txn_renew(txn.get()) : rc;
  }
  return rc;
}

namespace {

void merge(const UsageDelta &delta, UsageRecord *record) noexcept {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  record->uses = delta.uses > kMost - record->uses ? kMost : record->uses + delta.uses;
  record->last_used_s = std::max(record->last_used_s, delta.last_used_s);
  if (delta.refusal != 0 && delta.refused_s >= record->refused_s) {
    record->refusal = delta.refusal;
    record->refused_s = delta.refused_s;
  }
}

// A damaged count begins anew: it must not keep the others from being written.
StoreStatus add_one(WriteScope *scope, const UsageDelta &delta) {
  const std::string_view key = view_of(delta.key);
  UsageRecord record;
  std::string_view content;
  StoreStatus status = scope->get(Table::usage, key, &content);
  if (scope->failed() != 0) {
    return status;
  }
  if (!status.ok() || !decode(content, &record)) {
    record = UsageRecord();
  }
  merge(delta, &record);
  return scope->put(Table::usage, key, encode(record));
}

}  // namespace

UsageStore::UsageStore() : state_(std::make_unique<State>()) {}
UsageStore::~UsageStore() = default;

StoreStatus UsageStore::open(const std::string &folder, bool read_only, std::size_t map_bytes) {
  state_->close();
  state_->folder = folder;
  state_->read_only = read_only;
  state_->map_bytes = map_bytes;
  return state_->reopen();
}

void UsageStore::close() noexcept { state_->close(); }

bool UsageStore::is_open() const noexcept { return static_cast<bool>(state_->txn); }

StoreStatus UsageStore::refresh() { return state_->refresh(); }

StoreStatus UsageStore::State::refresh() {
  if (folder.empty() || environment.inherited()) {
    return failure(StoreCode::io, "refresh() before open(), or after a fork");
  }
  bool replaced = !txn;
  StoreStatus status = replaced ? StoreStatus() : environment.compare_with_disk(&replaced);
  if (!status.ok()) {
    close();
    return status;
  }
  return replaced ? reopen() : StoreStatus();
}

StoreStatus UsageStore::State::write(std::uint64_t wait_ms, const Environment::Body &body) {
  if (!txn || read_only || environment.inherited()) {
    return failure(StoreCode::io, "the usage store is not open for writing");
  }
  LockFile::Held held;
  StoreStatus status = lock->acquire(LockByte::usage, wait_ms, &held);
  status = status.ok() ? refresh() : status;
  if (!status.ok()) {
    return status;
  }
  bool stale = false;
  status = environment.write(body, nullptr, &stale);
  if (stale) {
    close();  // the next refresh() opens it
  }
  return status;
}

StoreStatus UsageStore::add(const UsageDelta *deltas, std::size_t count, std::uint64_t wait_ms) {
  return count == 0 && is_open() ? StoreStatus() : state_->write(wait_ms, [deltas, count](WriteScope &scope) {
    StoreStatus done;
    for (std::size_t i = 0; done.ok() && i < count; ++i) {
      done = add_one(&scope, deltas[i]);
    }
    return done;
  });
}

StoreStatus UsageStore::remove(const Digest *usage_names, std::size_t count, std::uint64_t wait_ms) {
  return count == 0 && is_open() ? StoreStatus() : state_->write(wait_ms, [usage_names, count](WriteScope &scope) {
    StoreStatus done;
    for (std::size_t i = 0; scope.failed() == 0 && i < count; ++i) {
      done = scope.remove(Table::usage, view_of(usage_names[i]));
    }
    return done.code == StoreCode::not_found ? StoreStatus() : done;
  });
}

StoreCode UsageStore::find(const Digest &usage_name, UsageRecord *record) {
  State &state = *state_;
  if (!is_open() || state.environment.inherited() || state.renew() != 0) {
    return StoreCode::io;
  }
  std::string_view stored, content;
  const std::string_view key = view_of(usage_name);
  StoreCode code = store_code(lmdb::get(state.txn.get(), state.environment.handle(Table::usage), key, &stored));
  if (code == StoreCode::ok &&
      (!state.environment.seal().open(Table::usage, key, stored, &content) || !decode(content, record))) {
    code = StoreCode::damaged;
  }
  mdb_txn_reset(state.txn.get());
  return code;
}

}  // namespace keyward
