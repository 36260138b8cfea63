// Cookies: finding one, and leaving one out.
#include "auth/cookie_text.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace keyward {

bool is_cookie_name(std::string_view text) noexcept {
  constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [kOther](char c) {
    return is_alphanumeric(c) || kOther.find(c) != std::string_view::npos;
  });
}

std::string_view cookie_value(std::string_view field, std::string_view name, std::size_t *count) noexcept {
  std::string_view found;
  for_each_cookie(field, [&](std::string_view, std::string_view of, std::string_view value) {
    if (of == name && !value.empty()) {
      found = found.empty() ? value : found;
      ++*count;
    }
  });
  return found;
}

std::size_t without_cookie(std::string_view field, std::string_view name, char *out) noexcept {
  char *end = out;
  for_each_cookie(field, [&](std::string_view pair, std::string_view of, std::string_view) {
    if (of == name) {
      return;
    }
    if (end != out) {
      *end++ = ';';
      *end++ = ' ';
    }
    end = std::copy(pair.begin(), pair.end(), end);
  });
  return static_cast<std::size_t>(end - out);
}

}  // namespace keyward
