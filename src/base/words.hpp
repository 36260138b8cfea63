// The words of a directive, and what is wrong with them: what nginx and the command read alike.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyward {

// The directive's name is the first.
using Words = std::vector<std::string_view>;

// What a setter answers: nothing, or what is wrong (without a final stop; nginx adds file and line).
using Wrong = std::optional<std::string>;
inline const Wrong kGood = std::nullopt;

std::string quoted(std::string_view text);
// If word is NAME=VALUE of this name, its value.
std::optional<std::string_view> option(std::string_view word, std::string_view name);

// Whether two words differ by one slip of the hand at most: a letter more, less or other, or two neighbours swapped.
// Case is ignored.
bool is_near(std::string_view a, std::string_view b) noexcept;

// A word that is to be a value, but looks like one of these parameters, perhaps misspelt: what was meant ("method=GET":
// "methods=GET"). nothing: it is a value.
std::optional<std::string> meant_parameter(std::string_view word, const std::vector<std::string_view> &names);

// What stands between the commas of a value: nothing of an empty one. Wrong: there is nothing between two of them, or
// beside one at an end.
Wrong split_elements(std::string_view list, std::vector<std::string_view> *elements);

Wrong parse_on_off(std::string_view word, bool *value);

}  // namespace keyward
