// crypt(3) by libxcrypt, for whichever hash its setting names: whoever calls has looked at that.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "key/verifier.hpp"

namespace keyward {

inline constexpr std::size_t kMaxCryptKeyBytes = 511;   // it takes no more
inline constexpr std::size_t kMaxCryptHashBytes = 383;  // nor gives more

// 1 to kMaxCryptKeyBytes, and no NUL, at which it would end.
bool fits_crypt(std::string_view key) noexcept;

// Whether crypt(3) makes the hash of the key again; the time doesn't tell where they differ. `failed`: it could not run.
// The key fits_crypt(), the hash has at most kMaxCryptHashBytes.
Match crypt_matches(std::string_view key, std::string_view hash) noexcept;

// The hash of a key; empty if it could not run.
std::string crypt_hash(std::string_view key, const char *setting);

}  // namespace keyward
