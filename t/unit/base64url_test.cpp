// base64url, strict: every text of up to three characters, and every character in every place of longer ones.
#include "base/base64url.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace keyward {
namespace {

const std::string kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool takes(std::string_view text) {
  std::string out = "left";
  const bool taken = from_base64url(text, &out);
  EXPECT_TRUE(taken || out.empty());
  return taken;
}

// RFC 4648, section 10, without the padding; RFC 7515, appendix C.
TEST(Base64Url, KnowsTheRfcsExamples) {
  const std::pair<std::string, std::string> examples[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\x03\xec\xff\xe0\xc1", "A-z_4ME"}};
  for (const auto &[bytes, text] : examples) {
    EXPECT_EQ(to_base64url(bytes), text);
    std::string read;
    ASSERT_TRUE(from_base64url(text, &read)) << text;
    EXPECT_EQ(read, bytes);
  }
}

// One text for one string of bytes: what decodes is what would have been written, for all texts of up to three bytes.
TEST(Base64Url, TakesExactlyWhatItWrites) {
  std::set<std::string> written = {""};
  std::string bytes;
  for (int a = 0; a < 256; ++a) {
    bytes = {static_cast<char>(a)};
    written.insert(to_base64url(bytes));
    for (int b = 0; b < 256; ++b) {
      bytes = {static_cast<char>(a), static_cast<char>(b)};
      written.insert(to_base64url(bytes));
    }
  }
  ASSERT_EQ(written.size(), 1U + 256 + 65536);
  std::size_t taken = 0;
  std::string text;
  std::uint8_t out[3] = {};
  for (std::size_t size = 0; size <= 3; ++size) {
    text.assign(size, '\0');
    for (std::uint32_t n = 0; n < 1U << (8 * size); ++n) {
      for (std::size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>(n >> (8 * i));
      }
      if (from_base64url(text, out)) {
        ++taken;
        ASSERT_EQ(written.count(text), 1U) << text;
      }
    }
  }
  EXPECT_EQ(taken, written.size());
}

TEST(Base64Url, RefusesEveryOtherCharacterInEveryPlace) {
  const std::string good = "AAAAAAAAAAA";
  for (std::size_t size : {2U, 3U, 4U, 6U, 7U, 8U, 11U}) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int value = 0; value < 256; ++value) {
        std::string text = good.substr(0, size);
        text[at] = static_cast<char>(value);
        const std::size_t digit = kAlphabet.find(text[at]);
        const std::size_t unused = at + 1 < size ? 1 : size % 4 == 2 ? 16 : size % 4 == 3 ? 4 : 1;
        ASSERT_EQ(takes(text), digit != std::string::npos && digit % unused == 0) << text;
      }
    }
  }
}

TEST(Base64Url, RefusesPaddingAndSpace) {
  for (const char *text : {"Zg==", "Zg=", "Zm8=", "Zm9v=", "Zm9v====", "=", " Zg", "Zg ", "Z g", "Zg\n", "Zg\r\n",
                           "Zm9v\t", "+/+/", "A?==", "A", "AAAAA", "Zh", "Zm9"}) {
    EXPECT_FALSE(takes(text)) << text;
  }
  EXPECT_FALSE(takes(std::string_view("Zg\0", 3)));
}

TEST(Base64Url, ReadsBackBytesOfAnyLength) {
  std::mt19937 random(7);
  for (std::size_t size = 0; size < 600; ++size) {
    std::string bytes(size, '\0');
    for (char &c : bytes) {
      c = static_cast<char>(random());
    }
    const std::string text = to_base64url(bytes);
    EXPECT_EQ(base64url_capacity(text.size()), size);
    std::string read;
    ASSERT_TRUE(from_base64url(text, &read));
    ASSERT_EQ(read, bytes);
  }
}

TEST(Base64Url, HasNoOverflowInItsCapacity) {
  EXPECT_EQ(base64url_capacity(~std::size_t{0}), ~std::size_t{0} / 4 * 3 + 2);
  EXPECT_EQ(base64url_capacity(1), 0U);
}

}  // namespace
}  // namespace keyward
