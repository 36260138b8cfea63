// Digests of one key beside its SHA-256, each computed when it is first asked for.
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "key/locator.hpp"
#include "store/transactions/reader.hpp"

namespace keyward {

class KeyDigests {
 public:
  KeyDigests(std::string_view key, CredentialReader &store) noexcept : key_(key), store_(store) {}

  // In a snapshot of the store; *digest lives as long as this. What isn't ok is a failure of ours: the pepper can't be
  // read.
  StoreStatus find(LocatorKind kind, std::string_view *digest);

 private:
  std::string_view key_;
  CredentialReader &store_;
  std::optional<Sha256> sha256_, hmac_;
  std::optional<Sha512> sha512_;
};

// Its time doesn't depend on where they differ.
bool digest_matches(std::string_view digest, std::string_view verifier) noexcept;

}  // namespace keyward
