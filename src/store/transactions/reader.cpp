// The life of a reader: opening, snapshots, and noticing that other files lie at its path.
#include "store/transactions/reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "base/hex.hpp"
#include "store/environment/failure.hpp"
#include "store/environment/rights.hpp"
#include "store/transactions/reader_state.hpp"

namespace keyward {

namespace {

// How long the event loop waits for a write of this process to end where a snapshot can't be had without that.
constexpr std::chrono::milliseconds kWritingWait(10);
constexpr unsigned kRefreshesPerCleaning = 60;

// How often any reader of this process has opened files: what was remembered by one reader is never taken for
// another's.
std::atomic<std::uint64_t> opened{0};

}  // namespace

// The environment and its transactions.

void CredentialReader::State::close() noexcept {
  if (inherited()) {
    txn.release();  // the place in the table of readers is the parent's
  }
  txn.abort();
  environment.close();
  in_snapshot = false;
  clean_txn_id = denials_txn_id = locators_txn_id = 0;
  pepper.clear();
}

StoreStatus CredentialReader::State::reopen() {
  close();
  StoreStatus status = environment.open(folder, EnvironmentKind::credentials, access, 0);
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
  generation.incarnation = ++opened;
  return {};
}

// alone: no thread of this process writes meanwhile.
int CredentialReader::State::renew(bool alone, bool *retired) noexcept {
  *retired = false;
  int rc = mdb_txn_renew(txn.get());
  if (rc != 0) {
    return rc;
  }
  std::uint64_t id = mdb_txn_id(txn.get());
  while (id != clean_txn_id) {
    std::string_view record;
    rc = lmdb::get(txn.get(), environment.handle(Table::meta), kRetiredKey, &record);
    if (rc != MDB_NOTFOUND) {
      *retired = rc == MDB_SUCCESS;
      mdb_txn_reset(txn.get());
      return *retired ? MDB_BAD_TXN : rc;
    }
    // An older store: another process may have made the denylist's table, which `meta` tells of.
    if (!environment.lacks_tables() ||
        lmdb::get(txn.get(), environment.handle(Table::meta), kDenialsKey, &record) == MDB_NOTFOUND) {
      clean_txn_id = id;
      break;
    }
    bool found = false;
    rc = alone ? environment.find_tables(txn.get(), &found) : MDB_BAD_DBI;
    if (rc != MDB_SUCCESS || !found) {
      mdb_txn_reset(txn.get());
      return rc != MDB_SUCCESS ? rc : MDB_CORRUPTED;
    }
    // Its handle is good behind this transaction's commit, and for what is begun then.
    if (txn.commit() != MDB_SUCCESS || txn.begin(environment.get(), MDB_RDONLY) != MDB_SUCCESS) {
      txn.abort();
      return MDB_BAD_TXN;
    }
    id = mdb_txn_id(txn.get());
  }
  generation.txn_id = id;
  return MDB_SUCCESS;
}

int CredentialReader::State::borrow(const State &other) {
  folder = other.folder;
  environment.borrow(other.environment);
  generation.incarnation = other.generation.incarnation;
  int rc = txn.begin(environment.get(), MDB_RDONLY);
  if (rc == 0) {
    mdb_txn_reset(txn.get());
    bool retired = false;
    // Tables that were made meanwhile are for the other one to find.
    rc = renew(false, &retired);
  }
  in_snapshot = rc == 0;
  return rc;
}

void CredentialReader::State::lock_gate() noexcept {
  if (shared) {
    gate.lock();
    snapshot_thread = std::this_thread::get_id();
  }
}

void CredentialReader::State::unlock_gate() noexcept {
  if (shared) {
    snapshot_thread = std::thread::id();
    gate.unlock();
  }
}

// Called without the gate; on success it is held.
StoreStatus CredentialReader::State::begin_slowly() {
  std::unique_lock<std::timed_mutex> no_writing(writing, std::defer_lock);
  if (shared && !no_writing.try_lock_for(kWritingWait)) {
    return failure(StoreCode::busy, folder + " is being written by this process");
  }
  lock_gate();
  StoreStatus status = mend();
  if (!status.ok()) {
    unlock_gate();
  }
  return status;
}

StoreStatus CredentialReader::State::mend() {
  if (!is_open()) {
    return failure(StoreCode::io, folder + " is not open");
  }
  if (inherited()) {
    return failure(StoreCode::io, folder + " was opened before a fork");
  }
  bool retired = false;
  int rc = renew(true, &retired);
  if (rc == 0) {
    return {};
  }
  StoreStatus status;
  if (rc == MDB_MAP_RESIZED) {
    status = environment.adopt_map();
    if (!status.ok()) {
      close();
      return status;
    }
  } else if (rc == MDB_READERS_FULL) {
    environment.clear_stale_readers();
  } else {
    status = reopen();
  }
  rc = status.ok() ? renew(true, &retired) : 0;
  return rc == 0 ? status : failure_of(rc, "read " + environment.data_path());
}

// The reader's own functions.

CredentialReader::CredentialReader() : state_(std::make_unique<State>()) {}
CredentialReader::~CredentialReader() = default;

StoreStatus CredentialReader::open(const std::string &folder) {
  state_->folder = folder;
  return state_->reopen();
}

void CredentialReader::close() noexcept { state_->close(); }

bool CredentialReader::is_open() const noexcept { return state_->is_open(); }

StoreStatus CredentialReader::refresh() {
  State &state = *state_;
  if (state.in_snapshot || state.folder.empty()) {
    return failure(StoreCode::io, "refresh() before open(), or inside of a snapshot");
  }
  std::unique_lock<std::timed_mutex> no_writing(state.writing, std::defer_lock);
  if (state.shared && !no_writing.try_lock_for(kWritingWait)) {
    return {};  // whoever writes looks at the files himself
  }
  std::unique_lock<std::mutex> gate(state.gate, std::defer_lock);
  if (state.shared) {
    gate.lock();
  }
  if (state.inherited()) {
    return failure(StoreCode::io, state.folder + " was opened before a fork");
  }
  bool replaced = false;
  StoreStatus status;
  if (state.is_open()) {
    status = state.environment.compare_with_disk(&replaced);
    replaced = replaced || state.has_pepper_changed();
    if (status.ok() && !replaced) {
      if (++state.refreshes % kRefreshesPerCleaning == 0) {
        state.environment.clear_stale_readers();
      }
      return {};
    }
  }
  if (!status.ok()) {
    state.close();
    return status;
  }
  return state.reopen();
}

StoreStatus CredentialReader::begin() {
  State &state = *state_;
  if (state.in_snapshot) {
    return failure(StoreCode::io, "begin() inside of a snapshot");
  }
  state.lock_gate();
  bool retired = false;
  if (state.is_open() && !state.inherited() && state.renew(!state.shared, &retired) == 0) {
    state.in_snapshot = true;
    return {};
  }
  state.unlock_gate();
  StoreStatus status = state.begin_slowly();
  state.in_snapshot = status.ok();
  return status;
}

void CredentialReader::end() noexcept {
  State &state = *state_;
  if (state.in_snapshot) {
    state.in_snapshot = false;
    if (!state.copies.empty()) {  // clearing a deque isn't cheap, and nearly no mount is read-only
      state.copies.clear();
    }
    mdb_txn_reset(state.txn.get());
    state.unlock_gate();
  }
}

Generation CredentialReader::generation() const noexcept { return state_->generation; }

Generation CredentialReader::last_commit() const noexcept {
  const State &state = *state_;
  // A writer of this process may be mapping the file anew, under the gate.
  std::unique_lock<std::mutex> gate(state.gate, std::defer_lock);
  if ((state.shared && !gate.try_lock()) || !state.is_open() || state.inherited()) {
    return {};
  }
  // Reads the id in the newest meta page, which a commit writes before it is done.
  MDB_envinfo info;
  mdb_env_info(state.environment.get(), &info);
  return {state.generation.incarnation, info.me_last_txnid};
}

const Seal &CredentialReader::seal() const noexcept { return state_->environment.seal(); }

StoreStatus CredentialReader::stats(Stats *stats) {
  State &state = *state_;
  const bool own = !state.in_snapshot;
  StoreStatus status = own ? begin() : StoreStatus();
  if (!status.ok()) {
    return status;
  }
  const Environment &environment = state.environment;
  const auto entries = [&state, &environment](Table table) {
    MDB_stat stat = {};
    if (environment.has(table)) {
      mdb_stat(state.txn.get(), environment.handle(table), &stat);
    }
    return std::uint64_t{stat.ms_entries};
  };
  stats->keys = entries(Table::keys);
  stats->subjects = entries(Table::subjects);
  stats->plans = entries(Table::plans);
  stats->denials = entries(Table::denials);
  stats->journal = entries(Table::journal);
  stats->indexed = entries(Table::index);
  stats->legacy = entries(Table::prefixes);
  MDB_envinfo info = {};
  mdb_env_info(environment.get(), &info);
  stats->map_bytes = info.me_mapsize;
  stats->readers = info.me_numreaders;
  stats->max_readers = info.me_maxreaders;
  stats->used_bytes = environment.used_bytes();
  stats->last_txn_id = state.generation.txn_id;
  stats->file_bytes = environment.file_bytes();
  stats->instance_id = to_hex(view_of(environment.schema().instance));
  stats->version = environment.schema().version;
  stats->created_at_s = environment.schema().created_at_s;
  if (own) {
    end();
  }
  return {};
}

std::vector<pid_t> CredentialReader::other_processes() {
  std::vector<pid_t> processes;
  if (!is_open()) {
    return processes;
  }
  state_->environment.clear_stale_readers();
  processes.reserve(kMaxReaders);
  // LMDB calls it with a heading, then with "PID THREAD TRANSACTION" for each reader.
  const auto note = [](const char *line, void *list) noexcept {
    auto *known = static_cast<std::vector<pid_t> *>(list);
    const auto process = static_cast<pid_t>(std::strtol(line, nullptr, 10));
    if (process > 0 && process != getpid() && known->size() < known->capacity() &&
        std::find(known->begin(), known->end(), process) == known->end()) {
      known->push_back(process);
    }
    return 0;
  };
  mdb_reader_list(state_->environment.get(), note, &processes);
  return processes;
}

// A worker reads credentials, and writes usage under the lock.
StoreStatus probe_store(const std::string &folder, std::vector<std::string> *warnings, bool for_changes) {
  std::vector<std::string> found = look_at_rights(folder).warnings;
  struct stat st = {};
  if (stat(folder.c_str(), &st) == 0 && st.st_uid != geteuid() && geteuid() != 0 && st.st_uid != 0) {
    found.push_back(folder + " belongs to user " + std::to_string(st.st_uid) + ", and workers run as user " +
                    std::to_string(geteuid()) + ": the owner can change who is let in");
  }
  Environment credentials, usage;
  StoreStatus status = credentials.open(folder, EnvironmentKind::credentials, Access::probe, 0);
  status = status.ok() ? usage.open(folder, EnvironmentKind::usage, Access::probe, 0) : status;
  if (status.ok() && credentials.unlisted()) {
    found.push_back(folder +
                    " is on a read-only mount: its keys are accepted, but use counts and the windows of "
                    "limits are lost at a restart, and look-ups of legacy-prefix keys stay slow");
  }
  if (warnings != nullptr) {
    *warnings = std::move(found);
  }
  if (status.ok() && credentials.unlisted() && for_changes) {
    return failure(StoreCode::read_only, folder + " is on a read-only mount, and the keys API changes keys there");
  }
  if (!status.ok() || credentials.unlisted()) {
    return status;
  }
  const std::string pepper = pepper_file(folder);
  if (faccessat(AT_FDCWD, pepper.c_str(), F_OK, AT_EACCESS) == 0 &&
      faccessat(AT_FDCWD, pepper.c_str(), R_OK, AT_EACCESS) != 0) {
    return failure_of(errno, "read " + pepper);
  }
  const std::string lock = lock_file(folder);
  const bool has_lock = faccessat(AT_FDCWD, lock.c_str(), F_OK, AT_EACCESS) == 0;
  std::vector<std::string> written = {usage.data_path(), has_lock ? lock : folder};
  if (for_changes) {
    written.push_back(credentials.data_path());
  }
  for (const std::string &path : written) {
    if (faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0) {
      return failure_of(errno, "write " + path);
    }
  }
  return {};
}

}  // namespace keyward
