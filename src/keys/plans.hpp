// Plans of the store: made, changed, removed. By the operator only.
#pragma once

#include <optional>
#include <string>

#include "keys/answer.hpp"

namespace keyward::keys {

// What is named of a plan changes; the rest stays, and one that isn't there is made.
struct PlanRequest {
  std::string name;
  std::optional<OptionalList<std::string>> scopes;
  std::optional<OptionalList<Rate>> limits;
  std::optional<std::optional<std::uint32_t>> max_keys;  // no number: as many as a subject likes
  std::optional<std::uint32_t> concurrency;              // 0: no matter how many
  std::optional<bool> no_access, is_default;
  std::optional<Allowance> credits;  // without a window: none
};
struct PlanSet {
  PlanRecord before, record;  // before without a name: it wasn't there
  std::string old_default;    // the plan that was the default one; empty: none
};
Answer set_plan(WriteTxn &txn, const PlanRequest &request, PlanSet *set);

// in_use, and by whom, while a subject or a key that isn't revoked names it.
Answer remove_plan(WriteTxn &txn, const std::string &name, PlanUser *user);

}  // namespace keyward::keys
