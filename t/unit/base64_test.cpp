// base64 as other systems write it: each form takes its own texts, and no text in two ways.
#include "base/base64.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace keyward {
namespace {

constexpr std::size_t kRoom = 8;

std::string decoded(Base64 form, std::string_view text) {
  std::array<std::uint8_t, kRoom> out;
  std::size_t size = 0;
  return from_base64(form, text, out.data(), out.size(), &size)
             ? std::string(reinterpret_cast<const char *>(out.data()), size)
             : "refused";
}

// RFC 4648, section 10.
TEST(Base64, ReadsTheVectorsOfItsRfc) {
  const struct {
    const char *text, *padded;
  } cases[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"}};
  for (const auto &one : cases) {
    std::string bare = one.padded;
    bare.erase(bare.find_last_not_of('=') + 1);
    EXPECT_EQ(one.text, decoded(Base64::padded, one.padded));
    EXPECT_EQ(one.text, decoded(Base64::unpadded, bare));
    EXPECT_EQ(one.text, decoded(Base64::adapted, bare));
    EXPECT_EQ(one.text, decoded(Base64::any, one.padded));
    EXPECT_EQ(one.text, decoded(Base64::any, bare));
    if (bare != one.padded) {
      EXPECT_EQ("refused", decoded(Base64::padded, bare)) << bare;
      EXPECT_EQ("refused", decoded(Base64::unpadded, one.padded)) << bare;
      EXPECT_EQ("refused", decoded(Base64::adapted, one.padded)) << bare;
    }
  }
}

TEST(Base64, HasTheDigitsOfItsForm) {
  EXPECT_EQ("\xfb\xff", decoded(Base64::padded, "+/8="));
  EXPECT_EQ("\xfb\xff", decoded(Base64::unpadded, "+/8"));
  EXPECT_EQ("\xfb\xff", decoded(Base64::adapted, "./8"));
  EXPECT_EQ("\xfb\xff", decoded(Base64::any, "+/8"));
  EXPECT_EQ("\xfb\xff", decoded(Base64::any, "-_8="));
  EXPECT_EQ("refused", decoded(Base64::padded, "-_8="));
  EXPECT_EQ("refused", decoded(Base64::unpadded, "./8"));
  EXPECT_EQ("refused", decoded(Base64::adapted, "+/8"));
  EXPECT_EQ("refused", decoded(Base64::any, "./8"));
}

TEST(Base64, RefusesWhatNoEncoderWrites) {
  for (const char *text : {"Z", "Zg=", "Zg===", "Z===", "====", "=", "Zg==Zg==", "Zg==Zm9v", "Zm9v Zm9v", "Zm9v\n",
                           "Zh==", "Zm9=", "Zm8=\n", "Zm=8"}) {
    EXPECT_EQ("refused", decoded(Base64::padded, text)) << text;
    EXPECT_EQ("refused", decoded(Base64::any, text)) << text;
  }
  EXPECT_EQ("refused", decoded(Base64::unpadded, "Zh"));
  EXPECT_EQ("refused", decoded(Base64::any, "Zm9vYmFyZm9v"));  // nine bytes, and room for eight
}

}  // namespace
}  // namespace keyward
