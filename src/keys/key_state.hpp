// What a key's state and times mean now.
#pragma once

#include <cstdint>
#include <string_view>

#include "store/records/record.hpp"

namespace keyward::keys {

// How long a pending key waits for its code verifier: a login takes less.
inline constexpr std::int64_t kPendingSeconds = 600;
// Whether it has waited too long: what is left of such a key is that it gets revoked. Of a KeyRecord or a KeyView.
template <typename Key>
bool has_lapsed(const Key &key, std::int64_t now_s) noexcept {
  return key.state == KeyState::pending && key.created_at_s + kPendingSeconds <= now_s;
}
// Whether the key itself would be let in now.
bool is_active(const KeyRecord &key, std::int64_t now_s) noexcept;
inline constexpr std::string_view kExpired = "expired";
// The state in effect: active keys whose time is over are expired, pending ones revoked. Of a KeyRecord or a KeyView.
template <typename Key>
std::string_view effective_state(const Key &key, std::int64_t now_s) noexcept {
  return key.state == KeyState::active && has_ended(key, now_s) ? kExpired
         : has_lapsed(key, now_s)                               ? to_text(KeyState::revoked)
                                                                : to_text(key.state);
}

}  // namespace keyward::keys
