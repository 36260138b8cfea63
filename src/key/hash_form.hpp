// The hashes that other systems keep of their keys: which one a text is, whether it can be verified here, and what that
// takes. Nothing is computed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/base64.hpp"

namespace keyward {

enum class HashScheme : std::uint8_t {
  argon2id,      // $argon2id$v=19$m=…,t=…,p=…$salt$hash
  argon2i,       // the same
  scrypt,        // $7$, as crypt(3) has it
  yescrypt,      // $y$, as crypt(3) makes it
  sha512_crypt,  // $6$
  pbkdf2_sha256,
  pbkdf2_sha512,
};

inline constexpr std::size_t kMaxHashTextBytes = 383;  // as long as crypt(3)'s may be
// What one run may take at most.
inline constexpr std::uint64_t kMaxHashMemoryBytes = std::uint64_t{256} << 20;
inline constexpr std::uint64_t kMaxHashMilliseconds = 4000;

struct HashForm {
  HashScheme scheme = HashScheme::argon2id;
  std::uint64_t memory_bytes = 0;  // that one run takes
  // How long one run takes by reckoning, on a processor core of some years ago that has nothing else to do.
  std::uint64_t milliseconds = 0;
  // PBKDF2 only: what to compute with. The salt is written in the same base64 as the digest, or it is the text itself.
  std::uint64_t iterations = 0;
  std::string_view salt, digest;
  bool plain_salt = false;
  Base64 base64 = Base64::padded;
};

enum class HashFault : std::uint8_t {
  none,
  unknown,  // no form that is verified here
  malformed,
  too_much_memory,
  too_slow,
};

// The form is filled in as far as it was understood: its scheme, where the fault is not `unknown`; what it takes, where
// that is too much. `none`: hash_matches() can verify it.
HashFault parse_hash(std::string_view text, HashForm *form) noexcept;

// A sentence about a text that isn't taken, which shows nothing of it.
std::string explain(HashFault fault, const HashForm &form, std::string_view text);

}  // namespace keyward
