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

// The claims whose strings are lists (RFC 8693, section 4.2, and what others made of it), by their whole name. A string
// in any other claim is one value: "Billing Admin" must not be Admin.
bool holds_lists(const ClaimPath &path) noexcept {
  const std::vector<std::string> &names = path.names();
  return names.size() == 1 && (names[0] == "scope" || names[0] == "scp" || names[0] == "permissions");
}

void add_list(std::string_view rest, bool wildcards, std::string *scopes) {
  while (!rest.empty()) {
    const std::string_view scope = rest.substr(0, rest.find(' '));
    add_scope(scope, wildcards, scopes);
    rest.remove_prefix(scope.size() + (scope.size() < rest.size() ? 1 : 0));
  }
}

// {"admin": {"org": "a"}, "guest": true}: names as they are, each with what it is about, or just said to hold.
bool is_granted(const json::Value &value) noexcept {
  return (value.type == Type::boolean && value.boolean) || (value.type == Type::object && !value.members.empty());
}

// A claim that is none of these grants nothing.
void read_scopes(const Issuer &issuer, const ClaimPath &path, const json::Value &claim, Identity *identity) {
  std::string *scopes = &identity->scopes;
  const std::size_t before = scopes->size();
  const bool wildcards = issuer.scope_wildcards;
  const bool lists = holds_lists(path);
  if (claim.type == Type::array) {
    for (const json::Value &item : claim.items) {
      if (item.type == Type::string) {
        add_scope(item.text, wildcards, scopes);
      }
    }
  } else if (claim.type == Type::string && lists) {
    add_list(claim.text, wildcards, scopes);
  } else if (claim.type == Type::string) {
    add_scope(claim.text, wildcards, scopes);
    identity->has_undivided_scopes = identity->has_undivided_scopes || claim.text.find(' ') != std::string::npos;
  } else if (claim.type == Type::object && issuer.scope_claims_named) {
    for (const json::Value::Member &member : claim.members) {
      if (is_granted(member.second)) {
        add_scope(member.first, wildcards, scopes);
      }
    }
  }
  identity->scopes_are_roles = identity->scopes_are_roles || (!lists && scopes->size() > before);
}

void find_scopes(const Issuer &issuer, const json::Value &claims, Identity *identity) {
  identity->scopes.clear();
  identity->scopes_are_roles = identity->has_undivided_scopes = false;
  for (const ClaimPath &path : issuer.scope_claims) {
    const json::Value *claim = path.find(claims);
    if (claim != nullptr) {
      read_scopes(issuer, path, *claim, identity);
      if (!issuer.every_scope_claim) {
        return;  // also where it grants nothing
      }
    }
  }
}

// In decimal digits, as every reader of numbers reads it alike.
bool is_exact_number(const json::Value &value) noexcept {
  constexpr std::int64_t kMostExact = (std::int64_t{1} << 53) - 1;
  std::int64_t number = 0;
  return value.as_int(&number) && number >= 0 && number <= kMostExact && value.text.front() != '-';
}

Cause check_subject(const Issuer &issuer, const json::Value &value) noexcept {
  if (value.type == Type::number) {
    return !issuer.subject_may_be_number ? Cause::numeric_subject
           : is_exact_number(value)      ? Cause::none
                                         : Cause::unfit_number;
  }
  // By itself too: a prefix must not hide that it begins with white space.
  return value.type == Type::string && is_subject(value.text) ? Cause::none : Cause::bad_subject;
}

}  // namespace

Cause read_identity(const Issuer &issuer, const json::Value &claims, Identity *identity) {
  const json::Value *subject = issuer.subject_claim.find(claims);
  if (subject != nullptr) {
    const Cause form = check_subject(issuer, *subject);
    if (form != Cause::none) {
      return form;
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
  find_scopes(issuer, claims, identity);
  return Cause::none;
}

}  // namespace keyward::jwt
