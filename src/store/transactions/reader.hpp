// Reading credentials: what a worker does for each request. One environment per process, opened after the fork,
// one read transaction that is renewed and reset; nothing is copied.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "store/environment/pepper.hpp"
#include "store/environment/schema.hpp"
#include "store/environment/seal.hpp"
#include "store/environment/status.hpp"
#include "store/records/denial.hpp"
#include "store/records/journal.hpp"
#include "store/records/record.hpp"

namespace keyward {

// Which state of the store something was read from. While one CredentialReader's generation stays equal, nothing has
// been committed since. A snapshot is never older than what its generation names; under a storm of commits it may be
// newer (LMDB reads the id, then the meta page, which two commits in between overwrite), but such an id is past already
// and doesn't come back. So what is remembered under a generation can only be dropped too early, never kept too long.
struct Generation {
  std::uint64_t incarnation = 0;  // another one whenever any reader of this process (re)opens files; 0: none
  std::uint64_t txn_id = 0;       // mdb_txn_id of the renewed transaction; to compare with it, also mdb_env_info's

  friend bool operator==(const Generation &a, const Generation &b) noexcept {
    return a.incarnation == b.incarnation && a.txn_id == b.txn_id;
  }
  friend bool operator!=(const Generation &a, const Generation &b) noexcept { return !(a == b); }
};

struct JournalQuery {
  std::uint64_t after = 0;  // a cursor: the number of the last entry that is known
  std::int64_t since_s = 0;
  std::string key, subject;  // empty: all
};
struct JournalPage {
  std::vector<JournalEntry> entries;
  std::uint64_t last = 0;  // up to which number all was looked at: the next query's `after`
  bool more = false;       // there are entries behind it
  std::vector<std::uint64_t> damaged;
};

// Not thread-safe: one thread uses it (the event loop, or the command). Never throws but for memory.
class CredentialReader {
 public:
  CredentialReader();
  ~CredentialReader();
  CredentialReader(const CredentialReader &) = delete;
  CredentialReader &operator=(const CredentialReader &) = delete;

  // Opens the store read-only: secret, files (never created), size against last page, schema. Clears stale readers.
  StoreStatus open(const std::string &folder);
  void close() noexcept;
  bool is_open() const noexcept;

  // Once a second: reopens when the file on disk is no longer the opened one (renamed over, replaced), when the secret
  // changed or when nothing is open; clears stale readers now and then (every 60th call). Errors leave it closed: every
  // begin() then fails until a later refresh() succeeds: never open in doubt.
  StoreStatus refresh();

  // Begins a snapshot: renews the read transaction. On MAP_RESIZED, READERS_FULL and a `retired` record (the store was
  // compacted or restored elsewhere) it does what mends it, once. Every begin() that returned ok is followed by one
  // end().
  StoreStatus begin();
  void end() noexcept;
  Generation generation() const noexcept;  // between begin() and end()
  // What a snapshot begun now would be of, without beginning one: what was remembered under this stands. Only for that:
  // a commit shows here a moment before snapshots begin behind it, so nothing is remembered under what this says.
  // Without incarnation: only a snapshot can tell.
  Generation last_commit() const noexcept;

  // Between begin() and end(). Views live until end(). not_found is a normal value; damaged: a checksum or a form
  // failed, or an index entry leads nowhere.
  struct FoundKey {
    std::string_view id;
    KeyView key;
    Digest tag = {};  // the record's seal: changes with any change of the record
    Digest usage_name = {};
  };
  StoreCode find_key(const Locator &locator, FoundKey *found) noexcept;
  StoreCode find_key_by_id(std::string_view id, FoundKey *found) noexcept;
  StoreCode find_subject(std::string_view subject, SubjectView *view) noexcept;
  StoreCode find_plan(std::string_view name, PlanView *view) noexcept;
  // The store's default plan, if it has one; the name is a view, too.
  StoreCode find_default_plan(std::string_view *name, PlanView *view) noexcept;
  // What the denylist has about a token of this issuer (the name of its keyward_issuer), subject (as the principal has
  // it, with the issuer's prefix) and jti (each may be empty) at now_s: ok, and *denial says it. Two look-ups at most;
  // none in a snapshot in which the denylist is empty. Anything but ok: refuse the token with a failure of ours.
  StoreCode find_token_denial(std::string_view issuer, std::string_view subject, std::string_view jti,
                              std::int64_t now_s, TokenDenial *denial) noexcept;
  // Keys of the legacy-prefix kind under this plain prefix, in order of id; stops when visit answers false.
  // damaged (may be empty) gets the id of an entry that is, or whose key is.
  StoreCode for_each_candidate(std::string_view prefix, const std::function<bool(const FoundKey &)> &visit,
                               const std::function<void(std::string_view id)> &damaged = {});
  // Whether any candidate exists; and how long their plain prefixes are: bit i set for length i (up to 63).
  std::uint64_t legacy_prefix_lengths() noexcept;
  // By which digests other than SHA-256 keys are found: bit 1 << LocatorKind for each. None in most stores, which costs
  // one comparison while nothing is committed. In doubt all.
  unsigned other_locators() noexcept;
  // How many there are of each, in the order of LocatorKind.
  using LocatorCounts = std::array<std::uint64_t, kOtherLocators>;
  StoreCode count_locators(LocatorCounts *counts) noexcept;
  // Whether there are keys that are filed anew at their first success.
  bool has_keys_to_refile() noexcept { return legacy_prefix_lengths() != 0 || other_locators() != 0; }
  // Which pepper the store has; not_found: none.
  StoreCode find_pepper(PepperDigest *digest) noexcept;
  // Reads the pepper, where the store has one and it wasn't read yet.
  StoreStatus prepare_pepper();
  // The HMAC of a key under the store's pepper, which is read from its file when it is first needed.
  StoreStatus hmac(std::string_view key, Sha256 *digest);

  // Walks a whole table in order; stops when visit answers false. A record that is damaged is reported by its id to
  // `damaged` (may be empty) and skipped; returns damaged if there was any. `after`: begins behind this id (for
  // paging).
  using DamagedVisitor = std::function<void(std::string_view id)>;
  StoreCode for_each_key(std::string_view after, const std::function<bool(const FoundKey &)> &visit,
                         const DamagedVisitor &damaged);
  StoreCode for_each_key_of(std::string_view subject, const std::function<bool(const FoundKey &)> &visit,
                            const DamagedVisitor &damaged);
  StoreCode for_each_subject(std::string_view after,
                             const std::function<bool(std::string_view, const SubjectView &)> &visit,
                             const DamagedVisitor &damaged);
  StoreCode for_each_plan(const std::function<bool(std::string_view, const PlanView &)> &visit,
                          const DamagedVisitor &damaged);

  // damaged() gets a record's key in the table, in hexadecimal digits.
  StoreCode for_each_denial(const std::function<bool(const DenialRecord &)> &visit, const DamagedVisitor &damaged);

  // Walks the tables that lead to keys (index, prefixes, subject_keys) and tells of entries that no key's record asks
  // for: of a key that isn't there (`missing`), or of one that is another's. Where the entry itself is damaged the id
  // is empty. Entries of damaged keys are left to for_each_key().
  enum class Stray : std::uint8_t { damaged, missing, foreign };
  using StrayVisitor = std::function<void(Table table, std::string_view entry, std::string_view id, Stray stray)>;
  StoreCode for_each_stray_entry(const StrayVisitor &visit);

  // The journal's entries behind query.after, of those that match; looks at `most` entries, matching or not. Nothing in
  // a store without a journal. Damaged entries are named and left out.
  StoreCode read_journal(const JournalQuery &query, std::size_t most, JournalPage *page);
  StoreCode find_journal_state(JournalState *journal);

  const Seal &seal() const noexcept;

  struct Stats {
    std::uint64_t keys = 0, subjects = 0, plans = 0, indexed = 0, legacy = 0, denials = 0, journal = 0;
    std::uint32_t version = 0;  // the format
    std::uint64_t map_bytes = 0, file_bytes = 0, used_bytes = 0, last_txn_id = 0;
    unsigned readers = 0, max_readers = 0;
    std::string instance_id;  // hex
    std::int64_t created_at_s = 0;
  };
  StoreStatus stats(Stats *stats);

  // The other processes that have a place in the table of readers, each once: a process takes one when it opens the
  // store, and loses it when it ends. Their ids are those of the container that they run in.
  std::vector<pid_t> other_processes();

 private:
  friend class CredentialWriter;  // which shares the environment
  struct State;
  std::unique_ptr<State> state_;
};

// Keeps a reader's snapshot for one look and no longer: a worker holds none while it returns to the event loop.
class Snapshot {
 public:
  explicit Snapshot(CredentialReader &reader) : reader_(reader), status_(reader.begin()) {}
  ~Snapshot() {
    if (status_.ok()) {
      reader_.end();
    }
  }
  Snapshot(const Snapshot &) = delete;
  Snapshot &operator=(const Snapshot &) = delete;
  const StoreStatus &status() const noexcept { return status_; }

 private:
  CredentialReader &reader_;
  StoreStatus status_;
};

// Whether a process that may become `uid`/`gid` could use the store as a worker does: opened, schema checked, nothing
// created. For a child process only (it opens LMDB): `nginx -t`, and `keyward store check`. warnings (may be nullptr):
// what doesn't keep it from that.
// for_changes: and change its credentials, too.
StoreStatus probe_store(const std::string &folder, std::vector<std::string> *warnings = nullptr,
                        bool for_changes = false);

}  // namespace keyward
