// keyward_plan, keyward_scope_implies and keyward_key_format: one reading of them for nginx and for the command.
#pragma once

#include <cstddef>
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

// How large a credential may be, in bytes: what keyward_max_credential says.
Wrong read_max_credential(std::string_view word, std::size_t *bytes);

}  // namespace keyward
