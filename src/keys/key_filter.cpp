// Filters of lists.
#include "keys/key_filter.hpp"

#include <algorithm>
#include <iterator>

#include "base/ascii.hpp"
#include "keys/key_state.hpp"

namespace keyward::keys {
namespace {

bool has_part(std::string_view text, std::string_view part) noexcept {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return to_lower(a) == to_lower(b); }) != text.end();
}

}  // namespace

bool KeyFilter::fits(const KeyView &key) const noexcept {
  const bool expires = key.expires_at_s > now_s && key.expires_at_s <= expires_before_s;
  return (state.empty() || effective_state(key, now_s) == state) && (plan.empty() || key.plan == plan) &&
         (name.empty() || has_part(key.name, name)) && (expires_before_s == 0 || expires);
}

bool is_state_in_effect(std::string_view state) noexcept {
  KeyState known;
  return state == kExpired || parse_key_state(state, &known);
}

}  // namespace keyward::keys
