// Taking a token apart.
#include "jwt/jws.hpp"

#include <gtest/gtest.h>

#include "base/base64url.hpp"

namespace keyward::jwt {
namespace {

Cause cause_of_header(std::string_view header) {
  Jws jws;
  return parse_jws(to_base64url(header) + ".e30.AA", &jws);
}

Cause cause_of(std::string_view token) {
  Jws jws;
  return parse_jws(token, &jws);
}

TEST(Jws, GivesItsParts) {
  const std::string token =
      to_base64url(R"({"typ":"at+jwt","kid":"a\u0062","alg":"RS512","x":[1]})") + ".eyJhIjoxfQ.AQID";
  Jws jws;
  ASSERT_EQ(parse_jws(token, &jws), Cause::none);
  EXPECT_EQ(jws.header.algorithm, crypto::Algorithm::rs512);
  EXPECT_TRUE(jws.header.has_kid);
  EXPECT_EQ(jws.header.kid, "ab");
  EXPECT_TRUE(jws.header.has_type);
  EXPECT_EQ(jws.header.type, "at+jwt");
  EXPECT_EQ(jws.payload, R"({"a":1})");
  EXPECT_EQ(jws.signature, "\x01\x02\x03");
  EXPECT_EQ(jws.signed_text, token.substr(0, token.size() - 5));
}

TEST(Jws, HasThreeParts) {
  const std::string header = to_base64url(R"({"alg":"ES256"})");
  EXPECT_EQ(cause_of(header + ".e30.AA"), Cause::none);
  EXPECT_EQ(cause_of(header + ".e30."), Cause::none);  // an empty signature, which fits no key
  EXPECT_EQ(cause_of(header + "..AA"), Cause::none);   // an empty payload, which is no JSON
  EXPECT_EQ(cause_of(".e30.AA"), Cause::bad_header);
  for (const std::string &token :
       {std::string(), std::string("."), header, header + ".e30", header + ".e30.AA.", header + ".e30.AA.AA",
        header + ".e30.AA.AA.AA", "." + header + ".e30.AA", std::string(3, '.'), std::string(8192, '.')}) {
    EXPECT_EQ(cause_of(token), Cause::not_three_parts) << token;
  }
  EXPECT_EQ(cause_of(std::string(70000, '.')), Cause::too_long);
}

TEST(Jws, IsAtMost8KiB) {
  const std::string front = to_base64url(R"({"alg":"ES256"})") + '.';
  for (const std::size_t size : {8191U, 8192U, 8193U}) {
    std::string token = front + std::string(size - front.size(), 'A');
    // A length of 1 modulo 4 is never good: shift the dot so that both parts have a good one.
    for (std::size_t dot = size - 9; dot < size; ++dot) {
      if ((dot - front.size()) % 4 != 1 && (size - dot - 1) % 4 != 1) {
        token[dot] = '.';
        break;
      }
    }
    ASSERT_EQ(token.size(), size);
    EXPECT_EQ(cause_of(token), size > kMaxTokenBytes ? Cause::too_long : Cause::none) << size;
  }
}

TEST(Jws, IsBase64UrlInEveryPart) {
  const std::string parts[] = {to_base64url(R"({"alg":"ES256"})"), "e30", "AQI"};
  ASSERT_EQ(cause_of(parts[0] + '.' + parts[1] + '.' + parts[2]), Cause::none);
  for (std::size_t part = 0; part < 3; ++part) {
    for (const char *addition : {"=", "==", " ", "\n", "\t", "+", "/", "?", "%2e", "A=", "\x80"}) {
      for (const bool before : {true, false}) {
        std::string changed[] = {parts[0], parts[1], parts[2]};
        changed[part] = before ? addition + changed[part] : changed[part] + addition;
        EXPECT_EQ(cause_of(changed[0] + '.' + changed[1] + '.' + changed[2]), Cause::bad_encoding) << addition;
      }
    }
  }
  EXPECT_EQ(cause_of(parts[0] + ".e31.AQI"), Cause::bad_encoding);  // unused bits
  EXPECT_EQ(cause_of(parts[0] + ".e30.AQJ"), Cause::bad_encoding);
  EXPECT_EQ(cause_of(parts[0] + ".e30.A"), Cause::bad_encoding);
  EXPECT_EQ(cause_of(parts[0] + std::string(".e3\0.AQ", 7)), Cause::bad_encoding);
}

TEST(JwsHeader, NamesAnAlgorithmExactly) {
  EXPECT_EQ(cause_of_header(R"({"alg":"EdDSA"})"), Cause::none);
  EXPECT_EQ(cause_of_header(R"({"alg":"Ed25519"})"), Cause::none);
  EXPECT_EQ(cause_of_header(R"({"alg":"\u0052S256"})"), Cause::none);
  for (const char *name :
       {"none",   "None",  "NONE",   "nOnE",        " none",    "none ",        "none\\u0000", "\\u006eone",
        "",       "rs256", "RS-256", "RS256 ",      " RS256",   "RS256\\u0000", "HS1",         "RS1",
        "ES256K", "Ed448", "eddsa",  "HS256,RS256", "RSA-OAEP", "dir",          "PS"}) {
    EXPECT_EQ(cause_of_header(std::string(R"({"alg":")") + name + "\"}"), Cause::unknown_algorithm) << name;
  }
  for (const char *header :
       {"{}", R"({"alg":null})", R"({"alg":1})", R"({"alg":["RS256"]})", R"({"alg":{"a":"RS256"}})", R"({"alg":true})",
        R"({"ALG":"RS256"})", R"({"alg":"RS256","kid":1})", R"({"alg":"RS256","kid":null})",
        R"({"alg":"RS256","typ":["JWT"]})", R"({"alg":"RS256","typ":null})"}) {
    EXPECT_EQ(cause_of_header(header), Cause::bad_header_member) << header;
  }
}

TEST(JwsHeader, HasNothingCritical) {
  for (const char *member :
       {R"("crit":["exp"])", R"("crit":[])", R"("crit":null)", R"("crit":"b64")", R"("\u0063rit":["x"])",
        R"("b64":false)", R"("b64":true)", R"("b64":null)", R"("b64":false,"crit":["b64"])"}) {
    EXPECT_EQ(cause_of_header(std::string(R"({"alg":"RS256",)") + member + "}"), Cause::critical_header) << member;
  }
}

TEST(JwsHeader, IsStrictJson) {
  for (const char *header :
       {"", " ", "[]", "null", "\"alg\"", "{", R"({"alg":"RS256"}x)", R"({"alg":"RS256"} {})",
        R"({"alg":"none","alg":"RS256"})", R"({"alg":"RS256","\u0061lg":"none"})",
        R"({"alg":"RS256","alg\u0000":"none"})", R"({"alg":"RS256","kid":"\ud800"})", R"({"alg":"RS256",})",
        "{'alg':'RS256'}", R"({"alg":"RS256"/**/})", "\xef\xbb\xbf{\"alg\":\"RS256\"}",
        "{\"alg\":\"RS256\",\"kid\":\"\xff\"}", "{\"alg\":\"RS256\",\"kid\":\"a\nb\"}"}) {
    EXPECT_EQ(cause_of_header(header), Cause::bad_header) << header;
  }
  std::string deep = R"({"alg":"RS256","a":)" + std::string(3000, '[') + std::string(3000, ']') + "}";
  EXPECT_EQ(cause_of_header(deep), Cause::bad_header);
}

TEST(JwsHeader, TakesKeysOfItsOwnForNothing) {
  EXPECT_EQ(cause_of_header(R"({"alg":"RS256","jku":1,"jwk":null,"x5u":"file:///etc/passwd","x5c":[],"x5t":"a"})"),
            Cause::none);
}

TEST(JwsType, IsComparedWithoutCaseAndApplication) {
  for (const char *type : {"at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"}) {
    EXPECT_TRUE(is_same_type(type, "at+jwt")) << type;
    EXPECT_TRUE(is_same_type("application/AT+jwt", type)) << type;
  }
  for (const char *type : {"", "jwt", "at+jw", "at+jwtx", " at+jwt", "at+jwt ", "application/", "application/jwt",
                           "application/application/at+jwt", "applicationat+jwt", "text/at+jwt", "x/at+jwt"}) {
    EXPECT_FALSE(is_same_type(type, "at+jwt")) << type;
  }
}

TEST(JwtCause, HasATextForEach) {
  for (int value = 0; value <= static_cast<int>(Cause::crypto_failure); ++value) {
    EXPECT_FALSE(to_text(static_cast<Cause>(value)).empty()) << value;
  }
  for (int value = 0; value <= static_cast<int>(Outcome::internal_error); ++value) {
    EXPECT_FALSE(to_text(static_cast<Outcome>(value)).empty()) << value;
  }
}

}  // namespace
}  // namespace keyward::jwt
