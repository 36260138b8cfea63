// Base62, random text and checksums.
#include "base/base62.hpp"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <set>

namespace keyward {
namespace {

// The textbook's bit by bit, to hold the tables against.
std::uint32_t slow_crc32(std::string_view data) {
  std::uint32_t crc = ~std::uint32_t{0};
  for (const char c : data) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
    }
  }
  return ~crc;
}

std::string checksum(std::string_view data) {
  std::array<char, kChecksumLength> out{};
  checksum_of(data, out.data());
  return {out.data(), out.size()};
}

TEST(Base62, KnowsItsCharacters) {
  EXPECT_TRUE(is_base62(""));
  EXPECT_TRUE(is_base62(kBase62Alphabet));
  EXPECT_EQ(kBase62Alphabet.size(), 62U);
  int count = 0;
  for (int value = 0; value < 256; ++value) {
    const char c = static_cast<char>(value);
    count += is_base62({&c, 1}) ? 1 : 0;
  }
  EXPECT_EQ(count, 62);
  EXPECT_FALSE(is_base62("abc_"));
}

TEST(Base62, WritesNumbers) {
  EXPECT_EQ(to_base62(0, 0), "");
  EXPECT_EQ(to_base62(0, 3), "000");
  EXPECT_EQ(to_base62(61, 1), "z");
  EXPECT_EQ(to_base62(62, 1), "10");
  EXPECT_EQ(to_base62(10, 2), "0A");
  EXPECT_EQ(to_base62(36, 2), "0a");
  EXPECT_EQ(to_base62(std::numeric_limits<std::uint64_t>::max(), 1), "LygHa16AHYF");
}

TEST(Base62, CrcIsTheOneOfZlib) {
  EXPECT_EQ(crc32(""), 0U);
  EXPECT_EQ(crc32("123456789"), 0xcbf43926U);
  EXPECT_EQ(crc32("The quick brown fox jumps over the lazy dog"), 0x414fa339U);
}

TEST(Base62, CrcIsRightAtEveryLength) {
  std::string data;
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(crc32(data), slow_crc32(data)) << i;
    data += static_cast<char>(i * 37 + 200);
  }
}

TEST(Base62, ChecksumIsTheCrcInSixCharacters) {
  for (const char *text : {"", "a", "123456789", "kw_0000000000000000000000000000000000000000000"}) {
    EXPECT_EQ(checksum(text), to_base62(crc32(text), kChecksumLength)) << text;
  }
  EXPECT_EQ(to_base62(std::numeric_limits<std::uint32_t>::max(), kChecksumLength).size(), kChecksumLength);
  EXPECT_EQ(checksum(""), "000000");
}

TEST(Base62, RandomTextHasItsLengthAndAlphabet) {
  for (std::size_t length : {0U, 1U, 63U, 64U, 65U, 1000U}) {
    const std::string text = random_base62(length);
    EXPECT_EQ(text.size(), length);
    EXPECT_TRUE(is_base62(text));
  }
  EXPECT_EQ(random_text("ab", 500).find_first_not_of("ab"), std::string::npos);
}

TEST(Base62, RandomTextDoesNotRepeat) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(seen.insert(random_base62(22)).second);
  }
}

// Bytes taken modulo 62 would give the first eight characters a quarter more than their share.
TEST(Base62, RandomTextIsUniform) {
  constexpr std::size_t kDraws = 620000;
  std::array<double, 256> counts{};
  for (const char c : random_base62(kDraws)) {
    counts[static_cast<unsigned char>(c)] += 1;
  }
  double chi_squared = 0;
  for (const char c : kBase62Alphabet) {
    const double difference = counts[static_cast<unsigned char>(c)] - kDraws / 62.0;
    chi_squared += difference * difference / (kDraws / 62.0);
  }
  EXPECT_LT(chi_squared,
            150);  // 61 degrees of freedom: beyond 150 once in a hundred million runs; the bias above: thousands
}

}  // namespace
}  // namespace keyward
