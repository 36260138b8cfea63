// Names of windows: whom they count, and for which limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/bytes.hpp"

namespace keyward {

// The identity of the i-th of several limits that were written as one. Spread over all bits, as both halves of the
// first 8 bytes of a window's name choose its place in the table.
inline std::uint64_t limit_identity(std::uint64_t written, std::size_t i) noexcept {
  return written + i * 0x9e37'79b9'7f4a'7c15;
}

// `who` is a keyed digest, as good as random to whoever doesn't have its key, so that nobody can make two names meet.
inline Digest window_name(const Digest &who, std::uint64_t limit) noexcept {
  std::uint64_t halves[2];
  std::memcpy(halves, who.data(), sizeof(halves));
  halves[0] ^= limit;
  halves[1] ^= ~limit;
  Digest name;
  std::memcpy(name.data(), halves, sizeof(halves));
  return name;
}

}  // namespace keyward
