// Changing credentials: the command, and workers' threads for the keys API. One writer at a time over all processes, by
// our own lock file in front of LMDB's mutex, so that a writer that hangs can be named.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/environment/pepper.hpp"
#include "store/environment/status.hpp"
#include "store/records/denial.hpp"
#include "store/records/journal.hpp"
#include "store/records/record.hpp"
#include "store/transactions/reader.hpp"

namespace keyward {

// Makes a new store; map_bytes 0: kDefaultMapBytes. Refused with `exists` if anything of a store is there already (also
// a file of 0 bytes).
StoreStatus init_store(const std::string &folder, std::size_t map_bytes);

// Who names a plan: a key by its id, or a subject.
struct PlanUser {
  bool is_subject = false;
  std::string name;
};

// A key as it will lie in the store: `content` is what encode() makes.
struct NewKey {
  std::string_view id, content;
};
// So many of them, in any order. They stay where they are while they are added, and at() may be asked many times.
struct NewKeys {
  std::size_t count = 0;
  std::function<NewKey(std::size_t)> at;
};

// What a write transaction can do; made by CredentialWriter::run(). Every put replaces the whole record, keeps the
// indexes, and refuses what decode() would refuse. Each change of a key, subject, plan or denial makes its entry in the
// journal, if the store has one.
class WriteTxn {
 public:
  // What has a record, read inside this transaction. not_found is a normal value.
  StoreStatus get_key(std::string_view id, KeyRecord *record);
  StoreStatus get_subject(std::string_view subject, SubjectRecord *record);
  StoreStatus get_plan(std::string_view name, PlanRecord *record);
  StoreStatus find_id(const Locator &locator, std::string *id);
  // exists if the id, or the locator of an indexed one, is taken (by a revoked one, too).
  StoreStatus add_key(const KeyRecord &record);
  StoreStatus replace_key(const KeyRecord &record);
  // Removes the record and its index entries.
  StoreStatus remove_key(std::string_view id);
  // The same, and keeps that it did: a restore must not bring the key back. For revoked ones.
  StoreStatus purge_key(std::string_view id, std::int64_t now_s);
  // When a key of this id was purged; not_found is a normal value.
  StoreStatus get_purge(std::string_view id, std::int64_t *purged_at_s);
  StoreStatus put_subject(const SubjectRecord &record);
  StoreStatus remove_subject(std::string_view subject);
  // Refuses tokens from now on: adds the entry to what is denied of this name already; of two for one issuer the
  // stricter counts. Sweeps a few entries away that have ended.
  StoreStatus deny_token(DenialKind kind, std::string_view name, const DenialEntry &entry, std::int64_t now_s);
  // The same, and sweeps nothing.
  StoreStatus merge_denial(DenialKind kind, std::string_view name, const DenialEntry &entry);
  // What is denied of a token of this issuer now; see CredentialReader::find_token_denial().
  StoreStatus find_token_denial(std::string_view issuer, std::string_view subject, std::string_view jti,
                                std::int64_t now_s, TokenDenial *denial);
  // A plan with is_default takes that from the one which had it.
  StoreStatus put_plan(const PlanRecord &record);
  StoreStatus remove_plan(std::string_view name);
  // Ids of a subject's keys, in order.
  StoreStatus keys_of(std::string_view subject, std::vector<std::string> *ids);
  // How many legacy-prefix keys stand under this plain prefix.
  StoreStatus count_candidates(std::string_view prefix, std::size_t *count);
  // Whether any key (not revoked) or subject names this plan. Walks all keys: 0.3 s for a million.
  StoreStatus plan_in_use(std::string_view plan, PlanUser *who);
  // The default plan's name; empty: none.
  StoreStatus get_default_plan(std::string *name);
  // Many new keys at once: every table is filled in its own order, so that LMDB appends where it can; exists names the
  // first that is taken.
  StoreStatus add_keys(const NewKeys &keys, const std::function<void(std::size_t done)> &progress);
  // Removes the journal's oldest entries that were made before this time, at most so many; and says so in an entry.
  StoreStatus trim_journal(std::int64_t before_s, std::size_t most, std::size_t *trimmed);
  // Only an entry in the journal: nothing of the store changes.
  StoreStatus note_limits_reset(std::string_view id, std::string_view owner);
  // Keeps which pepper keys are imported with; exists: it is another one. Its file has been written by then.
  StoreStatus use_pepper(const PepperDigest &pepper);
  // The last thing ever written here (compact, restore): whoever meets it opens the path anew.
  StoreStatus retire();

 private:
  friend class CredentialWriter;
  friend class RestoredKeys;  // which writes into an environment that isn't at its place yet
  friend class RestoredJournal;
  friend class Upgrade;
  struct State;
  explicit WriteTxn(State *state) : state_(state) {}
  State *state_;
};

// run() may be called from several threads, one of which writes at a time; reader() belongs to one thread, which may go
// on reading meanwhile. open() and the destructor: when no other thread is in here.
class CredentialWriter {
 public:
  CredentialWriter();
  ~CredentialWriter();

  // Opens an existing store for writing (never creates one; the same checks as CredentialReader::open).
  StoreStatus open(const std::string &folder);

  // Runs `body` in one write transaction under the lock and commits if it returned ok; else nothing has changed.
  // `author` stands in the journal's entries. On MAP_FULL the map grows and body runs again from the start (so it must
  // be re-runnable); likewise MAP_RESIZED. Waits up to wait_ms for the lock; then `busy`, whose text names the process
  // that holds it. ok means: it is on the disk. Not between begin() and end() of reader() in the same thread: there the
  // map could not grow.
  StoreStatus run(std::uint64_t wait_ms, const Author &author, const std::function<StoreStatus(WriteTxn &)> &body);

  // Reading with the same environment (LMDB must not be opened twice in one process).
  CredentialReader &reader() noexcept;

  // The store's, for threads; not inside of run() or read(), where reader()'s is as good.
  Seal seal();

  // Reads one snapshot in a thread, while the one that has reader() goes on with it. Writers of this process wait, and
  // so does whoever has to open the files anew: body is a matter of some milliseconds, and doesn't keep what it is given.
  StoreStatus read(const std::function<StoreStatus(CredentialReader &)> &body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

inline constexpr std::uint64_t kUrgentWaitMs = 60000;  // revocations, suspensions, blocks
inline constexpr std::uint64_t kWaitMs = 5000;         // everything else

}  // namespace keyward
