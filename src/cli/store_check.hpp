// Looks at everything that is in a store.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/context.hpp"

namespace keyward::cli {

struct Damage {
  const char *table;  // "key", "subject", ...
  std::string name, what;
};

struct CheckReport {
  std::uint64_t keys = 0, subjects = 0, plans = 0, indexed = 0, legacy = 0, windows = 0, balances = 0, denials = 0,
                journal = 0;
  std::vector<Damage> damage;
  std::vector<std::string> remarks;  // odd, but no damage
};

// Walks all tables in one snapshot. Damage is in the report; an Outcome that isn't ok means that it could not be looked
// at.
Outcome check_store(const Context &context, CheckReport *report);

}  // namespace keyward::cli
