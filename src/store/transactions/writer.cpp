// One writer at a time: our lock file, the files' identity, then LMDB's own lock.
#include "store/transactions/writer.hpp"

#include <utility>

#include "store/environment/environment_move.hpp"
#include "store/environment/failure.hpp"
#include "store/environment/lock_file.hpp"
#include "store/transactions/reader_state.hpp"
#include "store/transactions/write_txn_state.hpp"

namespace keyward {

struct CredentialWriter::State {
  CredentialReader reader;
  std::shared_ptr<LockFile> lock;
};

CredentialWriter::CredentialWriter() : state_(std::make_unique<State>()) {}
CredentialWriter::~CredentialWriter() = default;

CredentialReader &CredentialWriter::reader() noexcept { return state_->reader; }

Seal CredentialWriter::seal() {
  const std::lock_guard<std::timed_mutex> no_writing(state_->reader.state_->writing);
  return state_->reader.state_->environment.seal();
}

StoreStatus CredentialWriter::open(const std::string &folder) {
  CredentialReader::State &shared = *state_->reader.state_;
  shared.folder = folder;
  shared.access = Access::write;
  shared.shared = true;
  StoreStatus status = shared.reopen();
  return status.ok() ? LockFile::get(folder, &state_->lock) : status;
}

// Whoever changes the environment (grows its map, opens it anew) holds `writing`, so that it stays as it is here.
StoreStatus CredentialWriter::read(const std::function<StoreStatus(CredentialReader &)> &body) {
  CredentialReader::State &shared = *state_->reader.state_;
  if (state_->lock == nullptr || shared.reads_here()) {
    return failure(StoreCode::io, "read() before open(), or inside of a snapshot of the same thread");
  }
  const std::lock_guard<std::timed_mutex> no_writing(shared.writing);
  if (shared.inherited()) {
    return failure(StoreCode::io, shared.folder + " was opened before a fork");
  }
  int rc = 0;
  StoreStatus status;
  constexpr int kTries = 2;  // the second once what was wrong is mended
  for (int i = 0; status.ok() && i < kTries; ++i) {
    if (shared.is_open()) {
      CredentialReader reader;
      rc = reader.state_->borrow(shared);
      if (rc == 0) {
        status = body(reader);
        reader.end();
        return status;
      }
    }
    const std::lock_guard<std::mutex> gate(shared.gate);
    if (rc == MDB_READERS_FULL) {
      shared.environment.clear_stale_readers();
    } else {
      status = rc == MDB_MAP_RESIZED ? shared.environment.adopt_map() : shared.reopen();
    }
  }
  return status.ok() ? failure_of(rc, "read " + shared.environment.data_path()) : status;
}

StoreStatus CredentialWriter::run(std::uint64_t wait_ms, const Author &author,
                                  const std::function<StoreStatus(WriteTxn &)> &body) {
  CredentialReader::State &shared = *state_->reader.state_;
  if (state_->lock == nullptr || shared.reads_here()) {
    return failure(StoreCode::io, "run() before open(), or inside of a snapshot of the same thread");
  }
  LockFile::Held held;
  StoreStatus status = state_->lock->acquire(LockByte::credentials, wait_ms, &held);
  if (!status.ok()) {
    return status;
  }
  const std::lock_guard<std::timed_mutex> writing(shared.writing);
  const auto reopen = [&shared] {
    const std::lock_guard<std::mutex> gate(shared.gate);
    return shared.reopen();
  };
  if (shared.inherited()) {
    return failure(StoreCode::io, shared.folder + " was opened before a fork");
  }
  // Who wrote into a file that isn't the store's any more, or by a lock.mdb that isn't, would lose what he wrote.
  bool stale = !shared.is_open();
  status = stale ? StoreStatus() : shared.environment.compare_with_disk(&stale);
  if (status.ok() && stale) {
    status = reopen();
  }
  if (status.ok()) {
    // As far as it can be: a revocation doesn't fail for what another left behind.
    static_cast<void>(finish_move(shared.folder, EnvironmentKind::credentials));
  }
  const auto in_scope = [&](WriteScope &scope) {
    WriteTxn::State state(scope, shared.environment, &author);
    WriteTxn txn(&state);
    StoreStatus done = body(txn);
    return done.ok() ? state.finish() : done;
  };
  constexpr int kTries = 2;  // the second in files that took the place of those that were open
  for (int i = 0; status.ok() && i < kTries; ++i) {
    status = shared.environment.write(in_scope, &shared.gate, &stale);
    if (!stale) {
      break;
    }
    StoreStatus opened = reopen();
    status = opened.ok() && i + 1 < kTries ? StoreStatus() : opened.ok() ? status : opened;
  }
  return status;
}

}  // namespace keyward
