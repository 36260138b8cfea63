// Signed identity: the key, the token, and what a worker keeps of it.
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <memory>
#include <string>

#include "auth/identity_tokens.hpp"
#include "base/base64url.hpp"
#include "crypto/openssl.hpp"
#include "crypto/verification_key.hpp"
#include "json/json.hpp"
#include "jwt/identity_token.hpp"
#include "jwt/key_file.hpp"

namespace keyward {
namespace {

std::string made_pem(int type, const char *passphrase = nullptr) {
  const crypto::PkeyContext context(EVP_PKEY_CTX_new_id(type, nullptr));
  EVP_PKEY *raw = nullptr;
  EXPECT_EQ(1, EVP_PKEY_keygen_init(context.get()));
  EXPECT_EQ(1, EVP_PKEY_keygen(context.get(), &raw));
  const crypto::Pkey key(raw);
  const std::unique_ptr<BIO, crypto::OpensslFree<BIO_free>> out(BIO_new(BIO_s_mem()));
  const EVP_CIPHER *cipher = passphrase != nullptr ? EVP_aes_128_cbc() : nullptr;
  EXPECT_EQ(1, PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), cipher, passphrase, passphrase != nullptr ? 4 : 0,
                                             nullptr, nullptr));
  char *data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::unique_ptr<const crypto::SigningKey> made_key() {
  std::string error;
  auto key = crypto::SigningKey::from_pem(made_pem(EVP_PKEY_ED25519), &error);
  EXPECT_EQ("", error);
  return key;
}

std::string problem_of(const std::string &pem) {
  std::string error;
  EXPECT_EQ(nullptr, crypto::SigningKey::from_pem(pem, &error));
  return error;
}

// The parts between the dots.
std::string part_of(std::string_view token, int which) {
  for (; which > 0; --which) {
    token.remove_prefix(token.find('.') + 1);
  }
  std::string bytes;
  EXPECT_TRUE(from_base64url(token.substr(0, token.find('.')), &bytes));
  return bytes;
}

TEST(SigningKey, TellsWhatIsWrongWithAFile) {
  EXPECT_NE(std::string::npos, problem_of("").find("holds no private key"));
  EXPECT_NE(std::string::npos,
            problem_of("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").find("no private"));
  EXPECT_NE(std::string::npos, problem_of(std::string(20000, 'x')).find("holds no private key"));
  EXPECT_NE(std::string::npos, problem_of(made_pem(EVP_PKEY_ED448)).find("another type than Ed25519"));
  EXPECT_NE(std::string::npos, problem_of(made_pem(EVP_PKEY_X25519)).find("another type than Ed25519"));
  EXPECT_NE(std::string::npos, problem_of(made_pem(EVP_PKEY_ED25519, "word")).find("has a passphrase"));
}

TEST(IdentitySigner, SignsWhatItsKeySetVerifies) {
  const jwt::IdentitySigner signer(made_key(), "keyward");
  jwt::IdentityClaims claims;
  claims.kind = "key";
  claims.subject = "al\"ice";
  claims.key_id = "key_1";
  claims.plan = "pro";
  claims.scopes = "a b:*";
  const std::string token = signer.sign(claims, 1000);
  EXPECT_EQ(
      R"({"iss":"keyward","iat":1000,"exp":1060,"sub":"al\"ice","kind":"key","key_id":"key_1","plan":"pro","scope":"a b:*"})",
      part_of(token, 1));
  json::Value header, set;
  std::string error;
  ASSERT_TRUE(json::parse(part_of(token, 0), {}, &header, &error)) << error;
  ASSERT_TRUE(json::parse(signer.key_set(), {}, &set, &error)) << error;
  const json::Value &jwk = set.find("keys")->items.at(0);
  EXPECT_EQ(jwk.find("kid")->text, header.find("kid")->text);
  EXPECT_EQ("EdDSA", header.find("alg")->text);
  EXPECT_EQ("identity+jwt", header.find("typ")->text);
  EXPECT_EQ(nullptr, jwk.find("d"));

  std::string point;
  ASSERT_TRUE(from_base64url(jwk.find("x")->text, &point));
  crypto::KeyProblem problem = {};
  const auto key = crypto::make_ed25519_key(point, &problem);
  ASSERT_NE(nullptr, key);
  const std::size_t dot = token.rfind('.');
  const std::string signature = part_of(token, 2);
  EXPECT_EQ(crypto::Match::yes, key->verify(crypto::Algorithm::eddsa, token.substr(0, dot), signature));
  EXPECT_EQ(crypto::Match::no, key->verify(crypto::Algorithm::eddsa, token.substr(0, dot - 1), signature));
}

TEST(IdentitySigner, LeavesOutWhatIsEmpty) {
  const jwt::IdentitySigner signer(made_key(), "keyward");
  jwt::IdentityClaims claims;
  claims.kind = "anonymous";
  EXPECT_EQ(R"({"iss":"keyward","iat":1,"exp":61,"kind":"anonymous"})", part_of(signer.sign(claims, 1), 1));
}

class IdentityTokensTest : public ::testing::Test {
 protected:
  static std::shared_ptr<const Principal> principal(const char *subject) {
    auto made = std::make_shared<Principal>();
    made->subject = subject;
    return made;
  }
  std::string find(const std::shared_ptr<const Principal> &who, std::int64_t now_s, Kind kind = Kind::key) {
    return std::string(tokens_.find(signer_, kind, who, now_s));
  }

  jwt::IdentitySigner signer_{made_key(), "keyward"};
  IdentityTokens tokens_;
};

TEST_F(IdentityTokensTest, OneIsMadeForEachPrincipalAndHalfMinute) {
  const auto alice = principal("alice");
  const std::string first = find(alice, 1000);
  EXPECT_EQ(first, find(alice, 1029));
  const std::string second = find(alice, 1030);
  EXPECT_NE(first, second);
  EXPECT_NE(second, find(alice, 1029)) << "a clock that steps back";
}

TEST_F(IdentityTokensTest, NobodyGetsAnothers) {
  std::string last;
  for (int i = 0; i < 5000; ++i) {
    // Each takes the place in memory of the one before, if it can.
    const auto who = principal(("subject " + std::to_string(i)).c_str());
    const std::string claims = part_of(find(who, 1000), 1);
    EXPECT_NE(std::string::npos, claims.find("\"subject " + std::to_string(i) + '"')) << claims;
  }
  EXPECT_EQ(std::string::npos, part_of(find(nullptr, 1000, Kind::anonymous), 1).find("sub"));
}

TEST_F(IdentityTokensTest, AnotherKeyMakesAnother) {
  const auto alice = principal("alice");
  const jwt::IdentitySigner other(made_key(), "keyward");
  const std::string first = find(alice, 1000);
  EXPECT_NE(first, std::string(tokens_.find(other, Kind::key, alice, 1000)));
}

}  // namespace
}  // namespace keyward
