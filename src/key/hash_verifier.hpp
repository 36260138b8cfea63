// Running the slow verifiers: bcrypt's, and the hashes of other systems. Never on the event loop.
#pragma once

#include <string_view>

#include "key/verifier.hpp"

namespace keyward {

// Whether a key can be of such a hash at all: crypt(3)'s would cut it at a NUL and take no more than 511 bytes.
bool fits_hash(std::string_view key, std::string_view hash) noexcept;

// Of a hash that parse_hash() has no fault with; else no. Takes as much time and memory as that says. Thread-safe; what
// it has of the key in memory of its own is wiped.
Match hash_matches(std::string_view key, std::string_view hash) noexcept;

// The same for each kind that is slow: bcrypt, legacy_prefix and hash; no for the others.
bool fits_slow(VerifierKind kind, std::string_view key, std::string_view verifier) noexcept;
Match slow_matches(VerifierKind kind, std::string_view key, std::string_view verifier) noexcept;

}  // namespace keyward
