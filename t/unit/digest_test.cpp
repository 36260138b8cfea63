// Digests against published vectors, and what the two-part digest must keep apart.
#include "base/digest.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/hex.hpp"

namespace keyward {
namespace {

class DigestTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(init_crypto()); }

  // 00 01 02 ... 0f, the key of SipHash's own vectors.
  static DigestKey counting_key() {
    DigestKey key;
    for (std::size_t i = 0; i < key.size(); ++i) {
      key[i] = static_cast<std::uint8_t>(i);
    }
    return key;
  }
};

TEST_F(DigestTest, InitMayRunAgain) { EXPECT_TRUE(init_crypto()); }

// FIPS 180-4's examples, and lengths around a block's end.
TEST_F(DigestTest, Sha256Vectors) {
  EXPECT_EQ(to_hex(view_of(sha256(""))), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(view_of(sha256("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(view_of(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(to_hex(view_of(sha256(std::string(1000000, 'a')))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_F(DigestTest, LocatorIsTheFirstHalf) {
  EXPECT_EQ(to_hex(view_of(locator_of(sha256("abc")))), "ba7816bf8f01cfea414140de5dae2223");
}

// From the reference implementation's vectors_sip128 (veorq/SipHash).
TEST_F(DigestTest, SipHash128Vectors) {
  EXPECT_EQ(to_hex(view_of(keyed_digest(counting_key(), ""))), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(to_hex(view_of(keyed_digest(counting_key(), std::string_view("\0", 1)))),
            "da87c1d86b99af44347659119b22fc45");
  EXPECT_EQ(to_hex(view_of(keyed_digest(counting_key(), std::string_view("\0\1", 2)))),
            "8177228da4a45dc7fca38bdef60affe4");
}

TEST_F(DigestTest, KeyMatters) {
  DigestKey other = counting_key();
  other[15] ^= 1;
  EXPECT_NE(keyed_digest(counting_key(), "text"), keyed_digest(other, "text"));
  EXPECT_NE(keyed_digest(counting_key(), "text", "more"), keyed_digest(other, "text", "more"));
}

TEST_F(DigestTest, TwoPartsAreAsDocumented) {
  DigestKey inner = counting_key();
  for (std::uint8_t &byte : inner) {
    byte ^= 0x5c;
  }
  EXPECT_EQ(keyed_digest(counting_key(), "first", "second"), keyed_digest(keyed_digest(inner, "first"), "second"));
}

TEST_F(DigestTest, NoBoundaryCanBeMoved) {
  const DigestKey key = counting_key();
  std::set<Digest> seen;
  const std::string text = "abcd";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_TRUE(seen.insert(keyed_digest(key, text.substr(0, cut), text.substr(cut))).second) << cut;
  }
  EXPECT_TRUE(seen.insert(keyed_digest(key, text)).second);
  EXPECT_TRUE(seen.insert(keyed_digest(key, "", "")).second);
  EXPECT_TRUE(seen.insert(keyed_digest(key, "")).second);
}

TEST_F(DigestTest, RandomBytesDiffer) {
  std::set<Bytes<16>> seen;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(seen.insert(random_bytes<16>()).second);
  }
}

TEST_F(DigestTest, ComparesEveryBit) {
  const Sha256 a = sha256("a");
  EXPECT_TRUE(equal_constant_time(a.data(), a.data(), a.size()));
  for (std::size_t bit = 0; bit < a.size() * 8; ++bit) {
    Sha256 b = a;
    b[bit / 8] = static_cast<std::uint8_t>(b[bit / 8] ^ (1U << (bit % 8)));
    EXPECT_FALSE(equal_constant_time(a.data(), b.data(), a.size())) << bit;
  }
}

TEST_F(DigestTest, Wipes) {
  Sha256 secret = sha256("secret");
  wipe(secret.data(), secret.size());
  EXPECT_EQ(secret, Sha256{});
}

TEST_F(DigestTest, OfATextInPiecesIsThatOfTheText) {
  const std::string text(1000, 'x');
  for (const std::size_t size : {1U, 7U, 64U, 999U, 1000U}) {
    Sha256Stream stream;
    stream.begin();
    for (std::size_t at = 0; at < text.size(); at += size) {
      stream.add(std::string_view(text).substr(at, size));
    }
    EXPECT_EQ(stream.finish(), sha256(text)) << size;
  }
  Sha256Stream stream;
  stream.begin();
  EXPECT_EQ(stream.finish(), sha256(""));
}

}  // namespace
}  // namespace keyward
