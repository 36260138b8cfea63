// Compacting: everything is copied once without the lock, and what has changed meanwhile with it.
#include <memory>

#include "store/environment/failure.hpp"
#include "store/environment/lock_file.hpp"
#include "store/environment/snapshot.hpp"
#include "store/environment/table_copy.hpp"
#include "store/maintenance/maintenance.hpp"
#include "store/transactions/writer.hpp"

namespace keyward {

namespace {

// *equal_to is the snapshot that `to` is equal to: nothing is done where it still is the last one.
StoreStatus copy_tables(Environment &from, EnvironmentKind kind, Environment *to, const MoveProgress &progress,
                        std::string_view step, std::size_t *equal_to) {
  EnvironmentSnapshot snapshot;
  StoreStatus status = snapshot.begin(&from);
  if (status.ok() && *equal_to == snapshot.id()) {
    return {};
  }
  for (const Table table : tables_of(kind, from.schema().version)) {
    if (!status.ok()) {
      break;
    }
    TableCopy copy;
    copy.from = &from;
    copy.snapshot = snapshot.get();
    copy.to = to;
    copy.table = table;
    if (table == Table::keys || table == Table::usage) {
      const std::uint64_t total = snapshot.entries(table);
      copy.progress = [&progress, total, step](std::uint64_t copied) { progress(step, copied, total); };
    }
    status = copy.run();
  }
  *equal_to = status.ok() ? snapshot.id() : 0;
  return status;
}

StoreStatus compact(const std::string &folder, EnvironmentKind kind, LockFile &lock, const MoveProgress &progress,
                    CompactReport *report) {
  const LockByte byte = kind == EnvironmentKind::credentials ? LockByte::credentials : LockByte::usage;
  LockFile::Held held;
  StoreStatus status = lock.acquire(byte, kWaitMs, &held);
  status = status.ok() ? finish_move(folder, kind) : status;
  held.release();
  Environment old;
  status = status.ok() ? old.open(folder, kind, Access::write, 0) : status;
  if (!status.ok()) {
    return status;
  }
  report->bytes_before += old.file_bytes();
  NextEnvironment next;
  status = next.begin(folder, kind, old.map_bytes(), old.schema().version);
  std::size_t equal_to = 0;
  status = status.ok() ? copy_tables(old, kind, &next.environment(), progress, "copying", &equal_to) : status;
  status = status.ok() ? next.sync() : status;
  progress("copied", 0, 0);
  status = status.ok() ? lock.acquire(byte, kWaitMs, &held) : status;
  bool replaced = false;
  status = status.ok() ? old.compare_with_disk(&replaced) : status;
  if (status.ok() && replaced) {
    status = failure(StoreCode::io, old.data_path() + " was replaced meanwhile");
  }
  status = status.ok() ? copy_tables(old, kind, &next.environment(), progress, "catching up", &equal_to) : status;
  status = status.ok() ? next.finish(old.schema().created_at_s) : status;
  std::string kept;
  status = status.ok() ? next.take_place(&old, progress, &kept) : status;
  held.release();
  struct stat st = {};
  if (status.ok() && stat(old.data_path().c_str(), &st) == 0) {
    report->bytes_after += static_cast<std::uint64_t>(st.st_size);
  }
  return status;
}

// In transactions of bounded size: others may write in between.
StoreStatus trim_journal(const std::string &folder, const CompactOptions &options, std::uint64_t *trimmed) {
  constexpr std::size_t kBatch = 5000;
  CredentialWriter writer;
  StoreStatus status = writer.open(folder);
  std::size_t batch = kBatch;
  while (status.ok() && batch == kBatch) {
    status = writer.run(kWaitMs, options.author, [&](WriteTxn &txn) {
      StoreStatus done = txn.trim_journal(options.journal_before_s, kBatch, &batch);
      return done.ok() && batch == 0 ? StoreStatus{StoreCode::not_found, {}} : done;  // nothing is written
    });
    *trimmed += status.ok() ? batch : 0;
  }
  return status.code == StoreCode::not_found ? StoreStatus() : status;
}

}  // namespace

StoreStatus compact_store(const std::string &folder, const CompactOptions &options, const MoveProgress &progress,
                          CompactReport *report) {
  *report = {};
  std::shared_ptr<LockFile> lock;
  StoreStatus status;
  {
    Environment there;  // before a lock file is made in a folder that is none
    status = there.open(folder, EnvironmentKind::credentials, Access::read, 0);
  }
  status = status.ok() ? LockFile::get(folder, &lock) : status;
  LockFile::Held moving;
  status = status.ok() ? lock->acquire(LockByte::moving, kWaitMs, &moving) : status;
  status = status.ok() && options.journal_before_s != 0 ? trim_journal(folder, options, &report->trimmed) : status;
  for (const EnvironmentKind kind : {EnvironmentKind::credentials, EnvironmentKind::usage}) {
    status = status.ok() ? compact(folder, kind, *lock, progress, report) : status;
  }
  return status;
}

}  // namespace keyward
