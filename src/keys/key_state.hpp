// What a key's state and times mean now.
#pragma once

#include <cstdint>
#include <string_view>

#include "store/records/record.hpp"

namespace keyward::keys {

// Whether the key itself would be let in now.
bool is_active(const KeyRecord &key, std::int64_t now_s) noexcept;
// The state in effect: active keys whose time is over are "expired".
std::string_view effective_state(const KeyRecord &key, std::int64_t now_s) noexcept;

}  // namespace keyward::keys
