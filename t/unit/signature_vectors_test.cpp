// Wycheproof's signatures, through the keys that requests are verified with: made from PEM, and from a JWK where there
// is one. Whatever of its files are there is run by what it says of itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/digest.hpp"
#include "base/hex.hpp"
#include "crypto/verification_key.hpp"
#include "json/json.hpp"
#include "jwt/jwk.hpp"
#include "jwt/jws.hpp"
#include "jwt/key_set.hpp"
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

std::string text_of(const json::Value &object, std::string_view name) {
  const json::Value *value = object.find(name);
  return value != nullptr ? value->text : std::string();
}

// What a group of tests is about.
struct Kind {
  std::string_view type;  // of the group
  std::string_view hash;  // its "sha"; of HMAC the end of the file's "algorithm"
  std::string_view curve;
  Algorithm algorithm;
};
constexpr Kind kKinds[] = {
    {"EddsaVerify", "", "edwards25519", Algorithm::eddsa},
    {"EcdsaP1363Verify", "SHA-256", "secp256r1", Algorithm::es256},
    {"EcdsaP1363Verify", "SHA-384", "secp384r1", Algorithm::es384},
    {"EcdsaP1363Verify", "SHA-512", "secp521r1", Algorithm::es512},
    {"RsassaPkcs1Verify", "SHA-256", "", Algorithm::rs256},
    {"RsassaPkcs1Verify", "SHA-384", "", Algorithm::rs384},
    {"RsassaPkcs1Verify", "SHA-512", "", Algorithm::rs512},
    {"RsassaPssVerify", "SHA-256", "", Algorithm::ps256},
    {"RsassaPssVerify", "SHA-384", "", Algorithm::ps384},
    {"RsassaPssVerify", "SHA-512", "", Algorithm::ps512},
    {"MacTest", "HMACSHA256", "", Algorithm::hs256},
    {"MacTest", "HMACSHA384", "", Algorithm::hs384},
    {"MacTest", "HMACSHA512", "", Algorithm::hs512},
};

const Kind *kind_of(const json::Value &document, const json::Value &group) {
  const std::string type = text_of(group, "type");
  const std::string hash = text_of(type == "MacTest" ? document : group, type == "MacTest" ? "algorithm" : "sha");
  const json::Value *key = group.find("publicKey");
  const std::string curve = key != nullptr ? text_of(*key, "curve") : std::string();
  const auto *kind = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind &one) {
    return one.type == type && one.hash == hash && one.curve == curve;
  });
  return kind != std::end(kKinds) ? kind : nullptr;
}

// RFC 7518, section 3.5: PSS has a salt as long as the hash, and one hash for both.
bool has_parameters_of_jws(const json::Value &group, const Kind &kind) {
  const std::map<std::string_view, std::string_view> lengths = {
      {"SHA-256", "32"}, {"SHA-384", "48"}, {"SHA-512", "64"}};
  return kind.type != "RsassaPssVerify" || (text_of(group, "mgf") == "MGF1" && text_of(group, "mgfSha") == kind.hash &&
                                            text_of(group, "sLen") == lengths.at(kind.hash));
}

// How many tests of each algorithm were good ones, and how many bad.
struct Count {
  int good = 0, bad = 0;
};
using Counts = std::map<Algorithm, Count>;

class SignatureVectors : public testing::Test {
 protected:
  static std::filesystem::path folder() { return test::vectors_folder() / "wycheproof"; }

  static void SetUpTestSuite() { init_crypto(); }

  static json::Value read(const std::filesystem::path &path) {
    json::Value document;
    std::string error;
    json::Limits limits;
    limits.bytes = 16 << 20;
    EXPECT_TRUE(json::parse(test::read_file(path), limits, &document, &error)) << path << ": " << error;
    return document;
  }

  // Calls look(file's name, document, group) for each group of this type in any file.
  template <typename Look>
  static void each_group(std::string_view type, Look &&look) {
    for (const auto &entry : std::filesystem::directory_iterator(folder())) {
      if (entry.path().extension() != ".json") {
        continue;
      }
      const json::Value document = read(entry.path());
      const json::Value *groups = document.find("testGroups");
      for (const json::Value &group : groups != nullptr ? groups->items : std::vector<json::Value>()) {
        if (text_of(group, "type") == type) {
          look(entry.path().filename().string(), document, group);
        }
      }
    }
  }

  // A group's key in each form that it is given in; none where it is one that we refuse.
  static std::vector<KeyPointer> keys_of(const json::Value &group, Algorithm algorithm) {
    std::vector<KeyPointer> keys;
    KeyProblem problem = KeyProblem::none;
    KeyPointer key = make_pem_key(member(group, "publicKeyPem").text, &problem);
    if (key != nullptr) {
      keys.push_back(std::move(key));
    } else {
      EXPECT_TRUE(problem == KeyProblem::short_modulus || problem == KeyProblem::bad_exponent ||
                  problem == KeyProblem::unknown_type)
          << to_text(problem);
    }
    for (const char *name : {"publicKeyJwk", "keyJwk"}) {
      const json::Value *jwk = group.find(name);
      jwt::Key parsed;
      if (jwk != nullptr && !keys.empty()) {
        EXPECT_EQ(jwt::parse_jwk(*jwk, &parsed), KeyProblem::none);
        EXPECT_TRUE(parsed.algorithms.has(algorithm));
        EXPECT_EQ(parsed.material->id(), keys.front()->id());
        keys.push_back(parsed.material);
      }
    }
    return keys;
  }

  // Whether a test of the vectors must verify. "acceptable" is PKCS #1 without NULL: not the encoding that RFC 8017 has
  // the verifier compare with.
  static bool is_valid(const json::Value &test) { return member(test, "result").text == "valid"; }

  // Runs what there is of this type.
  static Counts run(std::string_view type) {
    Counts counts;
    each_group(type, [&](const std::string &name, const json::Value &document, const json::Value &group) {
      const Kind *kind = kind_of(document, group);
      if (kind == nullptr || !has_parameters_of_jws(group, *kind)) {
        return;
      }
      for (const KeyPointer &key : keys_of(group, kind->algorithm)) {
        for (const json::Value &test : member(group, "tests").items) {
          const Match match = key->verify(kind->algorithm, bytes_of(test, "msg"), bytes_of(test, "sig"));
          EXPECT_EQ(match, is_valid(test) ? Match::yes : Match::no)
              << name << ' ' << member(test, "tcId").text << ": " << member(test, "comment").text;
          ++(is_valid(test) ? counts[kind->algorithm].good : counts[kind->algorithm].bad);
        }
      }
    });
    return counts;
  }

  static void expect_at_least(const Counts &counts, Algorithm algorithm, int good, int bad) {
    const auto found = counts.find(algorithm);
    ASSERT_NE(found, counts.end()) << to_text(algorithm);
    EXPECT_GE(found->second.good, good) << to_text(algorithm);
    EXPECT_GE(found->second.bad, bad) << to_text(algorithm);
  }
};

TEST_F(SignatureVectors, Ed25519) {
  KEYWARD_NEED_VECTORS(folder());
  expect_at_least(run("EddsaVerify"), Algorithm::eddsa, 2 * 88, 2 * 63);
}

TEST_F(SignatureVectors, Ecdsa) {
  KEYWARD_NEED_VECTORS(folder());
  const Counts counts = run("EcdsaP1363Verify");
  expect_at_least(counts, Algorithm::es256, 173, 89);
  expect_at_least(counts, Algorithm::es384, 193, 87);
  expect_at_least(counts, Algorithm::es512, 231, 87);
}

TEST_F(SignatureVectors, RsaPkcs1) {
  KEYWARD_NEED_VECTORS(folder());
  const Counts counts = run("RsassaPkcs1Verify");
  expect_at_least(counts, Algorithm::rs256, 9, 250);
  expect_at_least(counts, Algorithm::rs384, 7, 251);
  expect_at_least(counts, Algorithm::rs512, 8, 251);
}

TEST_F(SignatureVectors, RsaPss) {
  KEYWARD_NEED_VECTORS(folder());
  const Counts counts = run("RsassaPssVerify");
  expect_at_least(counts, Algorithm::ps256, 63, 45);
  expect_at_least(counts, Algorithm::ps384, 95, 46);
  expect_at_least(counts, Algorithm::ps512, 132, 47);
}

// Good signatures with another salt or another hash for the mask are refused; what these vectors call bad because its
// salt is as long as the hash may be just what JWS wants.
TEST_F(SignatureVectors, RsaPssWithOtherParametersIsRefused) {
  KEYWARD_NEED_VECTORS(folder());
  int refused = 0;
  int taken = 0;
  each_group("RsassaPssVerify", [&](const std::string &name, const json::Value &document, const json::Value &group) {
    const Kind *kind = kind_of(document, group);
    if (kind == nullptr || has_parameters_of_jws(group, *kind)) {
      return;
    }
    const std::string wanted = "s_len changed to " + std::string(kind->algorithm == Algorithm::ps256   ? "32"
                                                                 : kind->algorithm == Algorithm::ps384 ? "48"
                                                                                                       : "64");
    for (const KeyPointer &key : keys_of(group, kind->algorithm)) {
      for (const json::Value &test : member(group, "tests").items) {
        const bool is_ours = member(test, "comment").text == wanted && text_of(group, "mgfSha") == kind->hash;
        EXPECT_EQ(key->verify(kind->algorithm, bytes_of(test, "msg"), bytes_of(test, "sig")),
                  is_ours ? Match::yes : Match::no)
            << name << ' ' << member(test, "tcId").text;
        ++(is_ours ? taken : refused);
      }
    }
  });
  EXPECT_GE(refused, 102);
  EXPECT_GE(taken, 1);
}

// JWS tags are never cut (RFC 7518, section 3.2), and keys are as long as the hash at least.
TEST_F(SignatureVectors, Hmac) {
  KEYWARD_NEED_VECTORS(folder());
  Counts counts;
  int short_keys = 0;
  each_group("MacTest", [&](const std::string &name, const json::Value &document, const json::Value &group) {
    const Kind *kind = kind_of(document, group);
    if (kind == nullptr) {
      return;
    }
    const std::size_t hash_bytes = kind->algorithm == Algorithm::hs256   ? 32
                                   : kind->algorithm == Algorithm::hs384 ? 48
                                                                         : 64;
    for (const json::Value &test : member(group, "tests").items) {
      const std::string secret = bytes_of(test, "key");
      const std::string tag = bytes_of(test, "tag");
      KeyProblem problem = KeyProblem::none;
      const KeyPointer key = make_secret_key(secret, &problem);
      const bool usable = key != nullptr && key->algorithms().has(kind->algorithm);
      EXPECT_EQ(usable, secret.size() >= hash_bytes);
      EXPECT_EQ(key == nullptr, problem == KeyProblem::short_secret);
      const bool matches = key != nullptr && key->verify(kind->algorithm, bytes_of(test, "msg"), tag) == Match::yes;
      EXPECT_EQ(matches, is_valid(test) && tag.size() == hash_bytes && usable)
          << name << ' ' << member(test, "tcId").text;
      ++(matches ? counts[kind->algorithm].good : counts[kind->algorithm].bad);
      short_keys += usable ? 0 : 1;
    }
  });
  for (const Algorithm algorithm : {Algorithm::hs256, Algorithm::hs384, Algorithm::hs512}) {
    expect_at_least(counts, algorithm, 10, 108);
  }
  EXPECT_GT(short_keys, 10);
}

// Whole tokens, where there are such files: a good one is refused only where its key is, or where it isn't for keys of
// its kind.
TEST_F(SignatureVectors, JsonWebSignatures) {
  KEYWARD_NEED_VECTORS(folder());
  int run = 0;
  each_group("JsonWebSignature", [&](const std::string &name, const json::Value &, const json::Value &group) {
    const json::Value *jwk = group.find("public") != nullptr ? group.find("public") : group.find("private");
    jwt::Key key;
    jwt::KeySet set;
    const bool usable = jwk != nullptr && jwt::parse_jwk(*jwk, &key) == KeyProblem::none;
    if (usable) {
      set.add(key);
    }
    for (const json::Value &test : member(group, "tests").items) {
      jwt::Jws jws;
      Digest id;
      const bool taken = jwt::parse_jws(member(test, "jws").text, &jws) == jwt::Cause::none &&
                         set.verify(jws, AlgorithmSet::all(), &id) == jwt::Cause::none;
      EXPECT_EQ(taken, usable && is_valid(test)) << name << ' ' << member(test, "tcId").text << ": "
                                                 << text_of(group, "comment") << ", " << member(test, "comment").text;
      ++run;
    }
  });
  if (run == 0) {
    GTEST_SKIP() << "no file of whole tokens in " << folder();
  }
}

}  // namespace
}  // namespace keyward::crypto
