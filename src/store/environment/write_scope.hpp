// What happens inside of one write transaction.
#pragma once

#include <lmdb.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "store/environment/seal.hpp"
#include "store/environment/status.hpp"

namespace keyward {

// A write transaction's operations, and the first thing that went wrong in it: whatever its user makes of that, nothing
// is committed then.
class WriteScope {
 public:
  WriteScope(MDB_txn *txn, const std::array<MDB_dbi, kTableCount> &tables, const Seal &seal) noexcept
      : txn_(txn), tables_(tables), seal_(seal) {}

  // Of a table that an older store doesn't have yet reading finds nothing. Whoever writes into one requires it: the
  // transaction then runs again, with the table.
  StoreStatus require(Table table) { return has(table) ? StoreStatus() : note(MDB_BAD_DBI, "write to the store"); }
  bool has(Table table) const noexcept { return handle(table) != 0; }

  // The content of a record whose seal holds. not_found is a normal value; damaged has no text yet: who asks knows what
  // it is.
  StoreStatus get(Table table, std::string_view key, std::string_view *content);
  // Seals and writes; replaces what is there, or (fresh) answers `exists`, which is a normal value, too.
  StoreStatus put(Table table, std::string_view key, std::string_view content);
  // The same of a value that is sealed already.
  StoreStatus put_sealed(Table table, std::string_view key, std::string_view value);
  StoreStatus put_fresh(Table table, std::string_view key, std::string_view content);
  // Of a key behind all that are there; else `exists`. Pages are filled one after the other.
  StoreStatus append(Table table, std::string_view key, std::string_view content);
  StoreStatus remove(Table table, std::string_view key);

  MDB_txn *txn() const noexcept { return txn_; }
  MDB_dbi handle(Table table) const noexcept { return tables_[static_cast<std::size_t>(table)]; }
  const Seal &seal() const noexcept { return seal_; }

  // Makes a status of what LMDB answered, and remembers for the transaction's end what it can't go on after.
  StoreStatus note(int rc, std::string_view what);
  void count_puts(std::size_t puts, std::size_t bytes) noexcept;
  // Asks for a map that has room for this many bytes more; the transaction has to run again if there isn't.
  StoreStatus reserve(std::uint64_t bytes, std::uint64_t map_bytes, std::uint64_t used_bytes);

  int failed() const noexcept { return failed_; }
  std::uint64_t wanted_bytes() const noexcept { return wanted_bytes_; }
  // LMDB doesn't write pages that a transaction both took from the file's end and gave up again, though its last page
  // number counts them: the file is then shorter than check_size() demands. So before such a commit it is lengthened by
  // this many pages, an upper bound for what the transaction may have taken; 0 where it gave none up.
  std::uint64_t growth_bound(std::uint64_t page_size, std::uint64_t pages) const noexcept;

 private:
  StoreStatus put_with(unsigned flags, Table table, std::string_view key, std::string_view content);

  MDB_txn *txn_;
  const std::array<MDB_dbi, kTableCount> &tables_;
  const Seal &seal_;
  int failed_ = 0;
  std::uint64_t wanted_bytes_ = 0;
  std::uint64_t operations_ = 0, written_bytes_ = 0;
  bool shrinks_ = false;  // something was removed, or something long replaced
};

}  // namespace keyward
