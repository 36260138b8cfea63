// Whose the command is: what the store's journal says of each change that it makes.
#pragma once

#include <string>

#include "store/records/journal.hpp"

namespace keyward::cli {

// Once, before the command becomes the store's owner: looks at who called it.
void remember_author(const std::string &command);
// Of this process.
const Author &author();

}  // namespace keyward::cli
