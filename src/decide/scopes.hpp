// Scopes: what is demanded, and what is held.
#pragma once

#include "decide/demand.hpp"
#include "decide/outcome.hpp"

namespace keyward {

// Whether the outcome's principal meets the demand's scopes; of insufficient_scope it says which ones. Nobody has no
// scopes at all: a scope is a demand for a credential.
Reason check_scopes(const Demand &demand, Outcome *outcome);

}  // namespace keyward
