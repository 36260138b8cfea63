// Memory refused to OpenSSL at its k-th allocation, for all k: a good signature is never called wrong, as that would be
// a 401 for our fault, and a wrong one never good.
#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <cstdlib>

#include "crypto/verification_key.hpp"
#include "jwt_signer.hpp"

namespace keyward::crypto {
namespace {

using test::Signer;

// Allocations until one fails; negative: none does. Only of the thread that set it.
thread_local long countdown = -1;

bool refuse() { return countdown >= 0 && countdown-- == 0; }
void *allocate(std::size_t size, const char * /*file*/, int /*line*/) { return refuse() ? nullptr : std::malloc(size); }
void *reallocate(void *old, std::size_t size, const char * /*file*/, int /*line*/) {
  return refuse() ? nullptr : std::realloc(old, size);
}
void release(void *memory, const char * /*file*/, int /*line*/) { std::free(memory); }

// Before OpenSSL's first allocation, or never.
const bool kHooked = CRYPTO_set_mem_functions(allocate, reallocate, release) == 1;

TEST(CryptoMemory, RunningOutIsNeverAVerdict) {
  ASSERT_TRUE(kHooked);
  for (const auto &[algorithm, type] : test::kEveryAlgorithm) {
    if (type == KeyType::secret || type == KeyType::ed25519) {
      continue;  // these allocate nothing
    }
    const Signer &signer = Signer::shared(type);
    KeyProblem problem = KeyProblem::none;
    const KeyPointer key = make_pem_key(signer.pem(), &problem);
    ASSERT_NE(key, nullptr);
    const std::string good = signer.sign(algorithm, "text");
    ASSERT_EQ(key->verify(algorithm, "text", good), Match::yes);
    int failed = 0;
    for (long k = 0; k < 400; ++k) {
      countdown = k;
      const Match match = key->verify(algorithm, "text", good);
      const bool reached = countdown < 0;
      countdown = k;
      const Match wrong = key->verify(algorithm, "texu", good);
      countdown = -1;
      EXPECT_NE(match, Match::no) << to_text(algorithm) << ' ' << k;
      EXPECT_NE(wrong, Match::yes) << to_text(algorithm) << ' ' << k;
      failed += match == Match::failed ? 1 : 0;
      if (!reached) {
        break;
      }
    }
    EXPECT_GT(failed, 0);
    EXPECT_EQ(key->verify(algorithm, "text", good), Match::yes);
  }
}

// Loading may call a key malformed for want of memory (OpenSSL's decoders don't tell): then the set before it stays. It
// never makes a key that verifies what it shouldn't.
TEST(CryptoMemory, RunningOutMakesNoKeyOrAGoodOne) {
  for (const KeyType type : {KeyType::p256, KeyType::rsa, KeyType::ed25519}) {
    const Signer &signer = Signer::shared(type);
    const std::string pem = signer.pem();
    const Algorithm algorithm = type == KeyType::p256  ? Algorithm::es256
                                : type == KeyType::rsa ? Algorithm::ps256
                                                       : Algorithm::eddsa;
    const std::string good = signer.sign(algorithm, "text");
    int refused = 0;
    for (long k = 0; k < 2000; k += 7) {
      KeyProblem problem = KeyProblem::none;
      countdown = k;
      const KeyPointer key = make_pem_key(pem, &problem);
      const bool reached = countdown < 0;
      countdown = -1;
      ASSERT_EQ(key == nullptr, problem != KeyProblem::none) << k;
      refused += key == nullptr ? 1 : 0;
      if (key != nullptr) {
        EXPECT_EQ(key->verify(algorithm, "text", good), Match::yes) << k;
        EXPECT_EQ(key->verify(algorithm, "texu", good), Match::no) << k;
      }
      if (!reached) {
        break;
      }
    }
    EXPECT_GT(refused, 0);
  }
}

}  // namespace
}  // namespace keyward::crypto
