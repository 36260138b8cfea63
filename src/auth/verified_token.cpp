// From a verdict to what is kept of it.
#include "auth/verified_token.hpp"

#include <utility>

namespace keyward {

VerifiedToken verified_token(std::size_t place, const jwt::Issuer &issuer, const Policy &policy, jwt::Verdict verdict) {
  VerifiedToken token;
  token.issuer = place;
  token.times = verdict.times;
  token.claims = jwt::ClaimTexts(verdict.claims, policy.claims);
  token.identity = std::move(verdict.identity);
  std::string list = std::move(token.identity.scopes);
  token.identity.scopes = std::string();
  for (const std::string &grant : issuer.grant) {
    list += (list.empty() ? "" : " ") + grant;
  }
  token.grants = Grants(list, policy.implications);
  return token;
}

std::size_t bytes_of(const VerifiedToken &token) noexcept {
  const jwt::Identity &who = token.identity;
  return shared_bytes<VerifiedToken>() + heap_bytes(who.subject) + heap_bytes(who.scopes) + heap_bytes(who.plan) +
         heap_bytes(who.jti) + token.grants.heap_bytes() + token.claims.heap_bytes();
}

}  // namespace keyward
