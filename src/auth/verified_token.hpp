// What is kept of a token whose signature, times and claims hold.
#pragma once

#include <cstddef>

#include "auth/principal.hpp"
#include "jwt/claim_texts.hpp"
#include "jwt/verify.hpp"

namespace keyward {

// Immutable. Neither the token nor its signature is in it.
struct VerifiedToken {
  std::size_t issuer = 0;  // by its place among the configured ones
  jwt::Times times;
  jwt::Identity identity;  // its scopes are in grants
  Grants grants;           // what its claims name, and what the issuer grants to whomever it admits
  jwt::ClaimTexts claims;
};

// Of a verdict that accepts. place: the issuer's, among the configured ones.
VerifiedToken verified_token(std::size_t place, const jwt::Issuer &issuer, const Policy &policy, jwt::Verdict verdict);

// What one takes that std::make_shared() made.
std::size_t bytes_of(const VerifiedToken &token) noexcept;

}  // namespace keyward
