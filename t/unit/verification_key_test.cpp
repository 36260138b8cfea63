// Keys by themselves: what is refused, and that a key verifies its own algorithms only.
#include "crypto/verification_key.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "base/hex.hpp"
#include "crypto/ec_signature.hpp"
#include "jwt_signer.hpp"

namespace keyward::crypto {
namespace {

using test::Signer;

KeyPointer key_of(const Signer &signer) {
  init_crypto();
  KeyProblem problem = KeyProblem::none;
  KeyPointer key = signer.type() == KeyType::secret ? make_secret_key(std::string(64, 's'), &problem)
                                                    : make_pem_key(signer.pem(), &problem);
  EXPECT_NE(key, nullptr) << to_text(problem);
  return key;
}

std::string from_hex(const std::string &text) {
  std::string bytes(text.size() / 2, '\0');
  EXPECT_TRUE(keyward::from_hex(text, reinterpret_cast<std::uint8_t *>(bytes.data()), bytes.size()));
  return bytes;
}

TEST(VerificationKey, VerifiesItsOwnAlgorithmsOnly) {
  for (const auto &made : test::kEveryAlgorithm) {
    const std::string signature = Signer::shared(made.type).sign(made.algorithm, "text");
    for (const auto &asked : test::kEveryAlgorithm) {
      for (const KeyType type :
           {KeyType::ed25519, KeyType::p256, KeyType::p384, KeyType::p521, KeyType::rsa, KeyType::secret}) {
        const bool right = asked.algorithm == made.algorithm && type == made.type;
        EXPECT_EQ(key_of(Signer::shared(type))->verify(asked.algorithm, "text", signature),
                  right ? Match::yes : Match::no)
            << to_text(made.algorithm) << ' ' << to_text(asked.algorithm);
      }
    }
    EXPECT_EQ(key_of(Signer::shared(made.type))->verify(made.algorithm, "texu", signature), Match::no);
    EXPECT_EQ(key_of(Signer::shared(made.type))->verify(made.algorithm, "text", ""), Match::no);
  }
}

TEST(VerificationKey, IsNamedByItsMaterial) {
  std::set<Digest> ids;
  for (const KeyType type :
       {KeyType::ed25519, KeyType::p256, KeyType::p384, KeyType::p521, KeyType::rsa, KeyType::secret}) {
    ids.insert(key_of(Signer::shared(type))->id());
    ids.insert(key_of(Signer::shared(type))->id());
  }
  EXPECT_EQ(ids.size(), 6U);
}

TEST(VerificationKey, ServesThreadsAtOnce) {
  const Signer &signer = Signer::shared(KeyType::rsa);
  const KeyPointer key = key_of(signer);
  const std::string rs = signer.sign(Algorithm::rs256, "text");
  const std::string ps = signer.sign(Algorithm::ps512, "text");
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 200; ++round) {
        const bool good = key->verify(Algorithm::rs256, "text", rs) == Match::yes &&
                          key->verify(Algorithm::ps512, "text", ps) == Match::yes &&
                          key->verify(Algorithm::rs256, "text" + std::to_string(i), rs) == Match::no;
        wrong += good ? 0 : 1;
      }
    });
  }
  for (std::thread &thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
}

TEST(Ecdsa, KeepsRAndSWithinTheOrder) {
  struct {
    KeyType type;
    Algorithm algorithm;
    const char *order;
  } const cases[] = {
      {KeyType::p256, Algorithm::es256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"},
      {KeyType::p384, Algorithm::es384,
       "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"},
      {KeyType::p521, Algorithm::es512,
       "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899"
       "c47aebb6fb7"
       "1e91386409"}};
  for (const auto &test : cases) {
    const std::string n = from_hex(test.order);
    ASSERT_EQ(n.size(), ec_bytes(test.type));
    const std::string good = Signer::shared(test.type).sign(test.algorithm, "text");
    const KeyPointer key = key_of(Signer::shared(test.type));
    const std::string r = good.substr(0, n.size());
    const std::string s = good.substr(n.size());
    ASSERT_EQ(key->verify(test.algorithm, "text", good), Match::yes);
    std::string less = n;
    less.back() = static_cast<char>(less.back() - 1);
    DerSignature der = {};
    EXPECT_TRUE(to_der(test.type, less + less, &der));
    const std::string zero(n.size(), '\0');
    const std::string most(n.size(), '\xff');
    for (const std::string &bad : {zero, n, most}) {
      EXPECT_FALSE(to_der(test.type, bad + s, &der));
      EXPECT_FALSE(to_der(test.type, r + bad, &der));
      EXPECT_EQ(key->verify(test.algorithm, "text", bad + s), Match::no);
      EXPECT_EQ(key->verify(test.algorithm, "text", r + bad), Match::no);
    }
    EXPECT_EQ(key->verify(test.algorithm, "text", s + r), Match::no);
    // DER, of whatever length it comes out.
    for (int i = 0; i < 20; ++i) {
      test::SignOptions options;
      options.der = true;
      const std::string written = Signer::shared(test.type).sign(test.algorithm, "text", options);
      EXPECT_EQ(key->verify(test.algorithm, "text", written), Match::no);
    }
  }
}

TEST(RsaPss, WantsItsSaltAndItsMgf) {
  const Signer &signer = Signer::shared(KeyType::rsa);
  const KeyPointer key = key_of(signer);
  for (const int length : {0, 20, 31, 33, 48, 64, RSA_PSS_SALTLEN_MAX}) {
    test::SignOptions options;
    options.salt_length = length;
    EXPECT_EQ(key->verify(Algorithm::ps256, "text", signer.sign(Algorithm::ps256, "text", options)), Match::no)
        << length;
  }
  test::SignOptions options;
  options.mgf_digest = EVP_sha1();
  EXPECT_EQ(key->verify(Algorithm::ps256, "text", signer.sign(Algorithm::ps256, "text", options)), Match::no);
  EXPECT_EQ(key->verify(Algorithm::ps256, "text", signer.sign(Algorithm::ps256, "text")), Match::yes);
}

KeyProblem rsa_problem(const std::string &modulus, const std::string &exponent) {
  KeyProblem problem = KeyProblem::none;
  const bool refused = make_rsa_key(modulus, exponent, &problem) == nullptr;
  EXPECT_EQ(refused, problem != KeyProblem::none);
  return problem;
}

const std::string kF4("\x01\x00\x01", 3);

// The numbers needn't make a working key: what is looked at are their sizes.
std::string odd_number(std::size_t bits) {
  std::string number((bits + 7) / 8, '\x5b');
  number.front() = static_cast<char>(1 << ((bits - 1) % 8));
  return number;
}

TEST(RsaKey, HasASaneSize) {
  EXPECT_EQ(rsa_problem("", kF4), KeyProblem::short_modulus);
  EXPECT_EQ(rsa_problem(odd_number(512), kF4), KeyProblem::short_modulus);
  EXPECT_EQ(rsa_problem(odd_number(1024), kF4), KeyProblem::short_modulus);
  EXPECT_EQ(rsa_problem(odd_number(2047), kF4), KeyProblem::short_modulus);
  EXPECT_EQ(rsa_problem(std::string(200, '\0') + odd_number(1024), kF4), KeyProblem::short_modulus);
  EXPECT_EQ(rsa_problem(odd_number(2048), kF4), KeyProblem::none);
  EXPECT_EQ(rsa_problem(odd_number(3072), kF4), KeyProblem::none);
  EXPECT_EQ(rsa_problem(odd_number(8192), kF4), KeyProblem::none);
  EXPECT_EQ(rsa_problem(odd_number(8193), kF4), KeyProblem::long_modulus);
  EXPECT_EQ(rsa_problem(odd_number(65536), kF4), KeyProblem::long_modulus);
  std::string even = odd_number(2048);
  even.back() = '\x5a';
  EXPECT_EQ(rsa_problem(even, kF4), KeyProblem::bad_modulus);
}

TEST(RsaKey, HasASaneExponent) {
  const std::string n = odd_number(2048);
  for (const std::string &bad :
       {std::string(), std::string(1, '\0'), std::string("\x01"), std::string("\x02"), std::string("\x04"),
        std::string("\x01\x00\x00", 3), std::string(9, '\x11'), std::string(256, '\x11')}) {
    EXPECT_EQ(rsa_problem(n, bad), KeyProblem::bad_exponent) << bad.size();
  }
  EXPECT_EQ(rsa_problem(n, "\x03"), KeyProblem::none);
  EXPECT_EQ(rsa_problem(n, std::string(8, '\x11')), KeyProblem::none);
  // One number has one name, however many zeros are before it.
  KeyProblem problem = KeyProblem::none;
  EXPECT_EQ(make_rsa_key(n, kF4, &problem)->id(), make_rsa_key('\0' + n, '\0' + kF4, &problem)->id());
}

TEST(EcKey, IsAPointOfItsCurve) {
  const Signer &signer = Signer::shared(KeyType::p256);
  const std::string x = signer.number(OSSL_PKEY_PARAM_EC_PUB_X, 32);
  const std::string y = signer.number(OSSL_PKEY_PARAM_EC_PUB_Y, 32);
  const auto problem_of = [](KeyType curve, const std::string &a, const std::string &b) {
    KeyProblem problem = KeyProblem::none;
    const bool refused = make_ec_key(curve, a, b, &problem) == nullptr;
    EXPECT_EQ(refused, problem != KeyProblem::none);
    return problem;
  };
  EXPECT_EQ(problem_of(KeyType::p256, x, y), KeyProblem::none);
  std::string off = y;
  off.back() = static_cast<char>(off.back() ^ 1);
  EXPECT_EQ(problem_of(KeyType::p256, x, off), KeyProblem::point_off_curve);
  EXPECT_EQ(problem_of(KeyType::p256, y, x), KeyProblem::point_off_curve);
  const std::string zero(32, '\0');
  const std::string most(32, '\xff');
  EXPECT_EQ(problem_of(KeyType::p256, zero, zero), KeyProblem::point_off_curve);
  EXPECT_EQ(problem_of(KeyType::p256, most, most), KeyProblem::point_off_curve);
  EXPECT_EQ(problem_of(KeyType::p256, x, most), KeyProblem::point_off_curve);
  EXPECT_EQ(problem_of(KeyType::p256, "", ""), KeyProblem::wrong_length);
  EXPECT_EQ(problem_of(KeyType::p256, x.substr(1), y), KeyProblem::wrong_length);
  EXPECT_EQ(problem_of(KeyType::p256, x, '\0' + y), KeyProblem::wrong_length);
  EXPECT_EQ(problem_of(KeyType::p384, x, y), KeyProblem::wrong_length);
  EXPECT_EQ(problem_of(KeyType::p384, std::string(16, '\0') + x, std::string(16, '\0') + y),
            KeyProblem::point_off_curve);
}

TEST(Ed25519Key, IsAPointThatAKeyCanHave) {
  init_crypto();
  const auto problem_of = [](const std::string &point) {
    KeyProblem problem = KeyProblem::none;
    const bool refused = make_ed25519_key(point, &problem) == nullptr;
    EXPECT_EQ(refused, problem != KeyProblem::none);
    return problem;
  };
  EXPECT_EQ(problem_of(Signer::shared(KeyType::ed25519).ed25519_point()), KeyProblem::none);
  EXPECT_EQ(problem_of(""), KeyProblem::wrong_length);
  EXPECT_EQ(problem_of(std::string(31, 'a')), KeyProblem::wrong_length);
  EXPECT_EQ(problem_of(std::string(33, 'a')), KeyProblem::wrong_length);
  // Of small order: with these anybody's signature fits some text. The neutral element, orders 2, 4 and 8.
  for (const char *point : {"0100000000000000000000000000000000000000000000000000000000000000",
                            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "0000000000000000000000000000000000000000000000000000000000000000",
                            "0000000000000000000000000000000000000000000000000000000000000080",
                            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"}) {
    EXPECT_EQ(problem_of(from_hex(point)), KeyProblem::weak_point) << point;
  }
  // Not canonical (p + 1), and off the curve.
  EXPECT_EQ(problem_of(from_hex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")),
            KeyProblem::weak_point);
  EXPECT_EQ(problem_of(from_hex("0200000000000000000000000000000000000000000000000000000000000000")),
            KeyProblem::weak_point);
}

TEST(SecretKey, IsAsLongAsItsHash) {
  KeyProblem problem = KeyProblem::none;
  for (const std::size_t size : {0U, 1U, 16U, 31U}) {
    EXPECT_EQ(make_secret_key(std::string(size, 'k'), &problem), nullptr);
    EXPECT_EQ(problem, KeyProblem::short_secret);
  }
  for (const std::size_t size : {32U, 47U, 48U, 63U, 64U, 65U, 128U, 129U, 200U}) {
    const std::string secret(size, 'k');
    const KeyPointer key = make_secret_key(secret, &problem);
    ASSERT_NE(key, nullptr);
    const Signer signer = Signer::secret(secret);
    for (const Algorithm algorithm : {Algorithm::hs256, Algorithm::hs384, Algorithm::hs512}) {
      const std::size_t least = algorithm == Algorithm::hs256 ? 32 : algorithm == Algorithm::hs384 ? 48 : 64;
      EXPECT_EQ(key->verify(algorithm, "text", signer.sign(algorithm, "text")), size < least ? Match::no : Match::yes)
          << size;
    }
  }
}

KeyProblem pem_problem(const std::string &pem) {
  init_crypto();
  KeyProblem problem = KeyProblem::none;
  const bool refused = make_pem_key(pem, &problem) == nullptr;
  EXPECT_EQ(refused, problem != KeyProblem::none);
  return problem;
}

TEST(PemKey, IsExactlyOnePublicKey) {
  const std::string good = Signer::shared(KeyType::ed25519).pem();
  EXPECT_EQ(pem_problem(good), KeyProblem::none);
  EXPECT_EQ(pem_problem("# a comment\n" + good + "\n"), KeyProblem::none);
  EXPECT_EQ(pem_problem(""), KeyProblem::not_one_key);
  EXPECT_EQ(pem_problem("no key"), KeyProblem::not_one_key);
  EXPECT_EQ(pem_problem("-----BEGIN CERTIFICATE-----\nAQAB\n-----END CERTIFICATE-----\n"), KeyProblem::certificate);
  EXPECT_EQ(pem_problem(good + good), KeyProblem::not_one_key);
  EXPECT_EQ(pem_problem(good + Signer::shared(KeyType::rsa).pem()), KeyProblem::not_one_key);
  EXPECT_EQ(pem_problem(good + "-----BEGIN PUBLIC KEY-----\n"), KeyProblem::not_one_key);
  EXPECT_EQ(pem_problem(Signer::shared(KeyType::ed25519).pem(true)), KeyProblem::private_key);
  EXPECT_EQ(pem_problem(good.substr(0, good.size() / 2)), KeyProblem::not_one_key);
  EXPECT_EQ(pem_problem(std::string(100000, ' ') + good), KeyProblem::not_one_key);
  std::string damaged = good;
  damaged[good.find('\n') + 3] ^= 1;
  EXPECT_NE(pem_problem(damaged), KeyProblem::none);
}

TEST(PemKey, IsHeldToTheSameRules) {
  EXPECT_EQ(pem_problem(Signer::make(KeyType::rsa, 1024).pem()), KeyProblem::short_modulus);
  const auto other = [](EVP_PKEY *key) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> owned(key, EVP_PKEY_free);
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    test::need(PEM_write_bio_PUBKEY(bio.get(), key) == 1);
    char *data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return pem_problem({data, static_cast<std::size_t>(size)});
  };
  EXPECT_EQ(other(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448")), KeyProblem::unknown_type);
  EXPECT_EQ(other(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519")), KeyProblem::unknown_type);
  EXPECT_EQ(other(EVP_EC_gen("secp256k1")), KeyProblem::unknown_curve);
  EXPECT_EQ(other(EVP_EC_gen("brainpoolP256r1")), KeyProblem::unknown_curve);
}

TEST(KeyProblems, HaveTexts) {
  std::set<std::string_view> texts;
  for (int value = 0; value <= static_cast<int>(KeyProblem::crypto_failure); ++value) {
    EXPECT_FALSE(to_text(static_cast<KeyProblem>(value)).empty()) << value;
    texts.insert(to_text(static_cast<KeyProblem>(value)));
  }
  EXPECT_EQ(texts.size(), 1U + static_cast<std::size_t>(KeyProblem::crypto_failure));
}

}  // namespace
}  // namespace keyward::crypto
