// The variables that a text of nginx's configuration reads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace keyward {

// $name and ${name}, in lower case, as nginx knows them; each as often as it stands there. What follows a "$" that
// begins no name, such as the end of a regular expression, is left out.
std::vector<std::string> variables_in(std::string_view text);

// Whether the text comes out neither empty nor "0", whatever its variables are: nginx's rule of what counts as set.
bool is_always_set(std::string_view text);

}  // namespace keyward
