// Makes a table of one environment equal to that of another, in order, in transactions of bounded size.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "store/environment/environment.hpp"
#include "store/environment/status.hpp"

namespace keyward {

struct TableCopy {
  const Environment *from = nullptr;
  MDB_txn *snapshot = nullptr;  // of `from`
  Environment *to = nullptr;    // written by nobody else
  Table table = Table::meta;
  // Opens each record and seals it for `to`; `damaged` is told of those that can't be opened, which are left out.
  // Otherwise values are taken as they are, damaged ones too: both have the same secret. An empty key: records of the
  // table can't be reached; without `damaged` that ends the copying.
  bool reseal = false;
  std::function<void(Table table, std::string_view key)> damaged;
  // Asked about each record that is sealed anew; what isn't ok ends the copying. May be empty.
  std::function<StoreStatus(std::string_view content)> admit;
  std::function<void(std::uint64_t copied)> progress;  // entries of this table; may be empty

  // Run again with a later snapshot, it reads both and writes what differs. Schemas are each environment's own.
  StoreStatus run() const;

 private:
  struct Step;
};

}  // namespace keyward
