// JWK sets, PEM keys and secrets: what is taken, what is refused and why, which key a token is tried with.
#include "jwt/key_set.hpp"

#include <gtest/gtest.h>

#include <cstdio>

#include "base/hex.hpp"
#include "jwt/key_file.hpp"
#include "jwt_fixture.hpp"

namespace keyward::jwt {
namespace {

using crypto::Algorithm;
using crypto::AlgorithmSet;
using crypto::KeyProblem;
using crypto::KeyType;
using test::jwks;
using test::Signer;

struct Read {
  bool good = false;
  KeySet set;
  std::vector<KeyRefusal> refusals;
  std::string error;
};

Read read(const std::string &text, KeySource source = KeySource::fetched) {
  init_crypto();
  Read result;
  result.good = parse_key_set(text, source, &result.set, &result.refusals, &result.error);
  EXPECT_EQ(result.good, result.error.empty()) << result.error;
  EXPECT_EQ(result.good, result.set.size() > 0);
  return result;
}

// Why jwk is refused, beside a good key.
KeyProblem problem_of(const std::string &jwk, KeySource source = KeySource::fetched) {
  const Read result = read(jwks({jwk, Signer::shared(KeyType::ed25519).jwk()}), source);
  EXPECT_TRUE(result.good);
  if (result.refusals.empty()) {
    EXPECT_EQ(result.set.size(), 2U);
    return KeyProblem::none;
  }
  EXPECT_EQ(result.set.size(), 1U);
  EXPECT_EQ(result.refusals[0].index, 0U);
  return result.refusals[0].problem;
}

TEST(KeySet, TakesEveryType) {
  std::vector<std::string> keys;
  for (const KeyType type : {KeyType::ed25519, KeyType::p256, KeyType::p384, KeyType::p521, KeyType::rsa}) {
    keys.push_back(Signer::shared(type).jwk(R"("kid":"a","x5c":1,"jku":"http://x")"));
  }
  const Read result = read(jwks(keys));
  EXPECT_EQ(result.set.size(), 5U);
  EXPECT_TRUE(result.refusals.empty());
  EXPECT_TRUE(result.set.has_kid("a"));
  EXPECT_FALSE(result.set.has_kid(""));
}

TEST(KeySet, IsAStrictDocument) {
  const std::string good = Signer::shared(KeyType::ed25519).jwk();
  for (const std::string &text :
       {std::string(), std::string("null"), std::string("[]"), std::string("{}"), std::string(R"({"keys":{}})"),
        std::string(R"({"keys":[]})"), std::string(R"({"keys":null})"), "[" + good + "]", good, jwks({good}) + "x",
        R"({"keys":[)" + good + R"(],"keys":[]})", jwks({"null", "1"}), std::string("\x1f\x8b\x08garbage"),
        std::string(100000, '['), jwks({good.substr(0, good.size() - 1) + ",\"x\":\"\"}"})}) {
    EXPECT_FALSE(read(text).good) << text.substr(0, 100);
  }
  EXPECT_TRUE(read(good, KeySource::file).good);
  EXPECT_FALSE(read(jwks({good}) + std::string(kMaxKeySetBytes, ' ')).good);
  // What was there before stays.
  Read before = read(jwks({good}));
  EXPECT_FALSE(parse_key_set("{}", KeySource::fetched, &before.set, &before.refusals, &before.error));
  EXPECT_EQ(before.set.size(), 1U);
}

TEST(KeySet, RefusesKeysThatAreNone) {
  const std::string ed = Signer::shared(KeyType::ed25519).jwk();
  struct {
    std::string jwk;
    KeyProblem problem;
  } const cases[] = {
      {"1", KeyProblem::not_an_object},
      {"null", KeyProblem::not_an_object},
      {"{}", KeyProblem::bad_member},
      {R"({"kty":1})", KeyProblem::bad_member},
      {R"({"kty":"none"})", KeyProblem::unknown_type},
      {R"({"kty":"rsa"})", KeyProblem::unknown_type},
      {R"({"kty":"RSA"})", KeyProblem::missing_member},
      {R"({"kty":"RSA","n":"AQAB"})", KeyProblem::missing_member},
      {R"({"kty":"RSA","n":1,"e":"AQAB"})", KeyProblem::missing_member},
      {R"({"kty":"RSA","n":"AQA=","e":"AQAB"})", KeyProblem::plain_base64},
      {R"({"kty":"RSA","n":"AQ+B","e":"AQAB"})", KeyProblem::plain_base64},
      {R"({"kty":"RSA","n":"AQAB","e":"AQ/B"})", KeyProblem::plain_base64},
      {R"({"kty":"RSA","n":"AQ B","e":"AQAB"})", KeyProblem::bad_encoding},
      {R"({"kty":null})", KeyProblem::bad_member},
      {R"({"kty":"OKP","crv":null,"x":"AQAB"})", KeyProblem::missing_member},
      {R"({"kty":"OKP","crv":"Ed25519","x":null})", KeyProblem::missing_member},
      {R"({"kty":"OKP"})", KeyProblem::missing_member},
      {R"({"kty":"OKP","crv":"Ed25519"})", KeyProblem::missing_member},
      {R"({"kty":"OKP","crv":"Ed448","x":"AQAB"})", KeyProblem::unknown_curve},
      {R"({"kty":"OKP","crv":"X25519","x":"AQAB"})", KeyProblem::unknown_curve},
      {R"({"kty":"OKP","crv":"Ed25519","x":"AQAB"})", KeyProblem::wrong_length},
      {R"({"kty":"OKP","crv":"P-256","x":"AQAB","y":"AQAB"})", KeyProblem::unknown_curve},
      {R"({"kty":"EC","crv":"secp256k1","x":"AQAB","y":"AQAB"})", KeyProblem::unknown_curve},
      {R"({"kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB"})", KeyProblem::wrong_length},
      {R"({"kty":"EC","crv":"P-256","x":"AQAB"})", KeyProblem::missing_member},
      {R"({"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"})",
       KeyProblem::point_off_curve},
      {Signer::make(KeyType::rsa, 1024).jwk(), KeyProblem::short_modulus},
      {R"({"kty":"RSA","e":"AQ","n":")" + to_base64url(std::string(256, '\xff')) + "\"}", KeyProblem::bad_exponent},
      {R"({"kid":1,)" + ed.substr(1), KeyProblem::bad_member},
      {R"({"use":"enc",)" + ed.substr(1), KeyProblem::not_for_signatures},
      {R"({"use":"SIG",)" + ed.substr(1), KeyProblem::not_for_signatures},
      {R"({"use":["sig"],)" + ed.substr(1), KeyProblem::bad_member},
      {R"({"key_ops":["sign"],)" + ed.substr(1), KeyProblem::not_for_signatures},
      {R"({"key_ops":[],)" + ed.substr(1), KeyProblem::not_for_signatures},
      {R"({"key_ops":"verify",)" + ed.substr(1), KeyProblem::bad_member},
      {R"({"key_ops":["verify",1],)" + ed.substr(1), KeyProblem::bad_member},
      {R"({"use":"enc","key_ops":["verify"],)" + ed.substr(1), KeyProblem::not_for_signatures},
      {R"({"alg":"none",)" + ed.substr(1), KeyProblem::algorithm_mismatch},
      {R"({"alg":"RS256",)" + ed.substr(1), KeyProblem::algorithm_mismatch},
      {R"({"alg":"HS256",)" + ed.substr(1), KeyProblem::algorithm_mismatch},
      {R"({"alg":1,)" + ed.substr(1), KeyProblem::bad_member},
      {Signer::shared(KeyType::rsa).jwk(R"("alg":"RSA-OAEP")"), KeyProblem::algorithm_mismatch},
      {Signer::shared(KeyType::p256).jwk(R"("alg":"ES384")"), KeyProblem::algorithm_mismatch},
      {R"({"d":"AQAB",)" + ed.substr(1), KeyProblem::private_key},
      {Signer::shared(KeyType::rsa).jwk(R"("p":"AQAB")"), KeyProblem::private_key},
      {Signer::shared(KeyType::secret).jwk(), KeyProblem::secret_not_allowed},
      {Signer::secret("short").jwk(), KeyProblem::secret_not_allowed},
      {R"({"use":"sig","key_ops":["verify"],"alg":"EdDSA",)" + ed.substr(1), KeyProblem::none},
      {R"({"alg":"Ed25519",)" + ed.substr(1), KeyProblem::none},
      {R"({"alg":null,"use":null,"key_ops":null,"kid":null,)" + ed.substr(1), KeyProblem::none},
  };
  for (const auto &test : cases) {
    EXPECT_EQ(problem_of(test.jwk), test.problem) << test.jwk;
  }
  EXPECT_EQ(problem_of(R"({"d":"AQAB",)" + ed.substr(1), KeySource::file), KeyProblem::none);
}

// The key of HS256 would be one that everyone can fetch.
TEST(KeySet, TakesSecretsFromFilesOfTheirOwnOnly) {
  const std::string secret = Signer::shared(KeyType::secret).jwk();
  EXPECT_FALSE(read(jwks({secret})).good);
  EXPECT_EQ(problem_of(secret, KeySource::file), KeyProblem::secret_not_allowed);
  EXPECT_TRUE(read(jwks({secret}), KeySource::file).good);
  EXPECT_TRUE(read(secret, KeySource::file).good);
  EXPECT_FALSE(read(secret).good);
  const Read result =
      read(jwks({secret, Signer::secret("short").jwk(), Signer::secret(std::string(32, 'k')).jwk(R"("alg":"HS512")")}),
           KeySource::file);
  EXPECT_EQ(result.set.size(), 1U);
  ASSERT_EQ(result.refusals.size(), 2U);
  EXPECT_EQ(result.refusals[0].problem, KeyProblem::short_secret);
  EXPECT_EQ(result.refusals[1].problem, KeyProblem::short_secret);
}

TEST(KeySet, NamesRefusedKeysOnlyWhereThatIsHarmless) {
  const auto kid_of = [](const std::string &kid) {
    return read(jwks({R"({"kid":")" + kid + R"(","kty":"x"})", Signer::shared(KeyType::ed25519).jwk()}))
        .refusals.at(0)
        .kid;
  };
  EXPECT_EQ(kid_of("key-1"), "key-1");
  EXPECT_EQ(kid_of("a\\nb"), "");
  EXPECT_EQ(kid_of("\xc3\xa9"), "");
  EXPECT_EQ(kid_of(std::string(129, 'a')), "");
}

TEST(KeySet, IsBounded) {
  std::vector<std::string> keys(kMaxKeys + 5, Signer::shared(KeyType::ed25519).jwk());
  const Read result = read(jwks(keys));
  EXPECT_EQ(result.set.size(), kMaxKeys);
  ASSERT_EQ(result.refusals.size(), 1U);
  EXPECT_EQ(result.refusals[0].problem, KeyProblem::too_many_keys);
}

Cause check(const KeySet &set, const std::string &token, AlgorithmSet allowed = AlgorithmSet::all()) {
  Jws jws;
  Digest id;
  EXPECT_EQ(parse_jws(token, &jws), Cause::none);
  const Cause cause = set.verify(jws, allowed, &id);
  EXPECT_TRUE(cause != Cause::none || set.has(id));
  return cause;
}

TEST(KeySetVerify, GoesByKid) {
  const Signer a = Signer::make(KeyType::ed25519);
  const Signer b = Signer::make(KeyType::ed25519);
  const KeySet set = read(jwks({a.jwk(R"("kid":"a")"), b.jwk(R"("kid":"b")")})).set;
  EXPECT_EQ(check(set, a.token(Algorithm::eddsa, "{}", R"(,"kid":"a")")), Cause::none);
  EXPECT_EQ(check(set, b.token(Algorithm::eddsa, "{}", R"(,"kid":"b")")), Cause::none);
  EXPECT_EQ(check(set, b.token(Algorithm::eddsa, "{}", R"(,"kid":"a")")), Cause::bad_signature);
  for (const char *kid : {"c", "", "A", "a ", "../a", "a\\u0000", "*"}) {
    EXPECT_EQ(check(set, a.token(Algorithm::eddsa, "{}", std::string(R"(,"kid":")") + kid + '"')), Cause::unknown_key)
        << kid;
  }
  // Without one, all are tried.
  EXPECT_EQ(check(set, b.token(Algorithm::eddsa, "{}")), Cause::none);
  EXPECT_EQ(check(set, Signer::make(KeyType::ed25519).token(Algorithm::eddsa, "{}")), Cause::bad_signature);
  EXPECT_EQ(check(set, Signer::shared(KeyType::p256).token(Algorithm::es256, "{}")), Cause::algorithm_not_allowed);
  EXPECT_EQ(check(set, Signer::shared(KeyType::p256).token(Algorithm::es256, "{}", R"(,"kid":"a")")),
            Cause::algorithm_not_allowed);
  EXPECT_EQ(check(KeySet(), a.token(Algorithm::eddsa, "{}")), Cause::unknown_key);
}

TEST(KeySetVerify, TriesAllKeysOfOneKid) {
  const Signer a = Signer::make(KeyType::ed25519);
  const Signer b = Signer::make(KeyType::ed25519);
  const Signer &c = Signer::shared(KeyType::p256);
  const KeySet set = read(jwks({a.jwk(R"("kid":"k")"), b.jwk(R"("kid":"k")"), c.jwk(R"("kid":"k")")})).set;
  EXPECT_EQ(check(set, a.token(Algorithm::eddsa, "{}", R"(,"kid":"k")")), Cause::none);
  EXPECT_EQ(check(set, b.token(Algorithm::eddsa, "{}", R"(,"kid":"k")")), Cause::none);
  EXPECT_EQ(check(set, c.token(Algorithm::es256, "{}", R"(,"kid":"k")")), Cause::none);
}

TEST(KeySetVerify, TriesKeysWithoutAKidForAnyOther) {
  const Signer a = Signer::make(KeyType::ed25519);
  const Signer b = Signer::make(KeyType::ed25519);
  const KeySet set = read(jwks({a.jwk(R"("kid":"a")"), b.jwk()})).set;
  EXPECT_EQ(check(set, b.token(Algorithm::eddsa, "{}", R"(,"kid":"x")")), Cause::none);
  EXPECT_EQ(check(set, a.token(Algorithm::eddsa, "{}", R"(,"kid":"x")")), Cause::bad_signature);
  EXPECT_EQ(check(set, b.token(Algorithm::eddsa, "{}", R"(,"kid":"a")")), Cause::bad_signature);
}

TEST(KeySetVerify, TriesAFewKeysOnly) {
  std::vector<std::string> keys;
  std::vector<Signer> signers;
  for (std::size_t i = 0; i < kMaxTries + 1; ++i) {
    signers.push_back(Signer::make(KeyType::ed25519));
    keys.push_back(signers.back().jwk());
    keys.push_back(Signer::shared(KeyType::p256).jwk());  // of another type: not counted
  }
  const KeySet set = read(jwks(keys)).set;
  for (std::size_t i = 0; i < signers.size(); ++i) {
    EXPECT_EQ(check(set, signers[i].token(Algorithm::eddsa, "{}")), i < kMaxTries ? Cause::none : Cause::too_many_keys)
        << i;
  }
}

// The key decides the algorithm, never the header.
TEST(KeySetVerify, AllowsWhatKeyAndIssuerAllow) {
  const Signer &rsa = Signer::shared(KeyType::rsa);
  const KeySet any = read(jwks({rsa.jwk()})).set;
  const KeySet only = read(jwks({rsa.jwk(R"("alg":"RS256")")})).set;
  for (const auto &[algorithm, type] : test::kEveryAlgorithm) {
    if (type != KeyType::rsa) {
      continue;
    }
    const std::string token = rsa.token(algorithm, "{}");
    EXPECT_EQ(check(any, token), Cause::none);
    EXPECT_EQ(check(only, token), algorithm == Algorithm::rs256 ? Cause::none : Cause::algorithm_not_allowed);
    EXPECT_EQ(check(any, token, {Algorithm::ps384}),
              algorithm == Algorithm::ps384 ? Cause::none : Cause::algorithm_not_allowed);
    EXPECT_EQ(check(any, token, {}), Cause::algorithm_not_allowed);
    EXPECT_EQ(check(only, token, {Algorithm::rs512}), Cause::algorithm_not_allowed);
  }
}

TEST(KeySetVerify, NeverTakesAPublicKeyForASecret) {
  for (const KeyType type : {KeyType::rsa, KeyType::p256, KeyType::ed25519}) {
    const Signer &signer = Signer::shared(type);
    const std::string pem = signer.pem();
    KeySet set;
    KeyProblem problem = KeyProblem::none;
    ASSERT_TRUE(parse_public_key(pem, &set, &problem));
    for (const Algorithm algorithm : {Algorithm::hs256, Algorithm::hs384, Algorithm::hs512}) {
      for (const std::string &secret : {pem, pem.substr(0, pem.size() - 1), signer.jwk(), jwks({signer.jwk()})}) {
        EXPECT_EQ(check(set, Signer::secret(secret).token(algorithm, "{}")), Cause::algorithm_not_allowed);
      }
    }
  }
}

// null stands for nothing: it narrows nothing, and names nothing.
TEST(KeySet, TakesNullForAbsent) {
  const Signer &signer = Signer::shared(KeyType::rsa);
  const Read result = read(jwks({signer.jwk(R"("alg":null,"kid":null)")}));
  ASSERT_EQ(result.set.size(), 1U);
  EXPECT_FALSE(result.set.keys()[0].has_kid);
  EXPECT_EQ(check(result.set, signer.token(Algorithm::rs512, "{}", R"(,"kid":"null")")), Cause::none);
  EXPECT_FALSE(read(jwks({signer.jwk(R"("alg":null,"alg":"RS256")")})).good);  // still twice
}

// Java's BigInteger leaves leading zeros out, and one in 128 keys of P-256 has some.
TEST(KeySet, PadsShortCoordinates) {
  Signer signer = Signer::make(KeyType::p256);
  while (signer.number(OSSL_PKEY_PARAM_EC_PUB_X, 32).front() != '\0') {
    signer = Signer::make(KeyType::p256);
  }
  const std::string x = signer.number(OSSL_PKEY_PARAM_EC_PUB_X, 32);
  const std::string y = signer.number(OSSL_PKEY_PARAM_EC_PUB_Y, 32);
  const auto jwk = [&](const std::string &of_x) {
    return R"({"kty":"EC","crv":"P-256","x":")" + to_base64url(of_x) + R"(","y":")" + to_base64url(y) + "\"}";
  };
  const Read padded = read(jwks({jwk(x.substr(1))}));
  ASSERT_EQ(padded.set.size(), 1U);
  EXPECT_TRUE(padded.set.keys()[0].came_short);
  EXPECT_EQ(check(padded.set, signer.token(Algorithm::es256, "{}")), Cause::none);
  const Read whole = read(jwks({jwk(x)}));
  EXPECT_FALSE(whole.set.keys()[0].came_short);
  EXPECT_TRUE(whole.set.shares_keys_with(padded.set));
  // Too long, or so short that no chance explains it, or another number.
  for (const std::string &other : {'\0' + x, x.substr(0, 27), std::string()}) {
    EXPECT_EQ(problem_of(jwk(other)), KeyProblem::wrong_length);
  }
  EXPECT_EQ(problem_of(jwk(x.substr(2) + '\1')), KeyProblem::point_off_curve);
}

TEST(KeySet, NamesWhatIsNoKeySet) {
  const auto error_of = [](const std::string &text, KeySource source) { return read(text, source).error; };
  for (const KeySource source : {KeySource::fetched, KeySource::file}) {
    EXPECT_NE(error_of("\x1f\x8b\x08 whatever", source).find("compressed (gzip)"), std::string::npos);
    EXPECT_NE(error_of("\n" + Signer::shared(KeyType::rsa).pem(), source).find("it is PEM"), std::string::npos);
    EXPECT_NE(error_of(R"({"issuer":"https://a","jwks_uri":"https://a/jwks"})", source).find("discovery"),
              std::string::npos);
    EXPECT_NE(error_of(R"({"a":1})", source).find("not a JWK set"), std::string::npos);
  }
}

TEST(KeySetSecret, MayBeWrittenAsText) {
  const std::string secret(32, '\xfe');
  const auto taken = [&](const std::string &file, SecretForm form) {
    KeySet set;
    KeyProblem problem = KeyProblem::none;
    const bool good = parse_secret(file, form, &set, &problem);
    EXPECT_EQ(good, problem == KeyProblem::none);
    EXPECT_TRUE(!good || check(set, Signer::secret(secret).token(Algorithm::hs256, "{}")) == Cause::none) << file;
    return problem;
  };
  const std::string text = to_base64url(secret);
  const std::string digits = to_hex(secret);
  for (const char *end : {"", "\n", "\r\n"}) {
    EXPECT_EQ(taken(text + end, SecretForm::base64url), KeyProblem::none);
    EXPECT_EQ(taken(digits + end, SecretForm::hex), KeyProblem::none);
  }
  EXPECT_EQ(taken("FE" + digits.substr(2), SecretForm::hex), KeyProblem::none);
  for (const std::string &bad : {text + "=", text + "\n\n", " " + text, "/" + text.substr(1), text + "\n" + text}) {
    EXPECT_EQ(taken(bad, SecretForm::base64url), KeyProblem::bad_secret_text) << bad;
  }
  for (const std::string &bad : {digits.substr(1), "0x" + digits, digits + " ", "g" + digits.substr(1)}) {
    EXPECT_EQ(taken(bad, SecretForm::hex), KeyProblem::bad_secret_text) << bad;
  }
  EXPECT_EQ(taken(digits.substr(2), SecretForm::hex), KeyProblem::short_secret);
  EXPECT_EQ(taken("", SecretForm::base64url), KeyProblem::short_secret);
}

TEST(KeySetSecret, IsBytesOrALineOfText) {
  const std::string text(40, 'x');
  std::string binary(40, '\x01');
  binary.back() = '\n';
  const auto verifies = [](const std::string &file, const std::string &secret) {
    KeySet set;
    KeyProblem problem = KeyProblem::none;
    EXPECT_TRUE(parse_secret(file, SecretForm::as_is, &set, &problem));
    return check(set, Signer::secret(secret).token(Algorithm::hs256, "{}", R"(,"kid":"any")")) == Cause::none;
  };
  EXPECT_TRUE(verifies(text, text));
  EXPECT_TRUE(verifies(text + "\n", text));
  EXPECT_TRUE(verifies(text + "\r\n", text));
  EXPECT_FALSE(verifies(text + "\n", text + "\n"));
  EXPECT_TRUE(verifies(text + "\n\n", text + "\n\n"));  // not a line of text
  EXPECT_TRUE(verifies(" " + text + " ", " " + text + " "));
  EXPECT_TRUE(verifies(binary, binary));
  KeySet set;
  KeyProblem problem = KeyProblem::none;
  EXPECT_FALSE(parse_secret(std::string(31, 'x') + "\n", SecretForm::as_is, &set, &problem));
  EXPECT_EQ(problem, KeyProblem::short_secret);
  EXPECT_FALSE(parse_secret("", SecretForm::as_is, &set, &problem));
}

TEST(KeySet, TellsWhoSharesKeys) {
  const KeySet a =
      read(jwks({Signer::shared(KeyType::rsa).jwk(R"("kid":"a","alg":"RS256")"), Signer::shared(KeyType::p256).jwk()}))
          .set;
  const KeySet b =
      read(jwks({Signer::shared(KeyType::ed25519).jwk(), Signer::shared(KeyType::rsa).jwk(R"("kid":"b")")})).set;
  const KeySet c = read(jwks({Signer::shared(KeyType::ed25519).jwk()})).set;
  EXPECT_TRUE(a.shares_keys_with(b));
  EXPECT_TRUE(b.shares_keys_with(a));
  EXPECT_FALSE(a.shares_keys_with(c));
  EXPECT_FALSE(a.shares_keys_with(KeySet()));
}

// RFC 2104: a key is filled up with zeros to a block, and one that is longer is hashed first.
TEST(KeySet, KnowsSecretsThatAreOneToAnHmac) {
  const auto of = [](const std::string &secret) {
    KeySet set;
    KeyProblem problem = KeyProblem::none;
    EXPECT_TRUE(parse_secret(to_base64url(secret), SecretForm::base64url, &set, &problem));
    return set;
  };
  const std::string shorter(40, 'k'), zeros(8, '\0'), longer(100, 'l'), longest(200, 'm');
  EXPECT_TRUE(of(shorter).shares_keys_with(of(shorter + zeros)));
  EXPECT_TRUE(of(shorter + zeros).shares_keys_with(of(shorter)));
  EXPECT_FALSE(of(shorter).shares_keys_with(of(zeros + shorter)));
  EXPECT_FALSE(of(shorter).shares_keys_with(of(shorter + zeros + "x")));
  EXPECT_TRUE(of(longer).shares_keys_with(of(longer + zeros)));  // by HS384
  EXPECT_FALSE(of(longest).shares_keys_with(of(longest + zeros)));
  EXPECT_TRUE(of(longest).shares_keys_with(of(std::string(view_of(sha256(longest))))));
  EXPECT_FALSE(of(shorter).shares_keys_with(read(jwks({Signer::shared(KeyType::rsa).jwk()})).set));
  // What was verified by one that is gone isn't good by the other: their ids differ.
  EXPECT_FALSE(of(shorter).has(of(shorter + zeros).keys()[0].material->id()));
}

TEST(KeyFile, IsARegularFileWithinItsBound) {
  const std::string path = testing::TempDir() + "keyward_key_file_test";
  const auto write = [&path](const std::string &text) {
    std::FILE *file = std::fopen(path.c_str(), "wb");
    ASSERT_NE(file, nullptr);
    ASSERT_EQ(std::fwrite(text.data(), 1, text.size(), file), text.size());
    std::fclose(file);
  };
  std::string text;
  std::string error;
  for (const std::size_t size : {std::size_t{0}, std::size_t{100}, kMaxKeySetBytes}) {
    write(std::string(size, 'k'));
    EXPECT_TRUE(read_key_file(path, &text, &error)) << error;
    EXPECT_EQ(text, std::string(size, 'k'));
  }
  write(std::string(kMaxKeySetBytes + 1, 'k'));
  EXPECT_FALSE(read_key_file(path, &text, &error));
  std::remove(path.c_str());
  EXPECT_FALSE(read_key_file(path, &text, &error));
  EXPECT_FALSE(read_key_file("/", &text, &error));
  EXPECT_FALSE(read_key_file("/dev/zero", &text, &error));
  EXPECT_NE(error.find("/dev/zero"), std::string::npos);
}

}  // namespace
}  // namespace keyward::jwt
