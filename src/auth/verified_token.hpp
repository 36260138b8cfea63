// What is kept of a token whose signature, times and claims hold.
#pragma once

#include <cstddef>

#include "jwt/claim_texts.hpp"
#include "jwt/claims.hpp"
#include "jwt/identity.hpp"

namespace keyward {

// Immutable. Neither the token nor its signature is in it.
struct VerifiedToken {
  std::size_t issuer = 0;  // by its place among the configured ones
  jwt::Times times;
  jwt::Identity identity;
  jwt::ClaimTexts claims;
};

}  // namespace keyward
