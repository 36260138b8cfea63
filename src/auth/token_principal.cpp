// Who a token is about, as one snapshot of the store and one configuration say.
#include "auth/token_principal.hpp"

#include "auth/plan_terms.hpp"

namespace keyward {
namespace {

// The first that there is of the subject's, the token's plan_claim, the issuer's and the default.
std::string_view plan_name_of(const SubjectView *subject, const jwt::Identity &identity,
                              const jwt::Issuer &issuer) noexcept {
  if (subject != nullptr && !subject->plan.empty()) {
    return subject->plan;
  }
  return identity.has_plan ? std::string_view(identity.plan) : std::string_view(issuer.plan);
}

bool is_denied(const TokenDenial &denial, const VerifiedToken &token, const jwt::Issuer &issuer) noexcept {
  return denial.refuses(token.times.has_issued_at, token.times.issued_at_s, issuer.leeway_s);
}

}  // namespace

BuiltToken build_token_principal(CredentialReader *reader, const VerifiedToken &token, const jwt::Issuer &issuer,
                                 const SharedSubjects &shared, const Policy &policy, std::int64_t now_s,
                                 Principal *principal) {
  const jwt::Identity &identity = token.identity;
  principal->kind = Kind::token;
  principal->issuer = issuer.name;
  principal->subject = identity.subject;
  principal->own_subject = identity.has_subject && !shared.has(identity.subject);
  principal->provisioned = false;
  principal->stands_until_s = token.times.valid_until_s;

  SubjectView subject;
  if (reader != nullptr && identity.has_subject) {
    const StoreCode code = reader->find_subject(identity.subject, &subject);
    if (code != StoreCode::ok && code != StoreCode::not_found) {
      return BuiltToken::damaged;
    }
    // Whoever is blocked under this name is refused whichever issuer he comes from; anything else the record says is
    // about the store's own subject only.
    if (code == StoreCode::ok && subject.state != SubjectState::active) {
      return BuiltToken::blocked_subject;
    }
    principal->provisioned = code == StoreCode::ok && !principal->own_subject;
  }
  if (reader != nullptr) {
    TokenDenial denial;
    if (reader->find_token_denial(issuer.name, identity.subject, identity.jti, now_s, &denial) != StoreCode::ok) {
      return BuiltToken::damaged;
    }
    if (is_denied(denial, token, issuer)) {
      return BuiltToken::revoked;
    }
  }

  Plan plan;
  bool plan_missing = false;
  const SubjectView *record = principal->provisioned ? &subject : nullptr;
  if (resolve_plan(reader, plan_name_of(record, identity, issuer), policy, &plan, &plan_missing) != StoreCode::ok) {
    return BuiltToken::damaged;
  }
  principal->plan = plan.name;
  principal->concurrency = plan.concurrency;
  principal->credits = credit_terms(plan, record != nullptr ? record->credits : CreditGrant());
  principal->entry = plan.no_access || plan_missing ? Entry::closed : Entry::open;

  const Implications &implications = policy.implications;
  Grants grants = token.grants;
  if (plan.has_scopes) {
    grants = grants.intersect(Grants(plan.scopes, implications), implications);
  }
  if (record != nullptr && record->has_scopes) {
    grants = grants.intersect(Grants(record->scopes, implications), implications);
  }
  principal->grants = std::move(grants);
  principal->grants_are_roles = identity.scopes_are_roles;

  if (!plan.name.empty()) {
    principal->has_limits = true;
    principal->limits = std::move(plan.limits);
  }
  return BuiltToken::ok;
}

}  // namespace keyward
