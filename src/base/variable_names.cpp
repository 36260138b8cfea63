// Reading "$name" and "${name}" out of a text.
#include "base/variable_names.hpp"

#include "base/ascii.hpp"

namespace keyward {
namespace {

bool is_name_character(char c) { return is_alphanumeric(c) || c == '_'; }

// Calls literal(text) and variable(name) for the parts of a text, in order.
template <typename Literal, typename Variable>
void for_each_part(std::string_view text, Literal &&literal, Variable &&variable) {
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    literal(text.substr(0, dollar));
    if (dollar == std::string_view::npos) {
      return;
    }
    text.remove_prefix(dollar + 1);
    const bool braced = !text.empty() && text.front() == '{';
    const std::string_view rest = text.substr(braced ? 1 : 0);
    std::size_t length = 0;
    while (length < rest.size() && is_name_character(rest[length])) {
      ++length;
    }
    const bool closed = !braced || (length < rest.size() && rest[length] == '}');
    if (length == 0 || !closed) {
      literal("$");
      continue;
    }
    variable(rest.substr(0, length));
    text = rest.substr(length + (braced ? 1 : 0));
  }
}

}  // namespace

std::vector<std::string> variables_in(std::string_view text) {
  std::vector<std::string> names;
  for_each_part(
      text, [](std::string_view) {},
      [&](std::string_view name) {
        std::string lower(name);
        for (char &c : lower) {
          c = to_lower(c);
        }
        names.push_back(std::move(lower));
      });
  return names;
}

bool is_always_set(std::string_view text) {
  std::string fixed;
  for_each_part(
      text, [&](std::string_view literal) { fixed += literal; }, [](std::string_view) {});
  return !fixed.empty() && fixed != "0";
}

}  // namespace keyward
