// Words of directives.
#include "base/words.hpp"

namespace keyward {

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

std::optional<std::string_view> option(std::string_view word, std::string_view name) {
  if (word.size() > name.size() && word.substr(0, name.size()) == name && word[name.size()] == '=') {
    return word.substr(name.size() + 1);
  }
  return std::nullopt;
}

Wrong parse_on_off(std::string_view word, bool *value) {
  if (word != "on" && word != "off") {
    return "invalid value " + quoted(word) + "; it must be \"on\" or \"off\"";
  }
  *value = word == "on";
  return kGood;
}

}  // namespace keyward
