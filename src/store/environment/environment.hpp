// One of the store's LMDB environments, opened with every check that LMDB needs (docs/design/store.md). A process opens
// each at most once, and never on both sides of a fork.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "store/environment/files.hpp"
#include "store/environment/fork_guard.hpp"
#include "store/environment/layout.hpp"
#include "store/environment/lmdb.hpp"
#include "store/environment/schema.hpp"
#include "store/environment/seal.hpp"
#include "store/environment/status.hpp"
#include "store/environment/write_scope.hpp"

namespace keyward {

class LockFile;

enum class EnvironmentKind : std::uint8_t { credentials, usage };

enum class Access : std::uint8_t {
  read,
  write,
  probe,   // reads, and creates nothing: not even lock.mdb
  backup,  // the same, of files that nothing writes and that may lie on a read-only disk
  create,  // makes the files and the schema
};

std::string environment_folder(const std::string &store, EnvironmentKind kind);
// The newest format of an environment of this kind.
std::uint32_t newest_version(EnvironmentKind kind) noexcept;
// Which tables an environment of this kind has, in this format.
std::vector<Table> tables_of(EnvironmentKind kind, std::uint32_t version);
// Its name in its environment; two environments have a "meta".
const char *name_of(Table table) noexcept;

class Environment {
 public:
  Environment() = default;
  ~Environment() { close(); }
  Environment(const Environment &) = delete;
  Environment &operator=(const Environment &) = delete;

  // map_bytes: a starting size; 0: what the file says. suffix: of the environment's folder, while it is moved. version:
  // of one that is made; 0: the newest.
  StoreStatus open(const std::string &store, EnvironmentKind kind, Access access, std::size_t map_bytes,
                   std::string_view suffix = {}, std::uint32_t version = 0);
  // Another one's, for a transaction of another thread: closing it closes nothing. The other one stays open and as it is
  // meanwhile, which is the caller's to see to.
  void borrow(const Environment &other);
  // In a process that inherited it by a fork: forgets it, touching nothing of the parent's.
  void close() noexcept;
  bool is_open() const noexcept { return static_cast<bool>(env_); }
  // Whether the last open() failed because another environment has taken this one's place.
  bool retired() const noexcept { return retired_; }
  // Read-only mounted: no writer knows of its readers, and may write over what one of them reads.
  bool unlisted() const noexcept { return unlisted_; }
  bool inherited() const noexcept { return guard_ != nullptr && guard_->inherited(); }

  // Compares what is open with what lies on the disk. ok and !*replaced: the same files, whole. ok and *replaced:
  // others lie there by now. Else what is wrong with them.
  StoreStatus compare_with_disk(bool *replaced) const;
  // Frees the places of readers that died.
  void clear_stale_readers() noexcept;
  // Takes over a map that another process has enlarged. No transaction may be active in this process.
  StoreStatus adopt_map();

  // Runs body in a write transaction and commits if it answered ok and all of its operations worked; ok: it is on the
  // disk. Where the map is too small, it grows and body runs again. gate (may be nullptr) is held while the map
  // changes: no snapshot may be in use then. *stale: the environment must be opened anew, by its path, before anything
  // can be written.
  using Body = std::function<StoreStatus(WriteScope &)>;
  StoreStatus write(const Body &body, std::mutex *gate, bool *stale);

  // Raises the format: the tables that it adds, and the schema record, in one transaction. In an environment that only
  // this thread uses.
  StoreStatus upgrade(std::uint32_t version);

  // Stores of before a table came into being go on without it until something is written into it. While one is missing:
  // whether somebody has made it in the meantime. *found: txn (a reader's) saw it; once it is committed, later ones may
  // use handle().
  bool lacks_tables() const noexcept;
  int find_tables(MDB_txn *txn, bool *found) noexcept;
  bool has(Table table) const noexcept { return handle(table) != 0; }

  MDB_env *get() const noexcept { return env_.get(); }
  MDB_dbi handle(Table table) const noexcept { return tables_[static_cast<std::size_t>(table)]; }
  const Seal &seal() const noexcept { return seal_; }
  const Schema &schema() const noexcept { return schema_; }
  const std::string &folder() const noexcept { return folder_; }
  const std::string &data_path() const noexcept { return data_path_; }
  std::uint64_t map_bytes() const noexcept;
  std::uint64_t last_txn_id() const noexcept;  // as the file says
  std::uint64_t used_bytes() const noexcept;   // up to the last page
  std::uint64_t file_bytes() const noexcept;

 private:
  StoreStatus claim(const FileIdentity &file);
  StoreStatus open_environment(std::size_t map_bytes);
  StoreStatus check_size() const;
  StoreStatus open_meta(MDB_txn *txn, unsigned flags);
  StoreStatus open_tables(MDB_txn *txn, unsigned flags);
  StoreStatus open_checked(std::size_t map_bytes);
  StoreStatus open_schema();
  StoreStatus read_schema(MDB_txn *txn);
  StoreStatus create_schema(MDB_txn *txn);
  StoreStatus prepare_lock_file(unsigned *flags);
  void show_version() noexcept;
  int is_stale(MDB_txn *txn, bool *stale) const noexcept;
  int resize(std::uint64_t bytes, std::mutex *gate);
  int create_tables(std::mutex *gate);
  int commit(lmdb::Txn *txn, const WriteScope &scope);
  void lengthen(std::uint64_t bytes) const noexcept;
  StoreStatus write_failure(int rc, std::string_view what) const;

  std::string store_, folder_, data_path_, lock_path_;
  EnvironmentKind kind_ = EnvironmentKind::credentials;
  Access access_ = Access::read;
  std::unique_ptr<ForkGuard> guard_;
  std::shared_ptr<LockFile> shown_;  // while it is open, others see which formats this process reads
  lmdb::Env env_;
  std::array<MDB_dbi, kTableCount> tables_ = {};
  Seal seal_;
  Schema schema_;
  std::uint32_t wanted_version_ = 0;
  SecretStamp secret_;
  FileIdentity data_, lock_;
  bool has_lock_file_ = false;
  bool unlisted_ = false;
  bool claimed_ = false;
  bool borrowed_ = false;
  bool retired_ = false;
  std::uint64_t page_size_ = 0;
};

}  // namespace keyward
