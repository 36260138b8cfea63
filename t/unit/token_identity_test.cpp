// Who a token is about: subjects, plans, scopes.
#include "jwt/identity.hpp"

#include <gtest/gtest.h>

#include "base/text_rules.hpp"

namespace keyward::jwt {
namespace {

Cause read(const Issuer &issuer, const std::string &claims, Identity *identity) {
  json::Value value;
  std::string error;
  EXPECT_TRUE(json::parse(claims, json::Limits(), &value, &error)) << claims << ": " << error;
  return read_identity(issuer, value, identity);
}

std::string scopes_of(const std::string &claims, const Issuer &issuer = Issuer()) {
  Identity identity;
  EXPECT_EQ(read(issuer, claims, &identity), Cause::none);
  return identity.scopes;
}

TEST(TokenScopes, AreAStringOrAnArray) {
  EXPECT_EQ(scopes_of("{}"), "");
  EXPECT_EQ(scopes_of(R"({"scope":""})"), "");
  EXPECT_EQ(scopes_of(R"({"scope":"   "})"), "");
  EXPECT_EQ(scopes_of(R"({"scope":"posts:read"})"), "posts:read");
  EXPECT_EQ(scopes_of(R"({"scope":"  a  b "})"), "a b");
  EXPECT_EQ(scopes_of(R"({"scope":["a","b"]})"), "a b");
  EXPECT_EQ(scopes_of(R"({"scope":[]})"), "");
  EXPECT_EQ(scopes_of(R"({"scp":["a"]})"), "a");
  EXPECT_EQ(scopes_of(R"({"permissions":["read:x","write:x"]})"), "read:x write:x");
}

TEST(TokenScopes, AreTheFirstClaimThatIsThere) {
  EXPECT_EQ(scopes_of(R"({"permissions":["c"],"scp":"b","scope":"a"})"), "a");
  EXPECT_EQ(scopes_of(R"({"permissions":["c"],"scp":"b"})"), "b");
  // Present and empty, or of no use, is present.
  for (const char *value : {"\"\"", "[]", "null", "1", "true", "{}", R"({"a":"b"})"}) {
    EXPECT_EQ(scopes_of(std::string(R"({"permissions":["c"],"scope":)") + value + "}"), "") << value;
  }
  Issuer issuer;
  issuer.scope_claims = {ClaimPath("realm_access.roles"), ClaimPath("scope")};
  EXPECT_EQ(scopes_of(R"({"realm_access":{"roles":["x"]},"scope":"a"})", issuer), "x");
  EXPECT_EQ(scopes_of(R"({"realm_access":{},"scope":"a"})", issuer), "a");
  EXPECT_EQ(scopes_of(R"({"scp":"a"})", issuer), "");
}

// A string is a list in scope, scp and permissions only, by the claim's whole name; elsewhere it is one value.
TEST(TokenScopes, OfOtherClaimsAreOneValue) {
  Issuer issuer;
  for (const char *claim :
       {"roles", "realm_access.scope", "scope.roles", "https://e.example/scope", "Scope", "scopes"}) {
    issuer.scope_claims = {ClaimPath(claim)};
    std::string before = "{";
    std::string after = "}";
    for (const std::string &name : issuer.scope_claims[0].names()) {
      before += '"' + name + "\":" + (&name == &issuer.scope_claims[0].names().back() ? "" : "{");
      after += &name == &issuer.scope_claims[0].names().back() ? "" : "}";
    }
    Identity identity;
    EXPECT_EQ(read(issuer, before + R"("Billing Admin")" + after, &identity), Cause::none);
    EXPECT_EQ(identity.scopes, "") << claim;
    EXPECT_FALSE(identity.scopes_are_roles);
    EXPECT_TRUE(identity.has_undivided_scopes);
    identity = Identity();
    EXPECT_EQ(read(issuer, before + R"("Admin")" + after, &identity), Cause::none);
    EXPECT_EQ(identity.scopes, "Admin") << claim;
    EXPECT_TRUE(identity.scopes_are_roles);
    EXPECT_FALSE(identity.has_undivided_scopes);
    EXPECT_EQ(scopes_of(before + R"(["Billing Admin","Admin"])" + after, issuer), "Admin") << claim;
    EXPECT_EQ(scopes_of(before + R"(["Billing Admin"])" + after, issuer), "") << claim;
    EXPECT_EQ(scopes_of(before + R"(" Admin")" + after, issuer), "") << claim;
  }
  for (const char *claim : {"scope", "scp", "permissions"}) {
    issuer.scope_claims = {ClaimPath(claim)};
    Identity identity;
    EXPECT_EQ(read(issuer, std::string("{\"") + claim + R"(":"Billing Admin"})", &identity), Cause::none);
    EXPECT_EQ(identity.scopes, "Billing Admin");
    EXPECT_FALSE(identity.scopes_are_roles);
    EXPECT_FALSE(identity.has_undivided_scopes);
  }
}

// Of claims that the directive names: who has a role in an object has it by its name.
TEST(TokenScopes, AreNamesOfAnObject) {
  Issuer issuer;
  issuer.scope_claims = {ClaimPath("roles")};
  issuer.scope_claims_named = true;
  EXPECT_EQ(scopes_of(R"({"roles":{"admin":{"42":"shop.example"},"guest":true,"b c":true}})", issuer), "admin guest");
  EXPECT_EQ(scopes_of(R"({"roles":{"a":false,"b":null,"c":{},"d":[],"e":["x"],"f":1,"g":"true","h":""}})", issuer), "");
  EXPECT_EQ(scopes_of(R"({"roles":{"*":true,"a:*":{"x":1},"b":true}})", issuer), "b");
  EXPECT_EQ(scopes_of(R"({"roles":{"admin":{"admin2":true}}})", issuer), "admin");  // not entered
  EXPECT_EQ(scopes_of(R"({"roles":{"":true}})", issuer), "");
  Identity identity;
  EXPECT_EQ(read(issuer, R"({"roles":{"admin":true}})", &identity), Cause::none);
  EXPECT_TRUE(identity.scopes_are_roles);
  EXPECT_EQ(scopes_of(R"({"scope":{"admin":true}})"), "");  // nobody has said that this one is an object
  issuer.scope_claims = {ClaimPath("scope")};
  EXPECT_EQ(scopes_of(R"({"scope":{"admin":true}})", issuer), "admin");
}

TEST(TokenScopes, AreThoseOfAllClaimsWhereTheIssuerSaysSo) {
  Issuer issuer;
  issuer.scope_claims = {ClaimPath("scp"), ClaimPath("roles"), ClaimPath("/a.b/c")};
  issuer.scope_claims_named = true;
  const std::string claims = R"({"roles":["admin","*"],"scp":"a b","a.b":{"c":"x"}})";
  EXPECT_EQ(scopes_of(claims, issuer), "a b");
  issuer.every_scope_claim = true;
  EXPECT_EQ(scopes_of(claims, issuer), "a b admin x");
  EXPECT_EQ(scopes_of(R"({"roles":{"admin":true}})", issuer), "admin");
  EXPECT_EQ(scopes_of(R"({"roles":null,"scp":5,"a.b":{"c":[]}})", issuer), "");
  Identity identity;
  EXPECT_EQ(read(issuer, R"({"scp":"a b"})", &identity), Cause::none);
  EXPECT_FALSE(identity.scopes_are_roles);
  EXPECT_EQ(read(issuer, R"({"scp":"a b","roles":["r"]})", &identity), Cause::none);
  EXPECT_TRUE(identity.scopes_are_roles);
  EXPECT_EQ(read(issuer, R"({"scp":"a b","roles":"Billing Admin","a.b":{"c":"x"}})", &identity), Cause::none);
  EXPECT_EQ(identity.scopes, "a b x");
  EXPECT_TRUE(identity.has_undivided_scopes);
}

TEST(TokenScopes, AreScopeTokens) {
  EXPECT_EQ(scopes_of(R"({"scope":["a b","c"]})"), "c");  // one element isn't two
  EXPECT_EQ(scopes_of(R"({"scope":["a",1,null,true,["b"],{"c":1},"","d"]})"), "a d");
  EXPECT_EQ(scopes_of(R"({"scope":"a \"b\" c\\d e\tf g\u0000h \u00e9 i\nj k"})"), "a k");
  EXPECT_EQ(scopes_of(R"({"scope":["a\r\nX-Evil: 1","b"]})"), "b");
  EXPECT_EQ(scopes_of(R"({"scope":"a,b"})"), "a,b");
  const std::string longest(kMaxScopeListBytes, 's');
  EXPECT_EQ(scopes_of(R"({"scope":")" + longest + R"( b"})"), longest + " b");
  EXPECT_EQ(scopes_of(R"({"scope":"a )" + longest + R"(s b"})"), "a b");
}

TEST(TokenScopes, HaveNoWildcardsUnlessTheyAreOn) {
  const std::string claims = R"({"scope":"* posts:* a*b posts:read **"})";
  EXPECT_EQ(scopes_of(claims), "posts:read");
  Issuer issuer;
  issuer.scope_wildcards = true;
  EXPECT_EQ(scopes_of(claims, issuer), "* posts:* a*b posts:read **");
}

TEST(TokenSubject, IsATextThatCanBeOne) {
  Identity identity;
  EXPECT_EQ(read(Issuer(), R"({"sub":"auth0|5f\u00e9 x"})", &identity), Cause::none);
  EXPECT_TRUE(identity.has_subject);
  EXPECT_EQ(identity.subject, "auth0|5f\xc3\xa9 x");
  for (const char *bad : {"\"\"", "\"a\\r\\nb\"", "\"a\\u0000\"", "\"\\u007f\"", "\"a\\u0085\"", "\"\\t\"", "\" a\"",
                          "\"a \"", "\"\\u00a0a\"", "null", "true", "[\"a\"]", "{}"}) {
    Identity none;
    EXPECT_EQ(read(Issuer(), std::string(R"({"sub":)") + bad + "}", &none), Cause::bad_subject) << bad;
  }
  const std::string longest(256, 'a');
  EXPECT_EQ(read(Issuer(), R"({"sub":")" + longest + "\"}", &identity), Cause::none);
  EXPECT_EQ(read(Issuer(), R"({"sub":")" + longest + "a\"}", &identity), Cause::bad_subject);
}

TEST(TokenSubject, MayBeAWholeNumberWhereTheIssuerSaysSo) {
  Issuer issuer;
  Identity identity;
  EXPECT_EQ(read(issuer, R"({"sub":42})", &identity), Cause::numeric_subject);
  issuer.subject_may_be_number = true;
  issuer.subject_prefix = "shop:";
  for (const char *good : {"42", "\"42\"", "0", "9007199254740991"}) {
    identity = Identity();
    EXPECT_EQ(read(issuer, std::string(R"({"sub":)") + good + "}", &identity), Cause::none) << good;
    EXPECT_TRUE(identity.has_subject);
    EXPECT_EQ(identity.subject, "shop:" + (good[0] == '"' ? "42" : std::string(good)));
  }
  for (const char *bad : {"-1", "-0", "42.0", "4.2e1", "42e0", "1e2", "9007199254740992", "99999999999999999999"}) {
    EXPECT_EQ(read(issuer, std::string(R"({"sub":)") + bad + "}", &identity), Cause::unfit_number) << bad;
  }
  for (const char *bad : {"null", "true", "[42]", "{}", "\"\"", "\" 42\""}) {
    EXPECT_EQ(read(issuer, std::string(R"({"sub":)") + bad + "}", &identity), Cause::bad_subject) << bad;
  }
}

TEST(TokenSubject, MayBeAbsentElsewhereOrPrefixed) {
  Issuer issuer;
  Identity identity;
  EXPECT_EQ(read(issuer, R"({"user_id":"bob"})", &identity), Cause::none);
  EXPECT_FALSE(identity.has_subject);
  EXPECT_EQ(identity.subject, "");
  issuer.subject_claim = ClaimPath("user_id");
  issuer.subject_prefix = "idp:";
  EXPECT_EQ(read(issuer, R"({"user_id":"bob","sub":1})", &identity), Cause::none);
  EXPECT_EQ(identity.subject, "idp:bob");
  EXPECT_EQ(read(issuer, R"({"user_id":" bob"})", &identity), Cause::bad_subject);
  EXPECT_EQ(read(issuer, R"({"user_id":""})", &identity), Cause::bad_subject);
  EXPECT_EQ(read(issuer, R"({"user_id":")" + std::string(253, 'a') + "\"}", &identity), Cause::bad_subject);
}

TEST(TokenPlan, IsReadFromItsClaimOnly) {
  Issuer issuer;
  Identity identity;
  EXPECT_EQ(read(issuer, R"({"plan":"pro"})", &identity), Cause::none);
  EXPECT_FALSE(identity.has_plan);
  issuer.plan_claim = ClaimPath("plan");
  EXPECT_EQ(read(issuer, R"({"plan":"pro"})", &identity), Cause::none);
  EXPECT_TRUE(identity.has_plan);
  EXPECT_EQ(identity.plan, "pro");
  for (const char *bad : {"\"\"", "\"a b\"", "\"a\\n\"", "null", "1", "[\"pro\"]"}) {
    EXPECT_EQ(read(issuer, std::string(R"({"plan":)") + bad + "}", &identity), Cause::bad_plan) << bad;
  }
}

TEST(TokenJti, IsAnyString) {
  Identity identity;
  EXPECT_EQ(read(Issuer(), R"({"jti":"a\u0000b"})", &identity), Cause::none);
  EXPECT_TRUE(identity.has_jti);
  EXPECT_EQ(identity.jti, std::string("a\0b", 3));
  Identity none;
  EXPECT_EQ(read(Issuer(), "{}", &none), Cause::none);
  EXPECT_FALSE(none.has_jti);
}

}  // namespace
}  // namespace keyward::jwt
