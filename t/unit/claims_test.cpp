// Claims: NumericDates and the clock, iss and aud, requirements.
#include "jwt/claims.hpp"

#include <gtest/gtest.h>

#include "jwt_fixture.hpp"

namespace keyward::jwt {
namespace {

using test::kNow;

json::Value parsed(const std::string &text) {
  json::Value claims;
  EXPECT_EQ(parse_claims(text, &claims), Cause::none) << text;
  return claims;
}

Cause times_of(const std::string &members, const Issuer &issuer = Issuer(), Times *times = nullptr) {
  Times own;
  return check_times(issuer, parsed("{" + members + "}"), kNow, times != nullptr ? times : &own);
}

std::string at(const char *name, std::int64_t offset_s) {
  return std::string("\"") + name + "\":" + std::to_string(kNow + offset_s);
}

TEST(NumericDate, FollowsATable) {
  struct {
    const char *value;
    Cause as_expiry;
    Cause as_start;  // nbf and iat (there beside a good exp)
  } const cases[] = {
      {"1e10", Cause::none, Cause::not_yet_valid},
      {"1E+10", Cause::none, Cause::not_yet_valid},
      {"1.7e9", Cause::none, Cause::none},  // kNow itself
      {"17e8", Cause::none, Cause::none},
      {"1e400", Cause::bad_time, Cause::bad_time},
      {"-1e400", Cause::bad_time, Cause::bad_time},
      {"1e308", Cause::none, Cause::not_yet_valid},
      {"-1e308", Cause::expired, Cause::none},
      {"9223372036854775807", Cause::none, Cause::not_yet_valid},
      {"9223372036854775808", Cause::none, Cause::not_yet_valid},  // 2^63
      {"18446744073709551616", Cause::none, Cause::not_yet_valid},
      {"-9223372036854775809", Cause::expired, Cause::none},
      {"1e-3", Cause::expired, Cause::none},
      {"1e-400", Cause::bad_time, Cause::bad_time},  // too small for a number: nobody means it
      {"99999999999999999999999999999999999999", Cause::none, Cause::not_yet_valid},
      {"-1", Cause::expired, Cause::none},
      {"-0", Cause::expired, Cause::none},
      {"0", Cause::expired, Cause::none},  // a date, not "absent"
      {"0.0", Cause::expired, Cause::none},
      {"1", Cause::expired, Cause::none},
      {"null", Cause::bad_time, Cause::bad_time},
      {"\"1e10\"", Cause::bad_time, Cause::bad_time},
      {"\"\"", Cause::bad_time, Cause::bad_time},
      {"\"2100-01-01T00:00:00Z\"", Cause::bad_time, Cause::bad_time},
      {"true", Cause::bad_time, Cause::bad_time},
      {"false", Cause::bad_time, Cause::bad_time},
      {"[9999999999]", Cause::bad_time, Cause::bad_time},
      {"[]", Cause::bad_time, Cause::bad_time},
      {"{\"a\":9999999999}", Cause::bad_time, Cause::bad_time},
  };
  for (const auto &test : cases) {
    const std::string value = test.value;
    EXPECT_EQ(times_of("\"exp\":" + value), test.as_expiry) << value;
    EXPECT_EQ(times_of(at("exp", 60) + ",\"nbf\":" + value), test.as_start) << value;
    const Cause issued = test.as_start == Cause::not_yet_valid ? Cause::issued_in_future : test.as_start;
    EXPECT_EQ(times_of(at("exp", 60) + ",\"iat\":" + value), issued) << value;
  }
}

TEST(NumericDate, IsANumberOfJson) {
  json::Value claims;
  for (const char *value : {"Infinity", "NaN", "0x7fffffff", "1_000", "+1", "01", ".5", "1.", "1e", "--1", "1e10f"}) {
    EXPECT_EQ(parse_claims(std::string("{\"exp\":") + value + "}", &claims), Cause::bad_payload) << value;
  }
}

TEST(Times, HoldAtTheEdges) {
  Issuer strict;
  strict.leeway_s = 0;
  const Issuer usual;  // 30 s
  struct {
    std::int64_t offset_s;
    Cause expiry;
    Cause start;
  } const cases[] = {{-2, Cause::expired, Cause::none},
                     {-1, Cause::expired, Cause::none},
                     {0, Cause::expired, Cause::none},
                     {1, Cause::none, Cause::not_yet_valid},
                     {2, Cause::none, Cause::not_yet_valid}};
  for (const auto &test : cases) {
    EXPECT_EQ(times_of(at("exp", test.offset_s), strict), test.expiry) << test.offset_s;
    EXPECT_EQ(times_of(at("exp", test.offset_s - 30), usual), test.expiry) << test.offset_s;
    EXPECT_EQ(times_of(at("exp", 900) + ',' + at("nbf", test.offset_s), strict), test.start) << test.offset_s;
    EXPECT_EQ(times_of(at("exp", 900) + ',' + at("nbf", test.offset_s + 30), usual), test.start) << test.offset_s;
    const Cause issued = test.start == Cause::none ? Cause::none : Cause::issued_in_future;
    EXPECT_EQ(times_of(at("exp", 900) + ',' + at("iat", test.offset_s), strict), issued) << test.offset_s;
    EXPECT_EQ(times_of(at("exp", 900) + ',' + at("iat", test.offset_s + 30), usual), issued) << test.offset_s;
  }
  // Fractions: good as long as a whole second is before exp, and from the first one that isn't before nbf.
  EXPECT_EQ(times_of(at("exp", 0) + ".001", strict), Cause::none);
  EXPECT_EQ(times_of(at("exp", -1) + ".999", strict), Cause::expired);
  EXPECT_EQ(times_of(at("exp", 9) + ',' + at("nbf", 0) + ".001", strict), Cause::not_yet_valid);
  EXPECT_EQ(times_of(at("exp", 9) + ',' + at("nbf", -1) + ".999", strict), Cause::none);
}

TEST(Times, SayHowLongATokenStands) {
  const auto until = [](const std::string &value, std::int64_t leeway_s) {
    Issuer issuer;
    issuer.leeway_s = leeway_s;
    issuer.require_expiry = false;
    Times times;
    EXPECT_EQ(times_of(value, issuer, &times), Cause::none) << value;
    return times.valid_until_s;
  };
  EXPECT_EQ(until(at("exp", 10), 0), kNow + 10);
  EXPECT_EQ(until(at("exp", 10), 30), kNow + 40);
  EXPECT_EQ(until(at("exp", 10) + ".2", 30), kNow + 41);
  EXPECT_EQ(until("\"exp\":1e10", 30), 10000000030);
  EXPECT_EQ(until("\"exp\":9223372036854775808", 30), INT64_MAX);
  EXPECT_EQ(until("\"exp\":1e300", 30), INT64_MAX);
  EXPECT_EQ(until("\"a\":1", 30), INT64_MAX);
  Times times;
  EXPECT_EQ(times_of(at("exp", 10) + ',' + at("iat", -5) + ".5", Issuer(), &times), Cause::none);
  EXPECT_TRUE(times.has_issued_at);
  EXPECT_EQ(times.issued_at_s, kNow - 5);
  EXPECT_EQ(times_of(at("exp", 10) + ",\"iat\":-1.5", Issuer(), &times), Cause::none);
  EXPECT_EQ(times.issued_at_s, -2);
  EXPECT_EQ(times_of(at("exp", 10), Issuer(), &times), Cause::none);
  EXPECT_FALSE(times.has_issued_at);
}

TEST(Times, NeedAnExpiryUnlessToldOtherwise) {
  Issuer lax;
  lax.require_expiry = false;
  for (const std::string &members : {std::string(), at("iat", 0), at("nbf", 0), std::string(R"("EXP":9999999999)")}) {
    EXPECT_EQ(times_of(members), Cause::no_expiry);
    EXPECT_EQ(times_of(members, lax), Cause::none);
  }
  EXPECT_EQ(times_of(at("exp", -31), lax), Cause::expired);
  EXPECT_EQ(times_of("\"exp\":null", lax), Cause::bad_time);
}

TEST(Times, KeepALifetime) {
  Issuer hour;
  hour.max_lifetime_s = 3600;
  EXPECT_EQ(times_of(at("exp", 3600) + ',' + at("iat", 0), hour), Cause::none);
  EXPECT_EQ(times_of(at("exp", 3000) + ".25," + at("iat", -600) + ".25", hour), Cause::none);
  EXPECT_EQ(times_of(at("exp", 3601) + ',' + at("iat", 0), hour), Cause::lifetime_too_long);
  EXPECT_EQ(times_of(at("exp", 3600) + ".5," + at("iat", 0), hour), Cause::lifetime_too_long);
  EXPECT_EQ(times_of(at("exp", 10) + ',' + at("iat", -3591), hour), Cause::lifetime_too_long);
  EXPECT_EQ(times_of("\"exp\":1e308,\"iat\":-1e308", hour), Cause::lifetime_too_long);
  // What can't be known isn't short.
  EXPECT_EQ(times_of(at("exp", 10), hour), Cause::unknown_lifetime);
  Issuer lax = hour;
  lax.require_expiry = false;
  EXPECT_EQ(times_of(at("iat", 0), lax), Cause::unknown_lifetime);
  // Nor does an iat in the future make it short.
  EXPECT_EQ(times_of(at("exp", 90000) + ',' + at("iat", 89000), hour), Cause::issued_in_future);
}

Cause names_of(const std::string &claims, const std::vector<std::string> &audiences) {
  Issuer issuer;
  issuer.audiences = audiences;
  return check_names(issuer, parsed(claims));
}

TEST(Audience, IsOneOfOurs) {
  const std::vector<std::string> ours = {"api", "https://api.example.com"};
  for (const char *good :
       {R"("api")", R"(["api"])", R"(["x","api"])", R"("https:\/\/api.example.com")", R"(["\u0061pi","x",""])"}) {
    EXPECT_EQ(names_of(std::string(R"({"aud":)") + good + "}", ours), Cause::none) << good;
  }
  for (const char *bad : {"\"\"", "[]", "[\"\"]", "\"ap\"", "\"apix\"", "\"API\"", "\" api\"", "\"api \"", "\"x api\"",
                          "\"api,x\"", "\"api\\u0000\"", "\"https://api.example.com/\"", "[\"x\",\"y\"]", "\"*\""}) {
    EXPECT_EQ(names_of(std::string(R"({"aud":)") + bad + "}", ours), Cause::wrong_audience) << bad;
    EXPECT_EQ(names_of(std::string(R"({"aud":)") + bad + "}", {}), Cause::none) << bad;
  }
  EXPECT_EQ(names_of("{}", ours), Cause::wrong_audience);
  EXPECT_EQ(names_of("{}", {}), Cause::none);
  for (const char *bad : {"null", "1", "true", "{}", R"({"a":"api"})", R"({"api":true})", R"(["api",1])",
                          R"([["api"]])", R"(["api",null])", R"([1,"api"])", R"(["api",["api"]])", R"(["api",{}])"}) {
    EXPECT_EQ(names_of(std::string(R"({"aud":)") + bad + "}", ours), Cause::bad_claim) << bad;
    EXPECT_EQ(names_of(std::string(R"({"aud":)") + bad + "}", {}), Cause::bad_claim) << bad;
  }
}

TEST(IssuerClaim, IsExactlyOurs) {
  Issuer issuer;
  EXPECT_TRUE(has_issuer(issuer, parsed("{}")));
  issuer.issuers = {"https://id.example.com"};
  EXPECT_TRUE(has_issuer(issuer, parsed(R"({"iss":"https://id.example.com"})")));
  for (const char *bad :
       {R"("https://id.example.co")", R"("https://id.example.com/")", R"("https://id.example.com.evil.org")",
        R"("HTTPS://id.example.com")", R"(" https://id.example.com")", R"("https://id.example.com\u0000")", "\"\"",
        "null", "1", "true", R"(["https://id.example.com"])", R"({"a":"https://id.example.com"})"}) {
    EXPECT_FALSE(has_issuer(issuer, parsed(std::string(R"({"iss":)") + bad + "}"))) << bad;
  }
  EXPECT_FALSE(has_issuer(issuer, parsed("{}")));
  EXPECT_EQ(names_of(R"({"iss":1})", {}), Cause::bad_claim);
  EXPECT_EQ(names_of(R"({"jti":1})", {}), Cause::bad_claim);
  EXPECT_EQ(names_of(R"({"jti":null})", {}), Cause::bad_claim);
  EXPECT_EQ(names_of(R"({"jti":"a\u0000b"})", {}), Cause::bad_claim);
  EXPECT_EQ(names_of(R"({"jti":"a\u0001b"})", {}), Cause::none);
}

bool met(const std::string &path, const std::vector<std::string> &values, const std::string &claims) {
  return meets({ClaimPath(path), values}, parsed(claims));
}

TEST(Requirements, AreMetByValueOrInAnArray) {
  EXPECT_TRUE(met("type", {"oauth_access"}, R"({"type":"oauth_access"})"));
  EXPECT_TRUE(met("type", {"a", "b"}, R"({"type":"b"})"));
  EXPECT_TRUE(met("roles", {"admin"}, R"({"roles":["user","admin"]})"));
  EXPECT_TRUE(met("realm_access.roles", {"admin"}, R"({"realm_access":{"roles":["admin"]}})"));
  EXPECT_TRUE(met("a.b.c", {"1"}, R"({"a":{"b":{"c":1}}})"));
  EXPECT_TRUE(met("email_verified", {"true"}, R"({"email_verified":true})"));
  EXPECT_TRUE(met("https://example.com/roles", {"x"}, R"({"https://example.com/roles":"x"})"));
  EXPECT_FALSE(met("type", {"oauth_access"}, "{}"));
  for (const char *bad : {"null", "\"\"", "\"oauth_acces\"", "\"oauth_accessx\"", "\"OAUTH_ACCESS\"",
                          "\"oauth_access \"", "[]", "{}", R"({"oauth_access":true})", R"([["oauth_access"]])",
                          R"([{"a":"oauth_access"}])", R"("x oauth_access")", "1", "true"}) {
    EXPECT_FALSE(met("type", {"oauth_access"}, std::string(R"({"type":)") + bad + "}")) << bad;
  }
  EXPECT_FALSE(met("email_verified", {"true"}, R"({"email_verified":false})"));
  EXPECT_FALSE(met("n", {"1"}, R"({"n":1.0})"));
  EXPECT_FALSE(met("a.b", {"1"}, R"({"a.b":1})"));  // what a name means is the configuration's to say
  EXPECT_FALSE(met("a.b", {"1"}, R"({"a":[{"b":1}]})"));
  EXPECT_FALSE(met("a.b", {"1"}, R"({"a":"b"})"));
  EXPECT_FALSE(met("https://example.com/a.b", {"x"}, R"({"https://example":{"com/a":{"b":"x"}}})"));
  EXPECT_FALSE(met("type", {}, R"({"type":""})"));
}

TEST(ClaimPath, LeadsNowhereWhenEmpty) {
  const json::Value claims = parsed(R"({"":1,"a":{"":2}})");
  EXPECT_TRUE(ClaimPath().empty());
  EXPECT_EQ(ClaimPath().find(claims), nullptr);
  EXPECT_NE(ClaimPath("a.").find(claims), nullptr);
  EXPECT_EQ(ClaimPath("a.b").find(claims), nullptr);
  EXPECT_EQ(ClaimPath("a.b").names(), (std::vector<std::string>{"a", "b"}));
}

}  // namespace
}  // namespace keyward::jwt
