// Who a token is about, and what it may do.
#pragma once

#include <string>

#include "json/json.hpp"
#include "jwt/cause.hpp"
#include "jwt/issuer.hpp"

namespace keyward::jwt {

struct Identity {
  bool has_subject = false;
  std::string subject;  // with the issuer's prefix
  // Scope words (RFC 6749) separated by single spaces. Those with a '*' are left out unless the issuer's
  // scope_wildcards is on: no location can ask for such a scope, and no one must take it for a wildcard.
  std::string scopes;
  // Some of these stand in another claim than scope, scp and permissions: roles or groups, which nobody asks an
  // authorization server for by these names.
  bool scopes_are_roles = false;
  // One of these was a string with blanks: one value, and no scope.
  bool has_undivided_scopes = false;
  bool has_plan = false;
  std::string plan;  // plan_claim's
  bool has_jti = false;
  std::string jti;  // any string without NUL: only ever compared
};

// Cause::none, bad_subject or bad_plan: a claim of another type than a string, or a text that can't be a subject or a
// plan's name; numeric_subject or unfit_number: a number, which the issuer doesn't take for a subject (control characters, white space at an end, too long). Absent claims are no fault. jti must have been
// looked at by check_names().
Cause read_identity(const Issuer &issuer, const json::Value &claims, Identity *identity);

}  // namespace keyward::jwt
