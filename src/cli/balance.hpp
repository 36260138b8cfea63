// What is left of a balance of credits, as the store says: workers store what they take once a second.
#pragma once

#include <cstdint>

#include "cli/context.hpp"
#include "cli/describe.hpp"

namespace keyward::cli {

struct Balance {
  bool known = false;  // false: there is none, or nobody can say
  std::int64_t left = 0;
  std::int64_t renews_s = 0;  // Unix seconds; 0: it isn't refilled, or wasn't used yet
};

// By its own plan, or the store's default one; a plan that only nginx's configuration has isn't known here.
Balance balance_of(const Context &context, CredentialReader &reader, Usage &usage, const SubjectRecord &subject);
// The same within a snapshot that is open.
Balance balance_in(const Context &context, CredentialReader &reader, Usage &usage, const SubjectRecord &subject);
// Of a key: its subject's, or, where it has none, its own. `terms`: those of its principal.
Balance balance_of(const Context &context, Usage &usage, const KeyRecord &key, const CreditTerms *terms);

void describe(Description *to, const Balance &balance);

}  // namespace keyward::cli
