// New keys: their text, and what of a record follows from it. Costly, so that it is done before a transaction begins.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/secret.hpp"
#include "key/key_format.hpp"
#include "store/records/record.hpp"

namespace keyward::keys {

struct Minting {
  KeyFormat format;
  VerifierChoice verifier;
};
// Whether the verifier sees the whole of a key of this format: bcrypt reads only 72 bytes.
bool is_possible(const Minting &minting) noexcept;

// Where neither format nor verifier was asked for: as the key is stored that is to be replaced.
void follow(const KeyRecord &old, Minting *minting) noexcept;

struct MintedKey {
  Secret text;
  KeyRecord record;  // of the record only what depends on the text: id, verifier, locator, preview
};
// false: bcrypt could not run, as memory is exhausted.
bool mint(const Minting &minting, MintedKey *minted);

// An id for a record that has none.
std::string new_key_id();
// Whether it has the form of one: an id of another system's has any.
bool is_minted_id(std::string_view id) noexcept;

}  // namespace keyward::keys
