// The keys of an import: held in their stored form, checked against each other and against the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "key/needed_formats.hpp"
#include "keys/answer.hpp"
#include "limit/key_slots.hpp"

namespace keyward::keys {

struct ImportRules {
  bool weak = false;               // plain keys of less than 128 bits are fine
  std::vector<KeyFormat> formats;  // that plain keys may have
  VerifierChoice verifier;         // how plain keys are stored
  bool update = false;             // a line needs no verifier: it may be about a key that is there
  std::int64_t now_s = 0;
  std::string_view pepper;  // of the HMACs; empty: none is known
};

// Members of a line that an update tells from those that it doesn't name.
enum class LineMember : std::uint8_t {
  name,
  subject,
  plan,
  scopes,
  limits,
  allow_from,
  meta,
  concurrency,
  state,
  created_at,
  expires_at,
  preview,
  changed_at,
  overlap_until,
  predecessor,
  successor,
  counter_id,
  pkce_challenge,
  pkce_tries,
  verifier,
};

struct ImportedKey {
  KeyRecord record;  // without an id where it has none; without its verifier where a plain key waits for bcrypt
  Secret key;        // a plain key that waits for bcrypt
  std::int64_t last_used_s = 0;
  std::uint64_t uses = 0;
  std::string content;      // the record as it will be stored, once that is known
  KeyShape shape;           // what nginx has to be told of its form
  std::uint32_t named = 0;  // LineMember, bit by bit: also those that are null

  bool names(LineMember member) const noexcept { return (named >> static_cast<unsigned>(member) & 1U) != 0; }
};

// Why a plain key isn't taken.
enum class PlainKey : std::uint8_t {
  taken,
  not_sendable,  // it has characters that no header field has
  too_long,      // for bcrypt
  weak,          // of no format that is known, and it seems to have less than 128 random bits
};
// The times of a new key whose line has none. (A line that changes a key has none where that has its own.)
void date_new_key(const ImportRules &rules, ImportedKey *key);
// Fills in what follows from the key's text.
PlainKey take_plain_key(std::string_view text, const ImportRules &rules, ImportedKey *key);

// What is wrong with a key of an import, beside its own line.
struct ImportProblem {
  enum class Kind : std::uint8_t {
    id_twice,        // other_line has it, too
    key_twice,       // likewise
    id_taken,        // the store has it
    key_taken,       // the store has it, as `id`
    hash_twice,      // its slow hash is in the import or in the store already
    prefix_full,     // more keys under its plain prefix than may be; `stored` of them are in the store
    store_damaged,   // where this key would go
    prefix_damaged,  // the store, under this key's plain prefix
  };
  Kind kind = Kind::id_twice;
  std::uint32_t line = 0, other_line = 0;
  std::string_view id;
  bool is_revoked = false;  // what the store has
  std::size_t stored = 0;
  bool is_bcrypt = false;  // of hash_twice
};
using TellProblem = std::function<void(const ImportProblem &)>;

// Texts one behind the other, without a piece of heap for each.
class Texts {
 public:
  // What it answers lives as long as this.
  std::string_view add(std::string_view text);

 private:
  static constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t used_ = kBlockBytes;  // of the last block
};

class ImportBatch {
 public:
  // Gives a key its id, and its stored form unless that waits for bcrypt. Thread-safe: the costly part of add().
  static void prepare(ImportedKey *key);
  ImportBatch() = default;
  // now_s: whose keys have ended by then, which take no place among their subjects'.
  explicit ImportBatch(std::int64_t now_s) : now_s_(now_s) {}
  // A prepared key.
  void add(std::uint32_t line, ImportedKey &&key);

  // Ids and hashes that are twice in the file; prefixes that have too many keys in it and in the store; ids and hashes
  // that the store has, revoked ones included. What is wrong is told; of a damaged store only that.
  Answer check(CredentialReader &reader, std::size_t candidates, const TellProblem &tell);

  // Hashes the plain keys, on all processors. false: bcrypt could not run, as memory is exhausted.
  bool hash(int cost, const std::function<void(std::size_t done)> &progress);
  // Inside a write transaction; may be run again from the start. An id or hash that came into the store meanwhile ends
  // it, and so do subjects that would have more keys than their plans' max_keys: crowded() says which lines those are.
  Answer write(WriteTxn &txn, std::size_t candidates, const std::function<void(std::size_t done)> &progress);

  // A new key whose subject would have `keys`, and whose plan allows `max_keys`.
  struct Crowded {
    std::uint32_t line = 0;
    std::size_t keys = 0, max_keys = 0;
    std::string subject, plan;
  };
  const std::vector<Crowded> &crowded() const noexcept { return crowded_; }

  // Uses and last uses for the usage environment.
  std::vector<UsageDelta> usage(const Seal &seal) const;

  std::size_t size() const noexcept { return entries_.size(); }
  std::size_t plain_keys() const noexcept { return waiting_.size(); }
  const std::set<std::string> &plans() const noexcept { return plans_; }
  const NeededFormats &needed_formats() const noexcept { return needed_formats_; }
  bool needs_pepper() const noexcept { return needs_pepper_; }

 private:
  // As it will lie in the store, in texts_: a tenth of what a KeyRecord takes.
  struct Entry {
    std::string_view id, content;
    Locator locator = {};
    std::uint32_t line = 0;
    bool indexed = false;
  };
  // A plain key that is to be hashed.
  struct Waiting {
    std::size_t entry = 0;
    KeyRecord record;
    Secret key;
  };
  struct Used {
    std::size_t entry = 0;
    std::uint64_t uses = 0;
    std::int64_t last_used_s = 0;
  };
  struct Prefixed {
    std::size_t entry = 0;
    std::string hash;
  };

  void check_ids_twice(const TellProblem &tell);
  void check_hashes_twice(const TellProblem &tell) const;
  Answer check_store(CredentialReader &reader, const TellProblem &tell) const;
  Answer check_prefixes(CredentialReader &reader, std::size_t candidates, const TellProblem &tell) const;
  Answer look_for_bounds(CredentialReader &reader);
  Answer check_max_keys(WriteTxn &txn);

  Texts texts_;
  std::deque<Entry> entries_;         // which doesn't move while it grows
  std::vector<std::uint32_t> by_id_;  // entries in the order of their ids, as check() left them
  std::vector<Waiting> waiting_;
  std::vector<Used> used_;
  std::map<std::string, std::vector<Prefixed>> prefixes_;
  std::set<std::string> plans_;
  NeededFormats needed_formats_;
  bool needs_pepper_ = false;
  std::int64_t now_s_ = 0;
  bool has_bounds_ = false;  // a plan of the store has max_keys
  std::vector<Crowded> crowded_;
};

}  // namespace keyward::keys
