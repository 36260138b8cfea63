// The pepper: another system's secret, under which it kept HMACs of its keys. A file beside the store's secret, with the
// same rights; `meta` keeps a digest of it, so that a pepper that is damaged or another one is never taken for it: all
// keys would be unknown then, which is no fault of theirs.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/secret.hpp"
#include "store/environment/files.hpp"
#include "store/environment/status.hpp"

namespace keyward {

inline constexpr std::size_t kMaxPepperBytes = 4096;

using PepperDigest = Bytes<16>;
PepperDigest digest_of_pepper(std::string_view pepper) noexcept;

// 1 to kMaxPepperBytes bytes. not_found: there is no such file.
StoreStatus read_pepper(const std::string &path, Secret *pepper, SecretStamp *stamp);
// In the place of one that is there; on the disk when it returns.
StoreStatus write_pepper(const std::string &path, std::string_view pepper);

}  // namespace keyward
