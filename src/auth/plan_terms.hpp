// Finding the plan of a principal.
#pragma once

#include <string_view>
#include <vector>

#include "auth/principal.hpp"
#include "store/transactions/writer.hpp"

namespace keyward {

std::vector<Rate> unpack_limits(std::string_view packed);

// The plan that applies when `name` was named (empty: the default one). `missing` is set when it is named and nowhere.
// reader: within a snapshot; nullptr: there is no store.
StoreCode resolve_plan(CredentialReader *reader, std::string_view name, const Policy &policy, Plan *plan,
                       bool *missing);

// The same inside a write transaction.
StoreStatus resolve_plan(WriteTxn &txn, std::string_view name, const Policy &policy, Plan *plan, bool *missing);

}  // namespace keyward
