// Hexadecimal text, both ways.
#include "base/hex.hpp"

#include <gtest/gtest.h>

#include <array>

namespace keyward {
namespace {

TEST(Hex, WritesLowerCase) {
  EXPECT_EQ(to_hex(""), "");
  EXPECT_EQ(to_hex(std::string_view("\x00\x01\x7f\x80\xab\xff", 6)), "00017f80abff");
}

TEST(Hex, ReadsBackEveryByteInEitherCase) {
  for (int value = 0; value < 256; ++value) {
    const char byte = static_cast<char>(value);
    std::string text = to_hex({&byte, 1});
    std::uint8_t read = 0;
    ASSERT_TRUE(from_hex(text, &read, 1));
    EXPECT_EQ(read, value);
    for (char &c : text) {
      c = static_cast<char>(std::toupper(c));
    }
    ASSERT_TRUE(from_hex(text, &read, 1));
    EXPECT_EQ(read, value);
  }
}

TEST(Hex, WantsExactlyTheDigits) {
  std::array<std::uint8_t, 2> out{};
  EXPECT_TRUE(from_hex("0aF1", out.data(), 2));
  for (const char *text : {"", "0", "00", "000", "00000", "000000", "00 0", "0x00", "00g0", "+000", "00\n0"}) {
    EXPECT_FALSE(from_hex(text, out.data(), 2)) << text;
  }
  EXPECT_FALSE(from_hex(std::string_view("00\0000", 4), out.data(), 2));
  EXPECT_TRUE(from_hex("", out.data(), 0));
  // A size whose double overflows to 0.
  EXPECT_FALSE(from_hex("", out.data(), ~std::size_t{0} / 2 + 1));
}

TEST(Hex, TakesNoCharacterButDigits) {
  for (int value = 0; value < 256; ++value) {
    const char text[] = {'0', static_cast<char>(value)};
    std::uint8_t out = 0;
    EXPECT_EQ(from_hex({text, 2}, &out, 1), value < 128 && std::isxdigit(value) != 0) << value;
  }
}

}  // namespace
}  // namespace keyward
