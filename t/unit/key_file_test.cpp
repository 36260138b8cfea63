// What a file of keys comes to, by its kind: nginx and the command take and refuse the same.
#include "jwt/key_file.hpp"

#include <gtest/gtest.h>

#include "jwt_fixture.hpp"

namespace keyward::jwt {
namespace {

using crypto::Algorithm;
using crypto::AlgorithmSet;
using crypto::KeyType;
using test::jwks;
using test::Signer;

KeyFile parse(const std::string &text, KeyFileKind kind, AlgorithmSet allowed = AlgorithmSet::all()) {
  init_crypto();
  KeyFile file = parse_key_file(text, kind, allowed);
  EXPECT_EQ(file.keys == nullptr, !file.error.empty()) << file.error;
  return file;
}

std::string with_private_part(std::string jwk) { return jwk.insert(jwk.size() - 1, R"(,"d":"AAAA")"); }

TEST(ParseKeyFile, TakesWhatItsKindIs) {
  const Signer &signer = Signer::shared(KeyType::ed25519);
  const std::string set = jwks({signer.jwk()});
  const std::string secret = Signer::shared(KeyType::secret).secret_bytes();
  EXPECT_NE(parse(set, KeyFileKind::key_set).keys, nullptr);
  EXPECT_NE(parse(set, KeyFileKind::fetched_set).keys, nullptr);
  EXPECT_NE(parse(signer.jwk(), KeyFileKind::key_set).keys, nullptr);
  EXPECT_EQ(parse(signer.jwk(), KeyFileKind::fetched_set).keys, nullptr);
  EXPECT_NE(parse(signer.pem(), KeyFileKind::public_key).keys, nullptr);
  EXPECT_NE(parse(secret, KeyFileKind::secret).keys, nullptr);
  for (const KeyFileKind kind : {KeyFileKind::key_set, KeyFileKind::fetched_set, KeyFileKind::public_key}) {
    EXPECT_EQ(parse(secret, kind).keys, nullptr);
  }
  EXPECT_EQ(parse(set, KeyFileKind::public_key).keys, nullptr);  // as a secret any bytes will do
}

TEST(ParseKeyFile, NamesWhatIsLeftOutAndWhy) {
  const std::string good = Signer::shared(KeyType::ed25519).jwk(R"("kid":"good")");
  const std::string bad = with_private_part(Signer::shared(KeyType::p256).jwk(R"("kid":"b")"));
  EXPECT_EQ(parse(jwks({good}), KeyFileKind::key_set).warnings, std::vector<std::string>());
  const KeyFile file = parse(jwks({good, bad}), KeyFileKind::fetched_set);
  ASSERT_EQ(file.warnings.size(), 1U);
  EXPECT_EQ(file.warnings[0], "key 2 (kid \"b\") is left out: it is a private key: publish the public one");
  EXPECT_EQ(parse(jwks({bad}), KeyFileKind::fetched_set).error,
            "no key that can be used; key 1 (kid \"b\") is left out: it is a private key: publish the public one");
  EXPECT_EQ(parse(jwks({}), KeyFileKind::fetched_set).error, "no key that can be used");
}

TEST(ParseKeyFile, WarnsOfPrivatePartsInAFile) {
  const std::string with_kid = with_private_part(Signer::shared(KeyType::p256).jwk(R"("kid":"b\"")"));
  const std::string without = with_private_part(Signer::shared(KeyType::ed25519).jwk());
  const KeyFile file = parse(jwks({with_kid, without}), KeyFileKind::key_set);
  ASSERT_NE(file.keys, nullptr);
  EXPECT_EQ(file.keys->size(), 2U);
  const std::string warning = " includes its private part, which can sign tokens; leave only the public part here";
  EXPECT_EQ(file.warnings, (std::vector<std::string>{R"(a key (kid "b\x22"))" + warning, "a key" + warning}));
}

TEST(ParseKeyFile, HasNoSecretsInSets) {
  const std::string text = jwks({Signer::shared(KeyType::secret).jwk()});
  const KeyFile file = parse(text, KeyFileKind::key_set);
  EXPECT_EQ(file.keys, nullptr);
  EXPECT_TRUE(file.holds_secret);
  EXPECT_EQ(parse(text, KeyFileKind::fetched_set).keys, nullptr);
}

// Whoever has a JWK of the secret need not take it apart.
TEST(ParseKeyFile, TakesASecretAsAJwk) {
  const Signer &signer = Signer::shared(KeyType::secret);
  const std::string jwk = signer.jwk(R"("kid":"s","alg":"HS256")");
  for (const std::string &text : {jwk, "\n" + jwk + "\n", jwks({jwk})}) {
    const KeyFile file = parse(text, KeyFileKind::secret);
    ASSERT_NE(file.keys, nullptr) << file.error;
    EXPECT_EQ(test::verify(test::issuer_named("a"), *file.keys,
                           signer.token(Algorithm::hs256, test::claims_with(""), R"(,"kid":"s")"))
                  .outcome,
              Outcome::accepted);
    EXPECT_FALSE(file.keys->keys()[0].algorithms.has(Algorithm::hs512));
  }
  EXPECT_EQ(parse(Signer::shared(KeyType::ed25519).jwk(), KeyFileKind::secret).error,
            "it holds a public key; name it by \"jwks_file\"");
  EXPECT_EQ(parse(jwks({Signer::shared(KeyType::ed25519).jwk(), jwk}), KeyFileKind::secret).keys, nullptr);
  EXPECT_EQ(parse(Signer::secret("short").jwk(), KeyFileKind::secret).keys, nullptr);
  EXPECT_EQ(parse(jwk, KeyFileKind::secret_base64url).keys, nullptr);
}

// It would be a secret that everybody can read, or half of one.
TEST(ParseKeyFile, TakesNoDocumentForASecret) {
  const std::string jwk = Signer::shared(KeyType::secret).jwk(R"("kid":"s")");
  const std::string filling(40, 'x');
  for (const std::string &text :
       {std::string("-----BEGIN PUBLIC KEY-----\n") + filling, "\n-----BEGIN CERTIFICATE-----\n" + filling,
        "ssh-ed25519 " + filling, "{" + filling, jwk.substr(0, jwk.size() - 3), "[" + jwk + "]", "\xef\xbb\xbf" + jwk,
        "\xef\xbb\xbf" + filling, "<html>" + filling,
        std::string(R"({"issuer":"https://a","jwks_uri":"https://a/keys"})")}) {
    const KeyFile file = parse(text, KeyFileKind::secret);
    EXPECT_EQ(file.keys, nullptr) << text;
    EXPECT_NE(file.error.find("it looks like "), std::string::npos) << file.error;
    EXPECT_EQ(file.error.find("xxx"), std::string::npos) << "nothing of it is shown";
  }
  // Bytes begin like anything.
  EXPECT_NE(parse("{" + std::string(40, '\x01'), KeyFileKind::secret).keys, nullptr);
  EXPECT_NE(parse(filling, KeyFileKind::secret).keys, nullptr);
}

TEST(ParseKeyFile, HasAKeyForWhatTheIssuerAllows) {
  const std::string set = jwks({Signer::shared(KeyType::ed25519).jwk()});
  EXPECT_NE(parse(set, KeyFileKind::key_set, {Algorithm::eddsa}).keys, nullptr);
  EXPECT_EQ(parse(set, KeyFileKind::key_set, {Algorithm::es256}).error,
            "none of its keys can be used with the issuer's \"algorithms\"");
  EXPECT_NE(parse(set, KeyFileKind::fetched_set, {Algorithm::es256}).keys, nullptr) << "the next one may have some";
}

}  // namespace
}  // namespace keyward::jwt
