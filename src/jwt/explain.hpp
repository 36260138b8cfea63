// Causes in words, for logs and for people.
#pragma once

#include <string>

#include "jwt/cause.hpp"
#include "jwt/issuer.hpp"

namespace keyward::jwt {

// A clause such as "its exp is not a number of seconds". It names claims, as the configuration does, and quotes nothing
// of the token. issuer: whose finding it is; nullptr: that of no issuer.
std::string explain(Finding finding, const Issuer *issuer);

}  // namespace keyward::jwt
