// Matching goes back to the last star only, which is enough: steps are bounded by the product of both lengths.
#include "mcp/glob.hpp"

#include <cstddef>
#include <vector>

namespace keyward::mcp {

namespace {

// Stars of text are matched by stars alone, where text is a pattern itself.
bool match(std::string_view pattern, std::string_view text, bool text_is_pattern) noexcept {
  std::size_t p = 0, t = 0;
  std::size_t star = std::string_view::npos, star_t = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_t = t;
    } else if (p < pattern.size() && pattern[p] == text[t] && !(text_is_pattern && text[t] == '*')) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_t;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') {
    ++p;
  }
  return p == pattern.size();
}

}  // namespace

bool matches(std::string_view pattern, std::string_view text) noexcept { return match(pattern, text, false); }

bool is_wider(std::string_view pattern, std::string_view other) noexcept { return match(pattern, other, true); }

bool may_go_on(std::string_view pattern, std::string_view prefix) {
  // Which places in the pattern the prefix may lead to.
  std::vector<bool> at(pattern.size() + 1), next;
  const auto skip_stars = [&](std::vector<bool> &places) {
    for (std::size_t p = 0; p < pattern.size(); ++p) {
      if (places[p] && pattern[p] == '*') {
        places[p + 1] = true;
      }
    }
  };
  at[0] = true;
  skip_stars(at);
  for (const char c : prefix) {
    next.assign(pattern.size() + 1, false);
    for (std::size_t p = 0; p < pattern.size(); ++p) {
      if (at[p] && pattern[p] == '*') {
        next[p] = true;
      } else if (at[p] && pattern[p] == c) {
        next[p + 1] = true;
      }
    }
    skip_stars(next);
    at.swap(next);
  }
  for (const bool reached : at) {
    if (reached) {
      return true;
    }
  }
  return false;
}

}  // namespace keyward::mcp
