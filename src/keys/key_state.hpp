// What a key's state and times mean now.
#pragma once

#include <cstdint>
#include <string_view>

#include "store/records/record.hpp"

namespace keyward::keys {

// Whether the key itself would be let in now.
bool is_active(const KeyRecord &key, std::int64_t now_s) noexcept;
inline constexpr std::string_view kExpired = "expired";
// The state in effect: active keys whose time is over are expired. Of a KeyRecord or a KeyView.
template <typename Key>
std::string_view effective_state(const Key &key, std::int64_t now_s) noexcept {
  return key.state == KeyState::active && has_ended(key, now_s) ? kExpired : to_text(key.state);
}

}  // namespace keyward::keys
