// Subject, plan, scopes and jti.
#include "jwt/identity.hpp"

#include "base/text_rules.hpp"

namespace keyward::jwt {

namespace {

using Type = json::Value::Type;

void add_scope(std::string_view scope, bool wildcards, std::string *scopes) {
  if (!is_scope_token(scope) || scope.size() > kMaxScopeListBytes ||
      (!wildcards && scope.find('*') != std::string_view::npos)) {
    return;
  }
  if (!scopes->empty()) {
    *scopes += ' ';
  }
  *scopes += scope;
}

// A claim that is neither a string nor an array grants nothing, and neither do the claims after it.
std::string read_scopes(const json::Value &claim, bool wildcards) {
  std::string scopes;
  if (claim.type == Type::array) {
    for (const json::Value &item : claim.items) {
      if (item.type == Type::string) {
        add_scope(item.text, wildcards, &scopes);
      }
    }
  } else if (claim.type == Type::string) {
    std::string_view rest = claim.text;
    while (!rest.empty()) {
      const std::string_view scope = rest.substr(0, rest.find(' '));
      add_scope(scope, wildcards, &scopes);
      rest.remove_prefix(scope.size() + (scope.size() < rest.size() ? 1 : 0));
    }
  }
  return scopes;
}

std::string find_scopes(const Issuer &issuer, const json::Value &claims) {
  for (const ClaimPath &path : issuer.scope_claims) {
    const json::Value *claim = path.find(claims);
    if (claim != nullptr) {
      return read_scopes(*claim, issuer.scope_wildcards);
    }
  }
  return {};
}

}  // namespace

Cause read_identity(const Issuer &issuer, const json::Value &claims, Identity *identity) {
  const json::Value *subject = issuer.subject_claim.find(claims);
  if (subject != nullptr) {
    // The claim by itself too: a prefix must not hide that it begins with white space.
    if (subject->type != Type::string || !is_subject(subject->text)) {
      return Cause::bad_subject;
    }
    identity->subject = issuer.subject_prefix + subject->text;
    identity->has_subject = true;
    if (!is_subject(identity->subject)) {
      return Cause::bad_subject;
    }
  }
  const json::Value *plan = issuer.plan_claim.find(claims);
  if (plan != nullptr) {
    if (plan->type != Type::string || !is_plan_name(plan->text)) {
      return Cause::bad_plan;
    }
    identity->plan = plan->text;
    identity->has_plan = true;
  }
  const json::Value *jti = claims.find("jti");
  identity->has_jti = jti != nullptr;
  if (jti != nullptr) {
    identity->jti = jti->text;
  }
  identity->scopes = find_scopes(issuer, claims);
  return Cause::none;
}

}  // namespace keyward::jwt
