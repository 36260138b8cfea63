// An input of several texts, one a line.
#pragma once

#include <algorithm>
#include <string_view>

namespace keyward::fuzz {

// Takes the first line, without its end, off the front.
inline std::string_view take_line(std::string_view *text) {
  const std::string_view line = text->substr(0, text->find('\n'));
  text->remove_prefix(std::min(line.size() + 1, text->size()));
  return line;
}

}  // namespace keyward::fuzz
