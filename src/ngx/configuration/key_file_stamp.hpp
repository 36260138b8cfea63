// How a key file is recognised as changed, without reading it.
#pragma once

#include <cstdint>
#include <string>

namespace keyward {

struct KeyFileStamp {
  std::uint64_t device = 0, inode = 0;
  std::int64_t size = 0;
  std::int64_t modified_ns = 0, changed_ns = 0;  // Unix times

  // Another write within the same tick of the kernel's clock would leave it as it is: so what was read this soon after
  // a change is read again. By changed_ns, which nobody can set: modified_ns may lie in the future. now_s is a Unix
  // time.
  bool is_settled(std::int64_t now_s) const noexcept;

  friend bool operator==(const KeyFileStamp &a, const KeyFileStamp &b) noexcept {
    return a.device == b.device && a.inode == b.inode && a.size == b.size && a.modified_ns == b.modified_ns &&
           a.changed_ns == b.changed_ns;
  }
};

// false and errno where there is no such file, or it can't be looked at.
bool stamp_of(const std::string &path, KeyFileStamp *stamp) noexcept;

}  // namespace keyward
