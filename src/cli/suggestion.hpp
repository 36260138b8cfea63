// What somebody meant who wrote a command or an option that there isn't.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/pages.hpp"

namespace keyward::cli {

// The path of the command that `words` may have meant behind `at` ("key revoke" of "key" and "delete"); empty: none
// is like it.
std::string suggested_command(const CommandPage &at, const std::vector<std::string> &words);

// The option of the command, or of every command, that is like this one; empty: none is.
std::string suggested_option(const CommandPage &root, const CommandPage &command, std::string_view option);

// The page of a path, as far as that leads.
const CommandPage &page_at(const CommandPage &root, std::string_view path);

}  // namespace keyward::cli
