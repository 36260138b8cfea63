// Several keyward_key_format in one line, one behind each ';', as a fuzz target and its seeds have them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "key/key_formats.hpp"

namespace keyward::fuzz {

// Those that are good and can stand beside those before.
inline KeyFormats read_key_formats(std::string_view text) {
  KeyFormats formats;
  std::string error;
  while (!text.empty()) {
    const std::size_t end = text.find(';');
    std::string_view one = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    std::vector<std::string_view> words;
    while (!one.empty()) {
      const std::size_t blank = one.find(' ');
      if (const std::string_view word = one.substr(0, blank); !word.empty()) {
        words.push_back(word == "\"\"" ? std::string_view() : word);
      }
      one.remove_prefix(blank == std::string_view::npos ? one.size() : blank + 1);
    }
    KeyFormat format;
    if (parse_key_format(words, &format, &error)) {
      formats.add(std::move(format), &error);
    }
  }
  return formats;
}

}  // namespace keyward::fuzz
