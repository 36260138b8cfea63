// Ending keys, inside a write transaction: what `key revoke` and `key rotate --overlap 0` share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/record.hpp"
#include "store/writer.hpp"

namespace keyward::cli {

StoreStatus set_state(WriteTxn &txn, KeyState state, std::int64_t now_s, KeyRecord *key);

// Ends a key, and whatever key it had replaced by rotation, which may still live in its overlap: `also` gets their ids.
StoreStatus revoke_with_predecessors(WriteTxn &txn, KeyRecord *key, std::int64_t now_s, std::vector<std::string> *also);

}  // namespace keyward::cli
