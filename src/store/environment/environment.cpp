// Opening, in the order in which LMDB's own faults have to be ruled out (docs/design/store.md).
#include "store/environment/environment.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <new>
#include <vector>

#include "base/digest.hpp"
#include "store/environment/data_file.hpp"
#include "store/environment/failure.hpp"
#include "store/environment/lock_file.hpp"
#include "store/environment/rights.hpp"

namespace keyward {

namespace {

// How long LMDB makes lock.mdb: the table of readers behind its header.
constexpr std::uint64_t kReaderBytes = 64, kLockHeaderBytes = 192;
constexpr std::uint64_t kLockFileBytes = (kMaxReaders - 1) * kReaderBytes + kLockHeaderBytes;

struct NamedTable {
  EnvironmentKind kind;
  Table table;
  const char *name;
  bool came_later = false;  // older stores of this version don't have it
  std::uint32_t since = kFirstVersion;
};
constexpr NamedTable kTables[] = {
    {EnvironmentKind::credentials, Table::meta, "meta"},
    {EnvironmentKind::credentials, Table::keys, "keys"},
    {EnvironmentKind::credentials, Table::index, "index"},
    {EnvironmentKind::credentials, Table::prefixes, "prefixes"},
    {EnvironmentKind::credentials, Table::subject_keys, "subject_keys"},
    {EnvironmentKind::credentials, Table::subjects, "subjects"},
    {EnvironmentKind::credentials, Table::plans, "plans"},
    {EnvironmentKind::credentials, Table::purged, "purged"},
    {EnvironmentKind::credentials, Table::denials, "denials", true},
    {EnvironmentKind::credentials, Table::journal, "journal", false, kJournalVersion},
    {EnvironmentKind::usage, Table::usage_meta, "meta"},
    {EnvironmentKind::usage, Table::usage, "usage"},
    {EnvironmentKind::usage, Table::windows, "windows"},
    {EnvironmentKind::usage, Table::balances, "balances", true},
};

Table meta_of(EnvironmentKind kind) noexcept {
  return kind == EnvironmentKind::credentials ? Table::meta : Table::usage_meta;
}

// What this process has open. LMDB's rule is about processes, so this one list is, too: opening an environment twice
// and closing one of the two resets the table of readers, and pages of live snapshots are reused.
struct Claim {
  pid_t process;
  FileIdentity file;
};
std::mutex claims_mutex;
std::vector<Claim> claims;  // guarded by claims_mutex

}  // namespace

std::string environment_folder(const std::string &store, EnvironmentKind kind) {
  return kind == EnvironmentKind::credentials ? credentials_folder(store) : usage_folder(store);
}

const char *name_of(Table table) noexcept {
  const auto *named =
      std::find_if(std::begin(kTables), std::end(kTables), [&](const NamedTable &one) { return one.table == table; });
  return named != std::end(kTables) ? named->name : "unknown";
}

std::uint32_t newest_version(EnvironmentKind kind) noexcept {
  return kind == EnvironmentKind::credentials ? kNewestCredentials : kNewestUsage;
}

std::vector<Table> tables_of(EnvironmentKind kind, std::uint32_t version) {
  std::vector<Table> tables;
  for (const NamedTable &table : kTables) {
    if (table.kind == kind && table.since <= version) {
      tables.push_back(table.table);
    }
  }
  return tables;
}

StoreStatus Environment::open(const std::string &store, EnvironmentKind kind, Access access, std::size_t map_bytes,
                              std::string_view suffix, std::uint32_t version) {
  close();
  store_ = store;
  kind_ = kind;
  access_ = access;
  retired_ = false;
  wanted_version_ = version != 0 ? version : newest_version(kind);
  folder_ = environment_folder(store, kind).append(suffix);
  data_path_ = folder_ + "/data.mdb";
  lock_path_ = folder_ + "/lock.mdb";
  guard_ = std::make_unique<ForkGuard>();
  show_version();
  StoreStatus status = open_checked(map_bytes);
  if (!status.ok()) {
    close();
  }
  return status;
}

// Before it is read: so whoever has a place in the table of readers and doesn't show it is an older one.
void Environment::show_version() noexcept {
  const bool listed = access_ == Access::read || access_ == Access::write;
  try {
    if (kind_ == EnvironmentKind::credentials && listed && LockFile::get_present(store_, &shown_).ok()) {
      shown_->show_versions(kNewestCredentials);
    }
  } catch (const std::bad_alloc &) {
    shown_.reset();  // an upgrade is refused then
  }
}

void Environment::borrow(const Environment &other) {
  close();
  kind_ = other.kind_;
  access_ = other.access_;
  store_ = other.store_;
  folder_ = other.folder_;
  data_path_ = other.data_path_;
  tables_ = other.tables_;
  seal_ = other.seal_;
  schema_ = other.schema_;
  unlisted_ = other.unlisted_;
  page_size_ = other.page_size_;
  env_.adopt(other.env_.get());
  borrowed_ = true;
}

void Environment::close() noexcept {
  if (borrowed_ || inherited()) {
    env_.release();  // another's; or closing it would free the parent's places in the table of readers
  }
  borrowed_ = false;
  env_.close();
  if (claimed_) {
    const std::lock_guard<std::mutex> lock(claims_mutex);
    const auto same = [this](const Claim &claim) { return claim.process == getpid() && claim.file == data_; };
    claims.erase(std::remove_if(claims.begin(), claims.end(), same), claims.end());
    claimed_ = false;
  }
  guard_.reset();
  shown_.reset();
}

StoreStatus Environment::open_checked(std::size_t map_bytes) {
  constexpr int kTries = 3;  // while files are renamed over each other
  StoreStatus status;
  for (int i = 0; i < kTries; ++i) {
    DataFile file;
    if (access_ != Access::create) {
      status = look_at_rights(store_).status;
      status = status.ok() ? look_at_data_file(data_path_, store_, &file) : status;
      status = status.ok() ? claim(file.identity) : status;
    }
    status = status.ok() ? open_environment(map_bytes) : status;
    struct stat st = {};
    int fd = -1;
    if (!status.ok() || mdb_env_get_fd(env_.get(), &fd) != 0 || fstat(fd, &st) != 0) {
      break;
    }
    if (access_ == Access::create || identity_of(st) == data_) {
      retired_ = false;
      status = open_schema();
      // What lost its place after it had been opened here is retired, and the store lies at the path by then.
      const bool moved = retired_ && stat(data_path_.c_str(), &st) == 0 && identity_of(st) != data_;
      if (!moved) {
        return status;
      }
    } else {
      status = failure(StoreCode::io, data_path_ + " was replaced while it was opened");
    }
    close();
    guard_ = std::make_unique<ForkGuard>();
  }
  return status.ok() ? failure_of(errno, "look at " + data_path_) : status;
}

StoreStatus Environment::claim(const FileIdentity &file) {
  const std::lock_guard<std::mutex> lock(claims_mutex);
  const pid_t self = getpid();
  for (const Claim &claim : claims) {
    if (claim.process == self && claim.file == file) {
      return failure(StoreCode::io, data_path_ + " is open in this process already");
    }
  }
  claims.push_back({self, file});
  data_ = file;
  claimed_ = true;
  return {};
}

StoreStatus Environment::open_environment(std::size_t map_bytes) {
  Bytes<kSecretBytes> secret = {};
  StoreStatus status = read_secret(secret_file(store_), &secret, &secret_);
  seal_ = Seal(secret);
  wipe(secret.data(), secret.size());
  unsigned flags = MDB_NOTLS;  // reader slots belong to transactions, not to threads
  if (access_ != Access::write && access_ != Access::create) {
    flags |= MDB_RDONLY;
  } else if (kind_ == EnvironmentKind::usage) {
    flags |= MDB_NOMETASYNC;  // a crash of the machine may lose the last batch
  }
  status = status.ok() ? prepare_lock_file(&flags) : status;
  if (!status.ok()) {
    return status;
  }
  int rc = env_.create();
  rc = rc == 0 ? mdb_env_set_maxreaders(env_.get(), kMaxReaders) : rc;
  rc = rc == 0 ? mdb_env_set_maxdbs(env_.get(), kMaxTables) : rc;
  rc = rc == 0 && access_ == Access::create ? mdb_env_set_mapsize(env_.get(), map_bytes) : rc;
  rc = rc == 0 ? mdb_env_open(env_.get(), folder_.c_str(), flags, 0600) : rc;
  if (rc != 0) {
    return failure_of(rc, "open " + data_path_ + " and lock.mdb beside it");
  }
  if (map_bytes > this->map_bytes()) {
    rc = mdb_env_set_mapsize(env_.get(), map_bytes);
  }
  if (rc != 0) {
    return failure_of(rc, "map " + data_path_);
  }
  MDB_stat stat = {};
  mdb_env_stat(env_.get(), &stat);
  page_size_ = stat.ms_psize;
  struct stat lock = {};
  has_lock_file_ = (flags & MDB_NOLOCK) == 0 && ::stat(lock_path_.c_str(), &lock) == 0;
  lock_ = identity_of(lock);
  return check_size();
}

// It is made beforehand, and all of it: LMDB makes a file of holes, and whoever writes into one through the map while
// the disk is full gets SIGBUS. On a mount that is read-only nobody here can be in the table of readers: what is read
// then has to be looked at once more (CredentialReader::State::settle()).
StoreStatus Environment::prepare_lock_file(unsigned *flags) {
  struct stat st = {};
  unlisted_ = is_read_only_mount(folder_);
  if (unlisted_ && (access_ == Access::write || access_ == Access::create)) {
    return failure_of(EROFS, "write " + data_path_);
  }
  if (unlisted_) {
    *flags |= MDB_NOLOCK;
    return {};
  }
  if (stat(lock_path_.c_str(), &st) == 0) {
    return {};
  }
  if (access_ != Access::probe && access_ != Access::backup) {
    return create_if_missing(lock_path_, nullptr, kLockFileBytes);
  }
  if (access_ == Access::probe && faccessat(AT_FDCWD, folder_.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return failure(StoreCode::permission, lock_path_ + " is missing and can't be created");
  }
  *flags |= MDB_NOLOCK;
  return {};
}

// Before any transaction: touching a page behind the file's end is SIGBUS.
StoreStatus Environment::check_size() const {
  struct stat st = {};
  int fd = -1;
  if (mdb_env_get_fd(env_.get(), &fd) != 0 || fstat(fd, &st) != 0) {
    return failure_of(errno, "look at " + data_path_);
  }
  const auto size = static_cast<std::uint64_t>(st.st_size);
  if (size < 2 * page_size_ || size < used_bytes()) {
    return failure(StoreCode::truncated, data_path_ + " is truncated to " + std::to_string(size) + " bytes");
  }
  return {};
}

StoreStatus Environment::open_schema() {
  clear_stale_readers();
  lmdb::Txn txn;
  int rc = txn.begin(env_.get(), access_ == Access::create ? 0 : MDB_RDONLY);
  if (rc == MDB_MAP_RESIZED) {  // grown between opening and now
    rc = mdb_env_set_mapsize(env_.get(), 0);
    rc = rc == 0 ? txn.begin(env_.get(), MDB_RDONLY) : rc;
  }
  if (rc != 0) {
    return failure_of(rc, "read " + data_path_);
  }
  const unsigned flags = access_ == Access::create ? MDB_CREATE : 0;
  tables_ = {};
  StoreStatus status = open_meta(txn.get(), flags);
  if (status.ok()) {
    status = access_ == Access::create ? create_schema(txn.get()) : read_schema(txn.get());
  }
  status = status.ok() ? open_tables(txn.get(), flags) : status;
  rc = status.ok() ? txn.commit() : 0;  // of a reader's transaction, too: an abort would close the tables' handles
  return rc == 0 ? status : failure_of(rc, "write " + data_path_);
}

// First, as it says which tables there are.
StoreStatus Environment::open_meta(MDB_txn *txn, unsigned flags) {
  const Table meta = meta_of(kind_);
  const int rc = mdb_dbi_open(txn, name_of(meta), flags, &tables_[static_cast<std::size_t>(meta)]);
  return rc == MDB_NOTFOUND ? failure(StoreCode::no_schema,
                                      data_path_ + " has no table '" + name_of(meta) + "': not a store of keyward's")
         : rc != 0          ? failure_of(rc, "read " + data_path_)
                            : StoreStatus();
}

StoreStatus Environment::open_tables(MDB_txn *txn, unsigned flags) {
  for (const NamedTable &table : kTables) {
    if (table.kind != kind_ || table.since > schema_.version || has(table.table)) {
      continue;
    }
    const int rc = mdb_dbi_open(txn, table.name, flags, &tables_[static_cast<std::size_t>(table.table)]);
    if (rc == MDB_NOTFOUND && table.came_later) {
      continue;
    }
    if (rc == MDB_NOTFOUND) {
      return failure(StoreCode::no_schema, data_path_ + " has no table '" + table.name + "': not a store of keyward's");
    }
    if (rc != 0) {
      return failure_of(rc, "read " + data_path_);
    }
  }
  return {};
}

bool Environment::lacks_tables() const noexcept {
  return std::any_of(std::begin(kTables), std::end(kTables), [this](const NamedTable &table) {
    return table.kind == kind_ && table.since <= schema_.version && !has(table.table);
  });
}

int Environment::find_tables(MDB_txn *txn, bool *found) noexcept {
  *found = false;
  for (const NamedTable &table : kTables) {
    if (table.kind == kind_ && table.since <= schema_.version && !has(table.table)) {
      MDB_dbi handle = 0;
      const int rc = mdb_dbi_open(txn, table.name, 0, &handle);
      if (rc != 0 && rc != MDB_NOTFOUND) {
        return rc;
      }
      if (rc == 0) {
        tables_[static_cast<std::size_t>(table.table)] = handle;
        *found = true;
      }
    }
  }
  return 0;
}

StoreStatus Environment::read_schema(MDB_txn *txn) {
  const Table meta = meta_of(kind_);
  std::string_view stored, content;
  std::uint32_t version = 0;
  int rc = lmdb::get(txn, handle(meta), kSchemaKey, &stored);
  if (rc == MDB_NOTFOUND || (rc == 0 && !schema_version(stored, &version))) {
    return failure(StoreCode::no_schema, data_path_ + " has no schema record: not a store of keyward's");
  }
  if (rc != 0) {
    return failure_of(rc, "read " + data_path_);
  }
  const std::uint32_t newest = newest_version(kind_);
  if (version < kFirstVersion || version > newest) {
    return failure(StoreCode::other_version, data_path_ + " has store version " + std::to_string(version) +
                                                 ", and this keyward reads version " + std::to_string(newest) +
                                                 (newest > kFirstVersion ? " and older ones" : ""));
  }
  if (!seal_.open(meta, kSchemaKey, stored, &content) || !decode(content, &schema_)) {
    return failure(StoreCode::damaged,
                   data_path_ + " is damaged, or was made with another secret than " + secret_file(store_));
  }
  rc = lmdb::get(txn, handle(meta), kRetiredKey, &stored);
  if (rc == MDB_SUCCESS) {
    retired_ = true;
    return failure(StoreCode::damaged, data_path_ + " is retired: what a restore or compact put there is missing");
  }
  return rc == MDB_NOTFOUND ? StoreStatus() : failure_of(rc, "read " + data_path_);
}

StoreStatus Environment::create_schema(MDB_txn *txn) {
  schema_.version = wanted_version_;
  schema_.instance = random_bytes<16>();
  schema_.created_at_s = std::time(nullptr);
  const Table meta = meta_of(kind_);
  const std::string value = seal_.sealed(meta, kSchemaKey, encode(schema_));
  const int rc = lmdb::put(txn, handle(meta), kSchemaKey, value, MDB_NOOVERWRITE);
  return rc == 0 ? StoreStatus() : failure_of(rc, "write " + data_path_);
}

StoreStatus Environment::compare_with_disk(bool *replaced) const {
  struct stat data = {}, lock = {}, secret = {};
  *replaced = false;
  if (stat(data_path_.c_str(), &data) != 0) {
    return failure_of(errno, "look at " + data_path_);
  }
  const bool other_data = identity_of(data) != data_;
  const bool other_lock = has_lock_file_ && (stat(lock_path_.c_str(), &lock) != 0 || identity_of(lock) != lock_);
  const bool other_secret = stat(secret_file(store_).c_str(), &secret) != 0 || !(stamp_of(secret) == secret_);
  *replaced = other_data || other_lock || other_secret;
  return other_data ? StoreStatus() : check_size();
}

void Environment::clear_stale_readers() noexcept {
  int dead = 0;
  mdb_reader_check(env_.get(), &dead);
}

StoreStatus Environment::adopt_map() {
  const int rc = mdb_env_set_mapsize(env_.get(), 0);
  return rc == 0 ? StoreStatus() : failure_of(rc, "map " + data_path_);
}

std::uint64_t Environment::map_bytes() const noexcept {
  MDB_envinfo info = {};
  mdb_env_info(env_.get(), &info);
  return info.me_mapsize;
}

std::uint64_t Environment::last_txn_id() const noexcept {
  MDB_envinfo info = {};
  mdb_env_info(env_.get(), &info);
  return info.me_last_txnid;
}

std::uint64_t Environment::used_bytes() const noexcept {
  MDB_envinfo info = {};
  mdb_env_info(env_.get(), &info);
  return (std::uint64_t{info.me_last_pgno} + 1) * page_size_;
}

std::uint64_t Environment::file_bytes() const noexcept {
  struct stat st = {};
  int fd = -1;
  const bool known = mdb_env_get_fd(env_.get(), &fd) == 0 && fstat(fd, &st) == 0;
  return known ? static_cast<std::uint64_t>(st.st_size) : 0;
}

}  // namespace keyward
