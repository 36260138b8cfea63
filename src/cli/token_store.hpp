// What the store has to say about a token that its issuer lets pass.
#pragma once

#include <cstdint>
#include <string>

#include "auth/verified_token.hpp"
#include "cli/context.hpp"
#include "jwt/issuer.hpp"

namespace keyward::cli {

struct InStore {
  bool looked = false;
  std::string subject_state;  // "active", "blocked", "none"
  TokenDenial denial;
  bool denied = false;
};

// Where none is named and none lies at the usual place, there is none to ask.
bool is_store_wanted(const Context &context);

// What the store has about this token, for people to look at: the decision looks for itself.
void look_up(CredentialReader &reader, const jwt::Issuer &issuer, const VerifiedToken &token, std::int64_t now_s,
             InStore *answer);

}  // namespace keyward::cli
