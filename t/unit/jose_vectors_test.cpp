// Worked examples of RFC 7515, RFC 7520, RFC 7797 and RFC 8037: whole compact tokens, keys as JWK.
#include <gtest/gtest.h>

#include "jwt/jwk.hpp"
#include "jwt/key_set.hpp"
#include "jwt_fixture.hpp"
#include "vectors.hpp"

namespace keyward::jwt {
namespace {

json::Value read(const std::filesystem::path &path) {
  json::Value document;
  std::string error;
  EXPECT_TRUE(json::parse(test::read_file(path), json::Limits(), &document, &error)) << path << error;
  return document;
}

// With no key at all where the example has none.
KeySet set_of_jwk(const json::Value *jwk) {
  KeySet set;
  Key key;
  if (jwk != nullptr) {
    EXPECT_EQ(parse_jwk(*jwk, &key), crypto::KeyProblem::none);
    set.add(key);
  }
  return set;
}

Cause check(const KeySet &set, std::string_view token) {
  Jws jws;
  Digest id;
  const Cause cause = parse_jws(token, &jws);
  return cause == Cause::none ? set.verify(jws, crypto::AlgorithmSet::all(), &id) : cause;
}

TEST(JoseVectors, Rfc7515) {
  const auto path = test::vectors_folder() / "rfc7515" / "rfc7515_A.json";
  KEYWARD_NEED_VECTORS(path);
  init_crypto();
  const json::Value document = read(path);
  int good = 0;
  for (const json::Value &test : document.find("tests")->items) {
    const KeySet set = set_of_jwk(test.find("jwk"));
    const std::string token = test.find("jws")->text;
    if (test.find("result")->text == "valid") {
      ++good;
      EXPECT_EQ(check(set, token), Cause::none) << test.find("id")->text;
      EXPECT_EQ(check(set, token.substr(0, token.size() - 1) + "!"), Cause::bad_encoding);
      // Their exp is 2011's.
      Issuer issuer;
      issuer.issuers = {"joe"};
      EXPECT_EQ(test::verify(issuer, set, token).outcome, Outcome::expired_token);
      EXPECT_EQ(test::verify(issuer, set, token, 1300819379).outcome, Outcome::accepted);
    } else {
      EXPECT_EQ(check(set, token), Cause::unknown_algorithm);
    }
  }
  EXPECT_EQ(good, 3);
}

TEST(JoseVectors, Cookbook) {
  const auto folder = test::vectors_folder() / "jose-cookbook";
  KEYWARD_NEED_VECTORS(folder);
  init_crypto();
  for (const char *name :
       {"jws/4_1.rsa_v15_signature.json", "jws/4_2.rsa-pss_signature.json", "jws/4_3.ecdsa_signature.json",
        "jws/4_4.hmac-sha2_integrity_protection.json", "curve25519/jws.json"}) {
    const json::Value document = read(folder / name);
    const KeySet set = set_of_jwk(document.find("input")->find("key"));
    const std::string token = document.find("output")->find("compact")->text;
    EXPECT_EQ(check(set, token), Cause::none) << name;
    const std::size_t dot = token.rfind('.');
    std::string signature;
    ASSERT_TRUE(from_base64url(std::string_view(token).substr(dot + 1), &signature));
    for (std::size_t bit = 0; bit < 8 * signature.size(); bit += 3) {
      std::string flipped = signature;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      ASSERT_EQ(check(set, token.substr(0, dot + 1) + to_base64url(flipped)), Cause::bad_signature) << name;
    }
    // Their payload is a sentence: a JWS, and no token.
    EXPECT_EQ(test::verify(Issuer(), set, token).cause, Cause::bad_payload);
  }
}

// Parts of these are signed as they stand, not in base64url; and a detached payload is none.
TEST(JoseVectors, RefusesUnencodedAndDetachedPayloads) {
  const auto folder = test::vectors_folder() / "jose-cookbook";
  KEYWARD_NEED_VECTORS(folder);
  init_crypto();
  for (const char *name : {"rfc7797/hmac-sha2_b64_false.json", "rfc7797/4.2.hmac-sha2_b64_false.json"}) {
    const json::Value document = read(folder / name);
    const KeySet set = set_of_jwk(document.find("input")->find("key"));
    const json::Value &signing = *document.find("signing");
    const std::string header = signing.find("protected_b64u")->text;
    const std::string signature = signing.find("sig")->text;
    // As it is signed, and with the payload encoded: the header alone is one to refuse.
    EXPECT_NE(check(set, signing.find("sig-input")->text + '.' + signature), Cause::none) << name;
    EXPECT_NE(check(set, header + '.' + to_base64url("$.02") + '.' + signature), Cause::none) << name;
    const json::Value *compact = document.find("output")->find("compact");
    EXPECT_TRUE(compact == nullptr || check(set, compact->text) != Cause::none) << name;
  }
  const json::Value detached = read(folder / "jws/4_5.signature_with_detached_content.json");
  const KeySet set = set_of_jwk(detached.find("input")->find("key"));
  EXPECT_EQ(check(set, detached.find("output")->find("compact")->text), Cause::bad_signature);
}

TEST(JoseVectors, CookbookKeys) {
  const auto folder = test::vectors_folder() / "jose-cookbook" / "jwk";
  KEYWARD_NEED_VECTORS(folder);
  init_crypto();
  Key key;
  EXPECT_EQ(parse_jwk(read(folder / "3_1.ec_public_key.json"), &key), crypto::KeyProblem::none);
  EXPECT_EQ(key.kid, "bilbo.baggins@hobbiton.example");
  const Digest ec = key.material->id();
  EXPECT_EQ(parse_jwk(read(folder / "3_2.ec_private_key.json"), &key), crypto::KeyProblem::none);
  EXPECT_EQ(key.material->id(), ec);
  EXPECT_EQ(parse_jwk(read(folder / "3_3.rsa_public_key.json"), &key), crypto::KeyProblem::none);
  EXPECT_EQ(parse_jwk(read(folder / "3_5.symmetric_key_mac_computation.json"), &key), crypto::KeyProblem::none);
  EXPECT_TRUE(key.algorithms == crypto::AlgorithmSet{crypto::Algorithm::hs256});
  EXPECT_NE(parse_jwk(read(folder / "3_6.symmetric_key_encryption.json"), &key), crypto::KeyProblem::none);
}

}  // namespace
}  // namespace keyward::jwt
