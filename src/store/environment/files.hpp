// What the store needs of the file system: who a file is, reading the secret, syncing folders.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "store/environment/seal.hpp"
#include "store/environment/status.hpp"

namespace keyward {

// Which file a path leads to.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;

  friend bool operator==(const FileIdentity &a, const FileIdentity &b) noexcept {
    return a.device == b.device && a.inode == b.inode;
  }
  friend bool operator!=(const FileIdentity &a, const FileIdentity &b) noexcept { return !(a == b); }
};
inline FileIdentity identity_of(const struct stat &st) noexcept { return {st.st_dev, st.st_ino}; }

// Creates a file of mode 0600 if there is none at path, with so many bytes of zero that have their room on the disk.
// *created tells (may be nullptr).
StoreStatus create_if_missing(const std::string &path, bool *created, std::uint64_t bytes = 0);

// When and how large the secret was when it was read.
struct SecretStamp {
  FileIdentity file;
  std::int64_t modified_s = 0, modified_ns = 0, size = 0;

  friend bool operator==(const SecretStamp &a, const SecretStamp &b) noexcept {
    return a.file == b.file && a.modified_s == b.modified_s && a.modified_ns == b.modified_ns && a.size == b.size;
  }
};
SecretStamp stamp_of(const struct stat &st) noexcept;
StoreStatus read_secret(const std::string &path, Bytes<kSecretBytes> *secret, SecretStamp *stamp);

// Makes a file of mode 0600 with this content, on the disk when it returns, in the place of one that is there.
StoreStatus write_private_file(const std::string &path, std::string_view content);
StoreStatus write_secret(const std::string &path, const Bytes<kSecretBytes> &secret);

// Whether nothing can be written there, whoever asks.
bool is_read_only_mount(const std::string &path) noexcept;

StoreStatus sync_folder(const std::string &path);

}  // namespace keyward
