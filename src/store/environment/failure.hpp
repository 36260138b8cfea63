// From what the system and LMDB say to a StoreStatus.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "store/environment/status.hpp"

namespace keyward {

inline StoreStatus failure(StoreCode code, std::string text) { return {code, std::move(text)}; }

// What a code of LMDB's (negative) or the system's (errno) means here; ok for 0, not_found for MDB_NOTFOUND.
StoreCode store_code(int rc) noexcept;
// "cannot WHAT: why".
StoreStatus failure_of(int rc, std::string_view what);

}  // namespace keyward
