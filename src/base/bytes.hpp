// Fixed-size byte values that the whole of keyward speaks of: digests, locators, tags.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace keyward {

template <std::size_t N>
using Bytes = std::array<std::uint8_t, N>;

using Sha256 = Bytes<32>;
using Sha512 = Bytes<64>;
// The first 16 bytes of SHA-256(key): where a key is found in the store.
using Locator = Bytes<16>;
// A 128-bit keyed digest (SipHash-2-4-128): checksums, proofs, names in caches.
using Digest = Bytes<16>;

template <std::size_t N>
std::string_view view_of(const Bytes<N> &bytes) noexcept {
  return {reinterpret_cast<const char *>(bytes.data()), N};
}

inline Locator locator_of(const Sha256 &sha) noexcept {
  Locator locator;
  std::memcpy(locator.data(), sha.data(), locator.size());
  return locator;
}

}  // namespace keyward
