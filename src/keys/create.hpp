// Making keys, and replacing them by rotation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "keys/caller.hpp"
#include "keys/mint.hpp"

namespace keyward::keys {

// What is asked of a key, besides its text. Empty: not asked for.
struct CreateRequest {
  std::string name, subject, plan;
  OptionalList<std::string> scopes;
  OptionalList<Rate> limits;
  std::int64_t expires_at_s = 0;
  std::string allow_from, meta;   // packed networks, JSON
  std::uint32_t concurrency = 0;  // 0: its plan's
  std::string pkce_challenge;     // S256 (RFC 7636): the key does nothing until activate() was shown its verifier
  std::string id;                 // instead of a new one; exists: there is one
  std::int64_t now_s = 0;
};
struct Created {
  KeyRecord record;
  bool new_subject = false;            // nothing in the store had its subject
  bool subject_blocked = false;        // it is refused until that is active again
  bool is_unlimited = false;           // it has neither scopes nor a plan, nor has its subject
  std::string plan;                    // whose max_keys counts; empty: none
  std::size_t keys = 0, max_keys = 0;  // of too_many_keys: how many there are, and may be
};
// A new key. Of a caller that isn't the operator: what isn't asked for is the caller's own, where its subject has more;
// `plan`, `limits`, `concurrency` and another's `subject` are for administrators. One of a subject's pending keys that
// has waited too long is revoked when the next one is made.
Answer create(WriteTxn &txn, const Caller &caller, const CreateRequest &request, const MintedKey &minted,
              Created *created);

// Whether a key counts among those that its plan's max_keys bounds: active, pending and suspended ones. One whose time is
// over doesn't, and one in its overlap has left its place to its successor.
bool takes_a_place(const KeyRecord &key, std::int64_t now_s) noexcept;
// Whether the key's subject has room for one more such key; `key` itself isn't counted.
Answer check_max_keys(WriteTxn &txn, const KeyRecord &key, const Plan &plan, std::int64_t now_s, std::size_t *count);

inline constexpr std::int64_t kDefaultOverlapSeconds = 86400;

struct RotateRequest {
  std::string id;
  std::int64_t overlap_s = kDefaultOverlapSeconds;  // how long the old key lives on; 0: it ends at once
  std::int64_t now_s = 0;
};
struct Rotated {
  KeyRecord old, record;  // of wrong_state and rotated_already: the old one
};
// A successor with the same terms, which counts on in the same windows. Only what works now can be replaced, and only
// once: a second successor would have to be handed out instead of the first.
Answer rotate(WriteTxn &txn, const Caller &caller, const RotateRequest &request, const MintedKey &minted,
              Rotated *rotated);
// Looks before the successor is minted, which takes a while; rotate() looks again.
Answer look_ahead(CredentialReader &reader, std::string_view id, std::int64_t now_s, KeyRecord *key);

}  // namespace keyward::keys
