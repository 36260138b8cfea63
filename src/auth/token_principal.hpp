// Principals of tokens: claims, subject, denylist and plan made one.
#pragma once

#include <cstdint>

#include "auth/principal.hpp"
#include "auth/shared_subjects.hpp"
#include "auth/verified_token.hpp"
#include "jwt/issuer.hpp"

namespace keyward {

enum class BuiltToken { ok, blocked_subject, revoked, damaged };

// Builds the principal of a token of this issuer at now_s. reader: within a snapshot; nullptr: there is no store.
// Whether a token that isn't provisioned is good is the caller's to say.
BuiltToken build_token_principal(CredentialReader *reader, const VerifiedToken &token, const jwt::Issuer &issuer,
                                 const SharedSubjects &shared, const Policy &policy, std::int64_t now_s,
                                 Principal *principal);

}  // namespace keyward
