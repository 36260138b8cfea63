// Words of directives.
#include "base/words.hpp"

#include "base/ascii.hpp"

namespace keyward {

namespace {

// A slip in a shorter name makes another word too easily.
constexpr std::size_t kLeastNearLetters = 5;

bool equal_letters(char a, char b) noexcept { return to_lower(a) == to_lower(b); }

}  // namespace

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

std::optional<std::string_view> option(std::string_view word, std::string_view name) {
  if (word.size() > name.size() && word.substr(0, name.size()) == name && word[name.size()] == '=') {
    return word.substr(name.size() + 1);
  }
  return std::nullopt;
}

bool is_near(std::string_view a, std::string_view b) noexcept {
  while (!a.empty() && !b.empty() && equal_letters(a.front(), b.front())) {
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  while (!a.empty() && !b.empty() && equal_letters(a.back(), b.back())) {
    a.remove_suffix(1);
    b.remove_suffix(1);
  }
  const bool swapped = a.size() == 2 && b.size() == 2 && equal_letters(a[0], b[1]) && equal_letters(a[1], b[0]);
  return swapped || (a.size() <= 1 && b.size() <= 1);
}

std::optional<std::string> meant_parameter(std::string_view word, const std::vector<std::string_view> &names) {
  const std::size_t end = word.find('=');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view key = word.substr(0, end);
  for (const std::string_view name : names) {
    if (equal_caseless(key, name) || (name.size() >= kLeastNearLetters && is_near(key, name))) {
      return std::string(name) + std::string(word.substr(end));
    }
  }
  return std::nullopt;
}

Wrong split_elements(std::string_view list, std::vector<std::string_view> *elements) {
  elements->clear();
  const std::string_view whole = list;
  while (!whole.empty()) {
    const std::size_t end = list.find(',');
    elements->push_back(list.substr(0, end));
    if (elements->back().empty()) {
      return quoted(whole) + " has a comma too many; write one between two of a list, and none at its ends";
    }
    if (end == std::string_view::npos) {
      break;
    }
    list.remove_prefix(end + 1);
  }
  return kGood;
}

Wrong parse_on_off(std::string_view word, bool *value) {
  if (word != "on" && word != "off") {
    return "invalid value " + quoted(word) + "; it must be \"on\" or \"off\"";
  }
  *value = word == "on";
  return kGood;
}

}  // namespace keyward
