// What is done to a store as a whole, while workers and writers go on: back it up, restore it, make it compact.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/environment/environment_move.hpp"
#include "store/environment/status.hpp"
#include "store/records/journal.hpp"

namespace keyward {

struct BackupReport {
  std::uint64_t keys = 0, bytes = 0;
};
// A consistent copy of both environments, and the secret, into `target`, which must be empty or not there, or
// `replaces` says so and it is a backup of this store: that one is good until the new one is whole. It is a store's
// folder itself, and whole as soon as the secret is in it. Takes no lock of ours.
StoreStatus backup_store(const std::string &folder, const std::string &target, bool replaces, BackupReport *report);
// Whether a backup's folder lies outside of the store, whatever links lead there; else `exists`.
StoreStatus check_outside(const std::string &target, const std::string &folder);

// How long the journal's entries are kept where nobody says otherwise.
inline constexpr std::int64_t kJournalSeconds = std::int64_t{400} * 86400;

struct CompactOptions {
  std::int64_t journal_before_s = 0;  // entries of the journal from before this time end
  Author author;
};
struct CompactReport {
  std::uint64_t bytes_before = 0, bytes_after = 0;  // of both environments' files
  std::uint64_t trimmed = 0;                        // entries of the journal that have ended
};
// Both environments anew, without what removed records have left behind. Copies outside of the lock; takes it for what
// has changed meanwhile and for the exchange.
StoreStatus compact_store(const std::string &folder, const CompactOptions &options, const MoveProgress &progress,
                          CompactReport *report);

enum class Present : std::uint8_t {
  whole,    // what has ended since the backup is read from the present store; one that is damaged is refused
  damaged,  // what can be read of it
  ignored,  // nothing is read from it
};

struct RestoreOptions {
  Present present = Present::whole;
  bool dry_run = false;
  Author author;
};

struct RestoreReport {
  bool was_there = false;  // a present store that could be opened
  bool was_empty = false;  // nothing of a store was there
  std::uint64_t keys = 0;  // in the backup
  // Taken over from the present store.
  std::uint64_t revoked = 0, suspended = 0, purged = 0, rotated = 0, blocked = 0, denied = 0;
  // Keys and subjects of the present store that the backup doesn't have.
  std::uint64_t keys_gone = 0, subjects_gone = 0;
  std::vector<std::string> left_out;  // ids of keys whose hash is another key's now, one that is revoked
  std::vector<std::string> damaged;   // records that could not be read: "present key ID", "backup plan NAME"
  std::string kept;                   // where the present files lie now; empty: removed
};

// The store's content becomes the backup's, at once for all readers, under the present secret. Whatever has ended since
// the backup stays ended: - a key that is revoked now stays revoked, with the record it has now, also where the backup
// doesn't have it; - a key that was revoked and purged doesn't come back; - a suspended key stays suspended, a blocked
// subject blocked, a denied token denied; - a rotated key keeps the end of its overlap, and its successors are kept as
// they are now. Everything else that was made since is gone. The journal stays as it is now, and has an entry more. Its
// format stays, too. Where there is no store, one is made, with the backup's secret.
StoreStatus restore_store(const std::string &folder, const std::string &backup, const RestoreOptions &options,
                          const MoveProgress &progress, RestoreReport *report);

// After that: use counts stay what they are; those of keys that have none now become the backup's. Where the store's
// can't be opened, or are to be ignored, they are made anew, and *kept tells where the old files lie (empty: there were
// none). By itself, as a damaged file may end the process that reads it: what was restored before is restored.
StoreStatus restore_use_counts(const std::string &folder, const std::string &backup, Present present,
                               std::string *kept);

}  // namespace keyward
