// States and times.
#include "keys/key_state.hpp"

namespace keyward::keys {

bool is_expired(const KeyRecord &key, std::int64_t now_s) noexcept {
  return (key.expires_at_s != 0 && key.expires_at_s <= now_s) ||
         (key.overlap_until_s != 0 && key.overlap_until_s <= now_s);
}

bool is_active(const KeyRecord &key, std::int64_t now_s) noexcept {
  return key.state == KeyState::active && !is_expired(key, now_s);
}

std::string_view effective_state(const KeyRecord &key, std::int64_t now_s) noexcept {
  return key.state == KeyState::active && is_expired(key, now_s) ? "expired" : to_text(key.state);
}

}  // namespace keyward::keys
