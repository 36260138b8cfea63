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

#include "cli/context.hpp"
#include "cli/import_line.hpp"
#include "limit/key_slots.hpp"

namespace keyward::cli {

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
  // A prepared key.
  void add(std::uint32_t line, ImportedKey &&key);
  void add_bad(std::uint32_t line, std::string text);

  // Ids and hashes that are twice in the file; prefixes that have too many keys in it and in the store; ids and hashes that the
  // store has, revoked ones included. What is wrong goes to the bad lines.
  Outcome check(CredentialReader &reader, std::size_t candidates);

  // Hashes the plain keys, on all processors.
  Outcome hash(int cost, const std::function<void(std::size_t done)> &progress);
  // Inside a write transaction; may be run again from the start. An id or hash that came into the store meanwhile ends it.
  StoreStatus write(WriteTxn &txn, std::size_t candidates, const std::function<void(std::size_t done)> &progress);

  // Uses and last uses for the usage environment.
  std::vector<UsageDelta> usage(const Seal &seal) const;

  std::size_t size() const noexcept { return entries_.size(); }
  std::size_t plain_keys() const noexcept { return waiting_.size(); }
  std::size_t bad_count() const noexcept { return bad_count_; }
  std::vector<BadLine> take_bad_lines();  // each once, in order; not all, where there are very many
  const std::set<std::string> &plans() const noexcept { return plans_; }

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

  void check_ids_twice();
  void check_hashes_twice();
  Outcome check_store(CredentialReader &reader);
  Outcome check_prefixes(CredentialReader &reader, std::size_t candidates);

  Texts texts_;
  std::deque<Entry> entries_;         // which doesn't move while it grows
  std::vector<std::uint32_t> by_id_;  // entries in the order of their ids, as check() left them
  std::vector<Waiting> waiting_;
  std::vector<Used> used_;
  std::map<std::string, std::vector<Prefixed>> prefixes_;
  std::set<std::string> plans_;
  std::vector<BadLine> problems_;  // a line may have several
  std::vector<bool> bad_lines_;    // by number
  std::size_t bad_count_ = 0;
};

}  // namespace keyward::cli
