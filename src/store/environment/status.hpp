// How an operation on the store ended: one closed list.
#pragma once

#include <cstdint>
#include <string>

namespace keyward {

enum class StoreCode : std::uint8_t {
  ok,
  not_found,      // a normal value
  exists,         // an id, a hash or a name that is there already
  missing,        // there is no store at this path
  no_schema,      // files are there, but no schema record: not a store of ours, or an empty file
  other_version,  // made by another version
  truncated,      // the file is shorter than its own last page
  no_secret,      // the secret is missing, unreadable or of the wrong size
  permission,     // EACCES, EPERM
  read_only,      // mounted so
  exposed,        // others may write it, or it is another's
  damaged,        // a record whose checksum or form doesn't hold
  busy,           // another writer held the lock too long
  full,           // the disk is full
  readers_full,   // all reader slots are taken
  io,             // whatever else the system or LMDB said
};

// ok, or what failed. Expected failures are values: nothing here throws.
struct StoreStatus {
  StoreCode code = StoreCode::ok;
  // One sentence without a final stop that says what and where; never a secret. Empty for ok and not_found.
  std::string text;

  bool ok() const noexcept { return code == StoreCode::ok; }
  explicit operator bool() const noexcept { return ok(); }
};

}  // namespace keyward
