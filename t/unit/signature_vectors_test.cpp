// Wycheproof's signatures, through the keys that requests are verified with: made from PEM, and from a JWK where there is one.
#include <gtest/gtest.h>

#include "base/digest.hpp"
#include "base/hex.hpp"
#include "crypto/verification_key.hpp"
#include "json/json.hpp"
#include "jwt/jwk.hpp"
#include "vectors.hpp"

namespace keyward::crypto {
namespace {

const json::Value &member(const json::Value &object, std::string_view name) {
  const json::Value *value = object.find(name);
  if (value == nullptr) {
    throw std::runtime_error("the vectors have no " + std::string(name));
  }
  return *value;
}

std::string bytes_of(const json::Value &object, std::string_view name) {
  const std::string &text = member(object, name).text;
  std::string bytes(text.size() / 2, '\0');
  EXPECT_TRUE(from_hex(text, reinterpret_cast<std::uint8_t *>(bytes.data()), bytes.size()));
  return bytes;
}

class SignatureVectors : public testing::Test {
 protected:
  static std::filesystem::path folder() { return test::vectors_folder() / "wycheproof"; }

  static void SetUpTestSuite() { init_crypto(); }

  static json::Value read(const std::string &name) {
    json::Value document;
    std::string error;
    json::Limits limits;
    limits.bytes = 16 << 20;
    EXPECT_TRUE(json::parse(test::read_file(folder() / name), limits, &document, &error)) << name << ": " << error;
    return document;
  }

  // A group's key in each form that it is given in.
  static std::vector<KeyPointer> keys_of(const json::Value &group, Algorithm algorithm) {
    std::vector<KeyPointer> keys;
    KeyProblem problem = KeyProblem::none;
    keys.push_back(make_pem_key(member(group, "publicKeyPem").text, &problem));
    EXPECT_NE(keys.back(), nullptr) << to_text(problem);
    for (const char *name : {"publicKeyJwk", "keyJwk"}) {
      const json::Value *jwk = group.find(name);
      jwt::Key key;
      if (jwk != nullptr) {
        EXPECT_EQ(jwt::parse_jwk(*jwk, &key), KeyProblem::none);
        EXPECT_TRUE(key.algorithms.has(algorithm));
        EXPECT_EQ(key.material->id(), keys.front()->id());
        keys.push_back(key.material);
      }
    }
    return keys;
  }

  // Whether a test of the vectors must verify.
  static bool is_valid(const json::Value &test) { return member(test, "result").text == "valid"; }

  // Runs a file's tests and returns how many ran.
  static int run(const std::string &name, Algorithm algorithm, bool (*is_good)(const json::Value &) = is_valid) {
    int count = 0;
    const json::Value document = read(name);
    for (const json::Value &group : member(document, "testGroups").items) {
      for (const KeyPointer &key : keys_of(group, algorithm)) {
        for (const json::Value &test : member(group, "tests").items) {
          ++count;
          const Match match = key->verify(algorithm, bytes_of(test, "msg"), bytes_of(test, "sig"));
          EXPECT_EQ(match, is_good(test) ? Match::yes : Match::no)
              << name << ' ' << member(test, "tcId").text << ": " << member(test, "comment").text;
        }
      }
    }
    return count;
  }
};

TEST_F(SignatureVectors, Ed25519) {
  KEYWARD_NEED_VECTORS(folder());
  EXPECT_EQ(run("ed25519_test.json", Algorithm::eddsa), 2 * 151);
}

TEST_F(SignatureVectors, Ecdsa) {
  KEYWARD_NEED_VECTORS(folder());
  EXPECT_GT(run("ecdsa_secp256r1_sha256_p1363_test.json", Algorithm::es256), 262);
  EXPECT_GT(run("ecdsa_secp384r1_sha384_p1363_test.json", Algorithm::es384), 280);
  EXPECT_GT(run("ecdsa_secp521r1_sha512_p1363_test.json", Algorithm::es512), 318);
}

// "acceptable" is an encoding without NULL: not the one that RFC 8017 has the verifier compare with.
TEST_F(SignatureVectors, RsaPkcs1) {
  KEYWARD_NEED_VECTORS(folder());
  EXPECT_GE(run("rsa_signature_2048_sha256_test.json", Algorithm::rs256), 259);
  EXPECT_GE(run("rsa_signature_2048_sha384_test.json", Algorithm::rs384), 258);
  EXPECT_GE(run("rsa_signature_2048_sha512_test.json", Algorithm::rs512), 259);
}

TEST_F(SignatureVectors, RsaPss) {
  KEYWARD_NEED_VECTORS(folder());
  EXPECT_GE(run("rsa_pss_2048_sha256_mgf1_32_test.json", Algorithm::ps256), 108);
  EXPECT_GE(run("rsa_pss_2048_sha384_mgf1_48_test.json", Algorithm::ps384), 141);
  EXPECT_GE(run("rsa_pss_4096_sha512_mgf1_64_test.json", Algorithm::ps512), 179);
}

// RFC 7518, section 3.5: the salt is as long as the hash. Good signatures with none are refused; the one that these vectors call
// bad, because its salt has 32 bytes, is what PS256 wants.
TEST_F(SignatureVectors, RsaPssWithoutSaltIsRefused) {
  KEYWARD_NEED_VECTORS(folder());
  EXPECT_GE(run("rsa_pss_2048_sha256_mgf1_0_test.json", Algorithm::ps256,
                [](const json::Value &test) { return member(test, "comment").text == "s_len changed to 32"; }),
            103);
}

// JWS tags are never cut (RFC 7518, section 3.2), and keys are as long as the hash at least.
TEST_F(SignatureVectors, Hmac) {
  KEYWARD_NEED_VECTORS(folder());
  struct {
    const char *file;
    Algorithm algorithm;
    std::size_t hash_bytes;
  } const cases[] = {{"hmac_sha256_test.json", Algorithm::hs256, 32},
                     {"hmac_sha384_test.json", Algorithm::hs384, 48},
                     {"hmac_sha512_test.json", Algorithm::hs512, 64}};
  int good = 0;
  int short_keys = 0;
  for (const auto &file : cases) {
    const json::Value document = read(file.file);
    for (const json::Value &group : member(document, "testGroups").items) {
      for (const json::Value &test : member(group, "tests").items) {
        const std::string secret = bytes_of(test, "key");
        const std::string tag = bytes_of(test, "tag");
        KeyProblem problem = KeyProblem::none;
        const KeyPointer key = make_secret_key(secret, &problem);
        const bool usable = key != nullptr && key->algorithms().has(file.algorithm);
        EXPECT_EQ(usable, secret.size() >= file.hash_bytes);
        EXPECT_EQ(key == nullptr, problem == KeyProblem::short_secret);
        const bool matches = key != nullptr && key->verify(file.algorithm, bytes_of(test, "msg"), tag) == Match::yes;
        const bool valid = member(test, "result").text == "valid" && tag.size() == file.hash_bytes;
        EXPECT_EQ(matches, valid && usable) << file.file << ' ' << member(test, "tcId").text;
        good += matches ? 1 : 0;
        short_keys += usable ? 0 : 1;
      }
    }
  }
  EXPECT_GT(good, 30);
  EXPECT_GT(short_keys, 10);
}

}  // namespace
}  // namespace keyward::crypto
