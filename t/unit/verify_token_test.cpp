// Judging whole tokens: every algorithm, confusions of them, whose token it is, what is final.
#include "jwt/verify.hpp"

#include <gtest/gtest.h>

#include "jwt_fixture.hpp"

namespace keyward::jwt {
namespace {

using crypto::Algorithm;
using crypto::KeyType;
using test::claims_with;
using test::issuer_named;
using test::kNow;
using test::set_of;
using test::Signer;
using test::verify;

TEST(VerifyToken, IsSolidForEveryAlgorithm) {
  const Issuer issuer = issuer_named("a");
  for (const auto &[algorithm, type] : test::kEveryAlgorithm) {
    SCOPED_TRACE(to_text(algorithm));
    const Signer &signer = Signer::shared(type);
    test::expect_solid(issuer, set_of(signer, R"("kid":"k")"),
                       signer.token(algorithm, claims_with(""), R"(,"kid":"k")"));
  }
}

TEST(VerifyToken, TakesEd25519ByBothNames) {
  const Signer &signer = Signer::shared(KeyType::ed25519);
  for (const char *name : {"EdDSA", "Ed25519"}) {
    const std::string token =
        signer.raw_token(std::string(R"({"alg":")") + name + "\"}", Algorithm::eddsa, claims_with(""));
    EXPECT_EQ(verify(Issuer(), set_of(signer), token).outcome, Outcome::accepted);
  }
}

TEST(VerifyToken, RefusesAnyChangedByte) {
  const Signer &signer = Signer::shared(KeyType::ed25519);
  const KeySet keys = set_of(signer);
  const std::string token = signer.token(Algorithm::eddsa, claims_with(""));
  for (std::size_t at = 0; at < token.size(); ++at) {
    for (const int change : {1, 2, 4, 0x20, 0x80}) {
      std::string changed = token;
      changed[at] = static_cast<char>(changed[at] ^ change);
      ASSERT_NE(verify(Issuer(), keys, changed).outcome, Outcome::accepted) << at;
    }
  }
}

TEST(VerifyToken, SaysWhatTheTokenHolds) {
  const Signer &signer = Signer::shared(KeyType::p256);
  const KeySet keys = set_of(signer);
  const Verdict verdict = verify(
      Issuer(), keys, signer.token(Algorithm::es256, claims_with(R"("iat":1699999990,"jti":"7","scope":"a b")")));
  EXPECT_EQ(verdict.outcome, Outcome::accepted);
  EXPECT_EQ(verdict.cause, Cause::none);
  EXPECT_EQ(verdict.issuer, 0U);
  EXPECT_TRUE(keys.has(verdict.key));
  EXPECT_EQ(verdict.identity.subject, "alice");
  EXPECT_EQ(verdict.identity.scopes, "a b");
  EXPECT_EQ(verdict.identity.jti, "7");
  EXPECT_EQ(verdict.times.valid_until_s, kNow + 3630);
  EXPECT_EQ(verdict.times.issued_at_s, kNow - 10);
  EXPECT_EQ(verdict.claims.find("sub")->text, "alice");
}

TEST(VerifyToken, RefusesNone) {
  const Signer &signer = Signer::shared(KeyType::rsa);
  const KeySet keys = set_of(signer);
  const std::string good = signer.token(Algorithm::rs256, claims_with(""));
  for (const char *name : {"none", "None", "NONE", "nOnE", ""}) {
    const std::string text =
        to_base64url(std::string(R"({"alg":")") + name + "\"}") + '.' + to_base64url(claims_with(""));
    for (const std::string &token : {text + '.', text + good.substr(good.rfind('.'))}) {
      EXPECT_EQ(verify(Issuer(), keys, token).cause, Cause::unknown_algorithm);
      EXPECT_EQ(verify(Issuer(), keys, good).outcome, Outcome::accepted);  // nothing is left of the one before
    }
  }
}

// The public key as an HMAC secret, in whatever form an attacker could have it; and one RSA algorithm for another.
TEST(VerifyToken, ConfusesNoAlgorithms) {
  const Signer &rsa = Signer::shared(KeyType::rsa);
  const KeySet keys = set_of(rsa, R"("alg":"RS256")");
  EXPECT_EQ(verify(Issuer(), keys, Signer::secret(rsa.pem()).token(Algorithm::hs256, claims_with(""))).cause,
            Cause::algorithm_not_allowed);
  EXPECT_EQ(verify(Issuer(), keys, Signer::secret(rsa.jwk()).token(Algorithm::hs256, claims_with(""))).cause,
            Cause::algorithm_not_allowed);
  for (const auto &[algorithm, type] : test::kEveryAlgorithm) {
    const Verdict verdict = verify(Issuer(), keys, Signer::shared(type).token(algorithm, claims_with("")));
    EXPECT_EQ(verdict.outcome, algorithm == Algorithm::rs256 ? Outcome::accepted : Outcome::invalid_token);
  }
  // Signed as RS256, declared as another, and the other way round.
  const KeySet any = set_of(rsa);
  for (const char *name : {"RS512", "RS384", "PS256", "HS256", "ES256", "EdDSA"}) {
    const std::string header = std::string(R"({"alg":")") + name + "\"}";
    EXPECT_EQ(verify(Issuer(), any, rsa.raw_token(header, Algorithm::rs256, claims_with(""))).outcome,
              Outcome::invalid_token)
        << name;
  }
  EXPECT_EQ(verify(Issuer(), any, rsa.raw_token(R"({"alg":"RS256"})", Algorithm::rs512, claims_with(""))).cause,
            Cause::bad_signature);
}

TEST(VerifyToken, IgnoresKeysInItsHeader) {
  const Signer evil = Signer::make(KeyType::ed25519);
  const Signer &good = Signer::shared(KeyType::ed25519);
  const std::string header =
      R"(,"jwk":)" + evil.jwk() + R"(,"jku":"http://127.0.0.1/","x5u":"http://127.0.0.1/","x5c":["AA=="])";
  EXPECT_EQ(verify(Issuer(), set_of(good), evil.token(Algorithm::eddsa, claims_with(""), header)).cause,
            Cause::bad_signature);
  EXPECT_EQ(verify(Issuer(), set_of(good), good.token(Algorithm::eddsa, claims_with(""), header)).outcome,
            Outcome::accepted);
}

TEST(VerifyToken, WantsAStrictPayload) {
  const Signer &signer = Signer::shared(KeyType::ed25519);
  const KeySet keys = set_of(signer);
  for (const char *payload :
       {"", "null", "[]", "\"a\"", "{", R"({"exp":1,"exp":9999999999})", R"({"exp\u0000x":5,"exp":9999999999})",
        R"({"exp":9999999999,"\u0065xp":1})", "{\"exp\":9999999999}x", "{\"exp\":9999999999,\"a\":\"\xff\"}",
        R"({"exp":9999999999,"a":"\ud800"})"}) {
    EXPECT_EQ(verify(Issuer(), keys, signer.token(Algorithm::eddsa, payload)).cause, Cause::bad_payload) << payload;
  }
}

TEST(VerifyToken, TellsExpiredOnlyWhereAllElseIsRight) {
  const Signer &signer = Signer::shared(KeyType::ed25519);
  const KeySet keys = set_of(signer);
  Issuer issuer;
  issuer.audiences = {"api"};
  const auto outcome = [&](const std::string &claims) {
    return verify(issuer, keys, signer.token(Algorithm::eddsa, claims)).outcome;
  };
  EXPECT_EQ(outcome(R"({"exp":1,"aud":"api","sub":"a"})"), Outcome::expired_token);
  EXPECT_EQ(outcome(R"({"exp":1,"aud":"x","sub":"a"})"), Outcome::invalid_token);
  EXPECT_EQ(outcome(R"({"exp":1,"aud":"api","sub":"a\n"})"), Outcome::invalid_token);
  EXPECT_EQ(outcome(R"({"exp":1,"nbf":9999999999,"aud":"api"})"), Outcome::invalid_token);
  const Verdict expired = verify(issuer, keys, signer.token(Algorithm::eddsa, R"({"exp":1,"aud":"api","sub":"a"})"));
  EXPECT_EQ(expired.issuer, 0U);
  EXPECT_EQ(expired.identity.subject, "");  // not of one that isn't accepted
  EXPECT_EQ(expired.claims.find("sub")->text, "a");
}

TEST(VerifyToken, WantsTheType) {
  const Signer &signer = Signer::shared(KeyType::ed25519);
  const KeySet keys = set_of(signer);
  Issuer issuer;
  issuer.type = "at+jwt";
  const auto cause = [&](const char *header) {
    return verify(issuer, keys, signer.token(Algorithm::eddsa, claims_with(""), header)).cause;
  };
  EXPECT_EQ(cause(R"(,"typ":"at+jwt")"), Cause::none);
  EXPECT_EQ(cause(R"(,"typ":"application/AT+JWT")"), Cause::none);
  EXPECT_EQ(cause(R"(,"typ":"JWT")"), Cause::wrong_type);
  EXPECT_EQ(cause(R"(,"typ":"")"), Cause::wrong_type);
  EXPECT_EQ(cause(""), Cause::wrong_type);
}

}  // namespace
}  // namespace keyward::jwt
