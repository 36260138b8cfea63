// What is wrong with a command line, in words. They never repeat an argument that might be a key.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/pages.hpp"

namespace keyward::cli {

// Where a command of the group `at` should stand; rest: what stands there instead.
std::string missing_command(const CommandPage &at, const std::vector<std::string> &rest);

// Behind the command `path` of root; rest: what it doesn't take.
std::string unexpected(const CommandPage &root, std::string_view path, const std::vector<std::string> &rest);

}  // namespace keyward::cli
