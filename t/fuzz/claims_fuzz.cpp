// Claims, as if their signature were good: what is read of them can go into header fields, and dates don't overflow.
#include "base/text_rules.hpp"
#include "fuzz.hpp"
#include "issuers.hpp"

using namespace keyward;

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  json::Value claims;
  if (jwt::parse_claims(fuzz::text_of(data, size), &claims) != jwt::Cause::none) {
    return 0;
  }
  const fuzz::Issuers &all = fuzz::issuers();
  for (const jwt::Issuer *issuer : {&all.fetched, &all.secret, &all.lax}) {
    jwt::Times times;
    if (jwt::check_times(*issuer, claims, fuzz::kNow, &times) == jwt::Cause::none) {
      fuzz::must(fuzz::kNow < times.valid_until_s && (!issuer->require_expiry || claims.find("exp") != nullptr));
    }
    for (const jwt::Requirement &requirement : issuer->require) {
      fuzz::must(!jwt::meets(requirement, claims) || claims.find("realm") != nullptr);
    }
    jwt::Identity identity;
    if (jwt::check_names(*issuer, claims) == jwt::Cause::none &&
        jwt::read_identity(*issuer, claims, &identity) == jwt::Cause::none) {
      fuzz::must(!identity.has_subject || is_subject(identity.subject));
      fuzz::must(!identity.has_plan || is_plan_name(identity.plan));
      fuzz::must(identity.scopes.empty() || is_scope_list(identity.scopes) ||
                 identity.scopes.size() > kMaxScopeListBytes);
      fuzz::must(issuer->scope_wildcards || identity.scopes.find('*') == std::string::npos);
    }
  }
  return 0;
}
