// Which keys a list shows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "store/records/record.hpp"

namespace keyward::keys {

// What isn't said leaves keys out of no list.
struct KeyFilter {
  std::string state;                  // in effect: "expired" is one, too
  std::string plan;                   // of its own
  std::string name;                   // a part of it, whatever the case of its ASCII letters
  std::int64_t expires_before_s = 0;  // in the time that is left until then
  std::int64_t unused_since_s = 0;    // neither used nor made since then
  std::int64_t now_s = 0;

  // By its record alone.
  bool fits(const KeyView &key) const noexcept;
  // By its use, which is looked up where `looks_at_use`.
  bool looks_at_use() const noexcept { return unused_since_s != 0; }
  bool fits(const KeyView &key, const UsageRecord &usage) const noexcept { return fits_use(key, usage); }
  template <typename Key>
  bool fits_use(const Key &key, const UsageRecord &usage) const noexcept {
    return unused_since_s == 0 || std::max(usage.last_used_s, key.created_at_s) < unused_since_s;
  }
};
bool is_state_in_effect(std::string_view state) noexcept;

}  // namespace keyward::keys
