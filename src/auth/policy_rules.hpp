// keyward_plan, keyward_scope_implies and keyward_key_format: one reading of them for nginx and for the command.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/principal.hpp"
#include "base/words.hpp"
#include "key/key_formats.hpp"

namespace keyward {

// A list with commas becomes one with blanks.
Wrong parse_grants(std::string_view list, std::string *scopes);

// Each takes a directive's words, its name first, and adds what they say.
Wrong add_plan(const Words &words, Policy *policy);
Wrong add_implication(const Words &words, Policy *policy);
Wrong add_key_format(const Words &words, KeyFormats *formats);

}  // namespace keyward
