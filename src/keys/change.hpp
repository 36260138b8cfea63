// What becomes of a key that there is: changed, suspended, resumed, revoked, and in the end purged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "keys/caller.hpp"

namespace keyward::keys {

// What is named of a key changes; the rest stays.
struct ChangeRequest {
  std::string id;
  std::optional<std::string> name, plan;  // an empty plan takes it away
  std::optional<OptionalList<std::string>> scopes;
  std::optional<OptionalList<Rate>> limits;
  std::optional<std::int64_t> expires_at_s;     // 0: never
  std::optional<std::string> allow_from, meta;  // packed networks, JSON; an empty text takes them away
  std::optional<std::uint32_t> concurrency;     // 0: its plan's
  std::int64_t now_s = 0;
};
struct Changed {
  KeyRecord before, record;
  std::vector<std::string> also;       // predecessors in their overlap that had more than is left of their successor
  std::string plan;                    // of too_many_keys
  std::size_t keys = 0, max_keys = 0;  // likewise: how many other keys there are, and how many there may be
};
// Who isn't an administrator may give another name and meta, fewer scopes and addresses and less time, and nothing else.
Answer change(WriteTxn &txn, const Caller &caller, const ChangeRequest &request, Changed *changed);

// An active key is refused until it is resumed. `key` is what it was before. What a subject has suspended of its own keys
// it may resume, until an administrator or the operator suspends it as well.
Answer suspend(WriteTxn &txn, const Caller &caller, std::string_view id, std::int64_t now_s, KeyRecord *key);
// By the operator and by administrators; by the subject only what it has suspended itself.
Answer resume(WriteTxn &txn, const Caller &caller, std::string_view id, std::int64_t now_s, KeyRecord *key);

// Ends a key, and whatever key it had replaced by rotation, which may still live in its overlap.
struct Revoked {
  std::string id;
  bool changed = false;
  std::vector<std::string> also;  // the ids of those
};
Answer revoke(WriteTxn &txn, const Caller &caller, std::string_view id, std::int64_t now_s, Revoked *revoked);
// The same of a record that was read in this transaction; `also` gets the ids of its predecessors that lived.
Answer end_with_predecessors(WriteTxn &txn, std::int64_t now_s, KeyRecord *key, std::vector<std::string> *also);

// Keys that were revoked before a time and have a record yet, among the next few thousand.
struct PurgePage {
  std::vector<std::string> ids;
  std::vector<Digest> usage_names;
  std::string after;  // where the next page begins: behind this id
  bool more = true;
};
Answer find_due(CredentialReader &reader, std::int64_t before_s, PurgePage *page);
// Removes their records. Each is looked at again, and what isn't due any more stays.
Answer purge(WriteTxn &txn, const std::vector<std::string> &ids, std::int64_t before_s, std::int64_t now_s,
             std::size_t *purged);

}  // namespace keyward::keys
