// The SHA-2 functions that signatures use. Nothing here allocates or fails; thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "crypto/algorithm.hpp"

namespace keyward::crypto {

enum class Hash : std::uint8_t { sha256, sha384, sha512 };

// The hash of every algorithm but EdDSA, which hashes by itself.
Hash hash_of(Algorithm algorithm) noexcept;

struct HashValue {
  std::array<std::uint8_t, 64> bytes;
  std::size_t size;
};

HashValue hash(Hash kind, std::string_view text) noexcept;

}  // namespace keyward::crypto
