// Cookies in a Cookie field (RFC 6265, section 4.2.1). Text only.
#pragma once

#include <cstddef>
#include <string_view>

#include "auth/credential_text.hpp"

namespace keyward {

// Calls visit(pair, name, value) for each cookie, all without the blanks around them; of what has no '=' the name is
// empty, as browsers mean it. What is empty is none.
template <typename Visit>
void for_each_cookie(std::string_view field, Visit &&visit) noexcept {
  for (bool more = true; more;) {
    const std::size_t end = field.find(';');
    const std::string_view pair = trim_blanks(field.substr(0, end));
    more = end != std::string_view::npos;
    field.remove_prefix(more ? end + 1 : field.size());
    if (pair.empty()) {
      continue;
    }
    const std::size_t equals = pair.find('=');
    const bool named = equals != std::string_view::npos;
    visit(pair, named ? trim_blanks(pair.substr(0, equals)) : std::string_view(),
          named ? trim_blanks(pair.substr(equals + 1)) : pair);
  }
}

// A cookie's name: a token of RFC 9110, section 5.6.2.
bool is_cookie_name(std::string_view text) noexcept;

// The value of the first cookie of this name that has one; *count is raised by how many there are.
std::string_view cookie_value(std::string_view field, std::string_view name, std::size_t *count) noexcept;

// Writes the field without the cookies of this name to out, which has room for as much as the field twice; returns how
// long it is.
std::size_t without_cookie(std::string_view field, std::string_view name, char *out) noexcept;

}  // namespace keyward
