// Sealed reads and writes by name of table.
#include "store/environment/write_scope.hpp"

#include <algorithm>

#include "store/environment/failure.hpp"
#include "store/environment/lmdb.hpp"

namespace keyward {

StoreStatus WriteScope::note(int rc, std::string_view what) {
  if (rc == MDB_SUCCESS || rc == MDB_NOTFOUND || rc == MDB_KEYEXIST) {
    return {store_code(rc), {}};
  }
  if (failed_ == 0) {
    failed_ = rc;
  }
  return failure_of(rc, what);
}

StoreStatus WriteScope::get(Table table, std::string_view key, std::string_view *content) {
  if (failed_ != 0) {
    return failure_of(failed_, "read from the store");
  }
  if (!has(table)) {
    return {StoreCode::not_found, {}};
  }
  std::string_view stored;
  StoreStatus status = note(lmdb::get(txn_, handle(table), key, &stored), "read from the store");
  if (status.ok() && !seal_.open(table, key, stored, content)) {
    status.code = StoreCode::damaged;
  }
  return status;
}

StoreStatus WriteScope::put(Table table, std::string_view key, std::string_view content) {
  return put_sealed(table, key, seal_.sealed(table, key, content));
}

StoreStatus WriteScope::put_sealed(Table table, std::string_view key, std::string_view value) {
  if (failed_ != 0) {
    return failure_of(failed_, "write to the store");
  }
  constexpr std::size_t kLongBytes = 1024;  // what lies in pages of its own gives them up when it is replaced
  count_puts(1, key.size() + value.size());
  shrinks_ = shrinks_ || value.size() > kLongBytes;
  return note(lmdb::put(txn_, handle(table), key, value, 0), "write to the store");
}

StoreStatus WriteScope::put_fresh(Table table, std::string_view key, std::string_view content) {
  return put_with(MDB_NOOVERWRITE, table, key, content);
}

StoreStatus WriteScope::append(Table table, std::string_view key, std::string_view content) {
  return put_with(MDB_APPEND, table, key, content);
}

StoreStatus WriteScope::put_with(unsigned flags, Table table, std::string_view key, std::string_view content) {
  if (failed_ != 0) {
    return failure_of(failed_, "write to the store");
  }
  const std::string value = seal_.sealed(table, key, content);
  count_puts(1, key.size() + value.size());
  return note(lmdb::put(txn_, handle(table), key, value, flags), "write to the store");
}

StoreStatus WriteScope::remove(Table table, std::string_view key) {
  if (failed_ != 0) {
    return failure_of(failed_, "write to the store");
  }
  ++operations_;
  shrinks_ = true;
  return note(lmdb::remove(txn_, handle(table), key), "write to the store");
}

void WriteScope::count_puts(std::size_t puts, std::size_t bytes) noexcept {
  operations_ += puts;
  written_bytes_ += bytes;
}

StoreStatus WriteScope::reserve(std::uint64_t bytes, std::uint64_t map_bytes, std::uint64_t used_bytes) {
  if (used_bytes + bytes <= map_bytes) {
    return {};
  }
  wanted_bytes_ = used_bytes + bytes;
  return note(MDB_MAP_FULL, "write to the store");
}

std::uint64_t WriteScope::growth_bound(std::uint64_t page_size, std::uint64_t pages) const noexcept {
  // An operation touches the path to a leaf, splits some of it and frees as much; the rest is the commit's own. A page
  // is copied once, and what is written fills half a page at least.
  constexpr std::uint64_t kPagesPerOperation = 12, kCommitPages = 64;
  return shrinks_ ? std::min(operations_ * kPagesPerOperation + kCommitPages,
                             2 * pages + 8 * (written_bytes_ / page_size) + 4 * kCommitPages)
                  : 0;
}

}  // namespace keyward
