// Write transactions: the map that grows, the disk that is full, the file that must hold its last page.
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "store/environment/environment.hpp"
#include "store/environment/failure.hpp"

namespace keyward {

StoreStatus Environment::write(const Body &body, std::mutex *gate, bool *stale) {
  constexpr int kTries = 48;  // the map doubles each time
  const std::string what = "write " + data_path_;
  *stale = false;
  int rc = 0;
  for (int i = 0; i < kTries; ++i) {
    lmdb::Txn txn;
    rc = txn.begin(env_.get(), 0);
    std::uint64_t wanted = 0;  // 0: what the file says
    if (rc == 0) {
      WriteScope scope(txn.get(), tables_, seal_);
      rc = is_stale(txn.get(), stale);
      if (rc != 0 || *stale) {
        return *stale ? failure(StoreCode::io, data_path_ + " was replaced") : failure_of(rc, what);
      }
      StoreStatus status = body(scope);
      if (scope.failed() == 0 && !status.ok()) {
        return status;
      }
      rc = scope.failed() == 0 ? commit(&txn, scope) : scope.failed();
      if (rc == 0) {
        return {};
      }
      wanted = std::max(2 * map_bytes(), scope.wanted_bytes());
    }
    txn.abort();
    if (rc == MDB_BAD_DBI && lacks_tables()) {
      rc = create_tables(gate);
      if (rc == 0) {
        continue;
      }
      wanted = 2 * map_bytes();
    }
    if (rc != MDB_MAP_FULL && rc != MDB_MAP_RESIZED) {
      break;
    }
    rc = resize(rc == MDB_MAP_FULL ? wanted : 0, gate);
    if (rc != 0) {
      *stale = true;  // LMDB has no map now
      return failure_of(rc, "map " + data_path_);
    }
  }
  *stale = rc == MDB_PANIC;
  return write_failure(rc, what);
}

// Another environment has taken its place, or it was upgraded: whoever opened it before that would make no entries in
// the journal.
int Environment::is_stale(MDB_txn *txn, bool *stale) const noexcept {
  if (kind_ != EnvironmentKind::credentials) {
    return 0;
  }
  std::string_view stored;
  int rc = lmdb::get(txn, handle(Table::meta), kRetiredKey, &stored);
  *stale = rc == MDB_SUCCESS;
  if (rc != MDB_NOTFOUND || schema_.version == kNewestCredentials) {
    return rc == MDB_NOTFOUND ? 0 : rc;
  }
  std::uint32_t version = 0;
  rc = lmdb::get(txn, handle(Table::meta), kSchemaKey, &stored);
  *stale = rc == 0 && schema_version(stored, &version) && version != schema_.version;
  return rc;
}

int Environment::resize(std::uint64_t bytes, std::mutex *gate) {
  std::unique_lock<std::mutex> lock;
  if (gate != nullptr) {
    lock = std::unique_lock<std::mutex>(*gate);
  }
  return mdb_env_set_mapsize(env_.get(), bytes);
}

// By itself, and before the transaction that needs them: no other may use a handle that isn't committed yet. A snapshot
// that is in use meanwhile could look for them, too: LMDB lets only one transaction of a process open tables.
int Environment::create_tables(std::mutex *gate) {
  std::unique_lock<std::mutex> lock;
  if (gate != nullptr) {
    lock = std::unique_lock<std::mutex>(*gate);
  }
  std::array<MDB_dbi, kTableCount> tables = tables_;
  lmdb::Txn txn;
  int rc = txn.begin(env_.get(), 0);
  for (const Table table : tables_of(kind_, schema_.version)) {
    MDB_dbi *handle = &tables[static_cast<std::size_t>(table)];
    rc = rc == 0 && *handle == 0 ? mdb_dbi_open(txn.get(), name_of(table), MDB_CREATE, handle) : rc;
  }
  rc = rc == 0 ? txn.commit() : rc;
  if (rc == 0) {
    tables_ = tables;
    lengthen(used_bytes());
  }
  return rc;
}

StoreStatus Environment::upgrade(std::uint32_t version) {
  Schema raised = schema_;
  raised.version = version;
  std::array<MDB_dbi, kTableCount> tables = tables_;
  int rc = MDB_MAP_FULL;
  for (int tries = 0; rc == MDB_MAP_FULL && tries < 2; ++tries) {
    lmdb::Txn txn;
    rc = txn.begin(env_.get(), 0);
    for (const Table table : tables_of(kind_, version)) {
      MDB_dbi *handle = &tables[static_cast<std::size_t>(table)];
      rc = rc == 0 && *handle == 0 ? mdb_dbi_open(txn.get(), name_of(table), MDB_CREATE, handle) : rc;
    }
    const std::string value = seal_.sealed(Table::meta, kSchemaKey, encode(raised));
    rc = rc == 0 ? lmdb::put(txn.get(), handle(Table::meta), kSchemaKey, value, 0) : rc;
    rc = rc == 0 ? txn.commit() : rc;
    if (rc == MDB_MAP_FULL) {
      txn.abort();
      tables = tables_;
      const int grown = resize(2 * map_bytes(), nullptr);
      rc = grown != 0 ? grown : rc;
    }
  }
  if (rc != 0) {
    return write_failure(rc, "write " + data_path_);
  }
  tables_ = tables;
  schema_ = raised;
  lengthen(used_bytes());
  return {};
}

int Environment::commit(lmdb::Txn *txn, const WriteScope &scope) {
  const std::uint64_t pages = used_bytes() / page_size_;
  const std::uint64_t bound = scope.growth_bound(page_size_, pages);
  if (bound != 0) {
    lengthen(std::min((pages + bound) * page_size_, map_bytes()));
  }
  const int rc = txn->commit();
  if (rc == 0) {
    lengthen(used_bytes());
  }
  return rc;
}

// Sparse: takes no room on the disk. What can't be lengthened here is found too short when it is opened, no worse.
void Environment::lengthen(std::uint64_t bytes) const noexcept {
  struct stat st = {};
  int fd = -1;
  if (mdb_env_get_fd(env_.get(), &fd) == 0 && fstat(fd, &st) == 0 && static_cast<std::uint64_t>(st.st_size) < bytes) {
    const int rc = ftruncate(fd, static_cast<off_t>(bytes));
    static_cast<void>(rc);
  }
}

// LMDB takes a short write, the mark of a full disk, for an I/O error.
StoreStatus Environment::write_failure(int rc, std::string_view what) const {
  struct statvfs disk = {};
  constexpr std::uint64_t kFullBytes = std::uint64_t{1} << 20;
  if (rc == EIO && statvfs(folder_.c_str(), &disk) == 0 && std::uint64_t{disk.f_bavail} * disk.f_frsize < kFullBytes) {
    rc = ENOSPC;
  }
  return failure_of(rc, what);
}

}  // namespace keyward
