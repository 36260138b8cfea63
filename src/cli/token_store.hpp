// What the store has to say about a token that its issuer lets pass.
#pragma once

#include <cstdint>
#include <string>

#include "auth/reason.hpp"
#include "auth/token_principal.hpp"
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

// reason: Reason::none where nothing there stands against it.
Outcome ask_store(const Context &context, const jwt::Issuer &issuer, const SubjectReach &reach,
                  const VerifiedToken &token, const Policy &policy, std::int64_t now_s, InStore *answer, Reason *reason,
                  Principal *principal);

}  // namespace keyward::cli
