// States and times.
#include "keys/key_state.hpp"

namespace keyward::keys {

bool is_active(const KeyRecord &key, std::int64_t now_s) noexcept {
  return key.state == KeyState::active && !has_ended(key, now_s);
}

}  // namespace keyward::keys
