// What is refused for its type is told by the claim's name.
#include "jwt/explain.hpp"

#include <gtest/gtest.h>

#include "jwt/claims.hpp"
#include "jwt/identity.hpp"

namespace keyward::jwt {
namespace {

std::string names_refused(const char *claims) {
  json::Value value;
  EXPECT_EQ(parse_claims(claims, &value), Cause::none);
  const Issuer issuer;
  return explain(check_names(issuer, value), &issuer);
}

std::string times_refused(const char *claims) {
  json::Value value;
  EXPECT_EQ(parse_claims(claims, &value), Cause::none);
  const Issuer issuer;
  Times times;
  return explain(check_times(issuer, value, 1700000000, &times), &issuer);
}

TEST(Explain, NamesStandardClaims) {
  EXPECT_EQ(names_refused(R"({"jti":7})"), "its jti is not a string, or holds a NUL; a number is none");
  EXPECT_EQ(names_refused(R"({"iss":7})"), "its iss is not a string");
  EXPECT_EQ(names_refused(R"({"aud":["a",7]})"), "its aud is neither a string nor an array of strings");
  EXPECT_EQ(times_refused(R"({"exp":"1"})"), "its exp is not a number of seconds");
  EXPECT_EQ(times_refused(R"({"exp":1,"nbf":null})"), "its nbf is not a number of seconds");
  EXPECT_EQ(times_refused(R"({"exp":1,"iat":"x"})"), "its iat is not a number of seconds");
}

TEST(Explain, NamesTheConfiguredClaims) {
  Issuer issuer;
  issuer.subject_claim = ClaimPath("/app/user_id");
  issuer.plan_claim = ClaimPath("tier");
  EXPECT_EQ(explain(Cause::numeric_subject, &issuer),
            "its subject claim \"/app/user_id\" is a number, and no string: where whole numbers name subjects, write "
            "`integer` in `subject`");
  EXPECT_NE(explain(Cause::unfit_number, &issuer).find("\"/app/user_id\" is a number other than a whole one"),
            std::string::npos);
  EXPECT_NE(explain(Cause::bad_subject, &issuer).find("its subject claim \"/app/user_id\" is not"), std::string::npos);
  EXPECT_EQ(explain(Cause::bad_plan, &issuer), "its plan claim \"tier\" is not a valid name of a plan");
  EXPECT_EQ(explain(Cause::bad_plan, nullptr), to_text(Cause::bad_plan));
  EXPECT_EQ(explain(Cause::expired, &issuer), "it has expired");
}

}  // namespace
}  // namespace keyward::jwt
