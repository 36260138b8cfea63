// Several formats beside each other: which one a text has, what can't be told apart, and what is said of a text that
// has none.
#include "key/key_formats.hpp"

#include <gtest/gtest.h>

namespace keyward {
namespace {

KeyFormat parsed(const std::vector<std::string_view> &words) {
  KeyFormat format;
  std::string error;
  EXPECT_TRUE(parse_key_format(words, &format, &error)) << error;
  return format;
}

KeyFormats formats_of(const std::vector<std::vector<std::string_view>> &all) {
  KeyFormats formats;
  std::string error;
  for (const auto &words : all) {
    EXPECT_TRUE(formats.add(parsed(words), &error)) << error;
  }
  return formats;
}

// Why the second of two can't stand beside the first.
std::string refusal(const std::vector<std::string_view> &one, const std::vector<std::string_view> &other) {
  KeyFormats formats = formats_of({one});
  std::string error;
  EXPECT_FALSE(formats.add(parsed(other), &error));
  return error;
}

bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

constexpr const char *kUuid = "123e4567-e89b-12d3-a456-426614174000";

TEST(KeyFormats, OnePrefixMayHaveSeveralLengths) {
  const KeyFormats formats = formats_of({{"sk_", "hex=32"}, {"sk_", "hex=40"}, {"sk_", "uuid"}});
  for (const std::size_t length : {32U, 40U}) {
    const FormatMatch match = formats.find("sk_" + std::string(length, 'a'));
    ASSERT_NE(match.format, nullptr);
    EXPECT_TRUE(match.has_frame);
    EXPECT_EQ(match.format->random_length, length);
  }
  EXPECT_EQ(formats.find(std::string("sk_") + kUuid).format->alphabet, Alphabet::uuid);
  const FormatMatch other = formats.find("sk_" + std::string(33, 'a'));
  ASSERT_NE(other.format, nullptr) << "what begins with a prefix is a key";
  EXPECT_FALSE(other.has_frame);
}

TEST(KeyFormats, WhatCantBeToldApartIsRefused) {
  EXPECT_TRUE(contains(refusal({"sk_", "hex=32"}, {"sk_", "base62=32"}), "is there twice for \"sk_\""));
  EXPECT_TRUE(contains(refusal({"sk_", "uuid"}, {"sk_", "base64url=36"}), "another length"));
  EXPECT_TRUE(contains(refusal({"a_", "hex=64"}, {"a_b", "hex=63"}), "another prefix or length"));
  EXPECT_TRUE(contains(refusal({"", "uuid"}, {"ab", "base64url=34"}), "can't be told apart"));
  EXPECT_TRUE(contains(refusal({"any"}, {"any", "min=200", "max=300", "name=b"}), "not overlap"));
  EXPECT_TRUE(contains(refusal({"any", "min=20", "max=30"}, {"any", "min=10", "max=20"}), "not overlap"));
  formats_of({{"any", "min=20", "max=30"}, {"any", "min=31", "max=31"}, {"any", "min=10", "max=19"}});
  formats_of({{"any"}, {"sk_", "hex=32"}, {"", "uuid"}});
}

TEST(KeyFormats, AUuidWithoutAPrefixIsKnownByItsForm) {
  const KeyFormats formats = formats_of({{"", "uuid"}, {"12", "hex=40"}});
  EXPECT_EQ(formats.find(kUuid).format->alphabet, Alphabet::uuid) << "though it begins with another one's prefix";
  EXPECT_TRUE(formats.find(kUuid).has_frame);
  EXPECT_TRUE(formats.find("123E4567-E89B-12D3-A456-426614174000").has_frame) << "RFC 9562: either case";
  std::string none = kUuid;
  none[8] = '0';
  EXPECT_FALSE(formats.find(none).has_frame);
  none[0] = 'a';
  EXPECT_EQ(formats.find(none).format, nullptr);
  EXPECT_EQ(formats.find("").format, nullptr);
  EXPECT_EQ(formats.find("x.y.z").format, nullptr);
}

TEST(KeyFormats, AnyTakesWhatHasNoPrefix) {
  const KeyFormats formats = formats_of({{"any", "min=4", "max=8"}, {"sk_", "hex=32"}, {"any", "min=20", "max=20"}});
  for (const char *text : {"12|a", "a.b.c", "!\"#$%&~=", "....", "abcdefghijklmnopqrst"}) {
    const KeyFormat *format = formats.find_any(text);
    ASSERT_NE(format, nullptr) << text;
    EXPECT_TRUE(format->has_characters(text)) << text;
    EXPECT_EQ(formats.why_not(text), "") << text;
    EXPECT_EQ(formats.find(text).format, nullptr) << text;
  }
  for (const char *text : {"abc", "abcdefghi", "abcdefghijklmnopqrs", "abcdefghijklmnopqrstu", ""}) {
    EXPECT_EQ(formats.find_any(text), nullptr) << text;
  }
  for (const char *text : {"a b c", "abc\t", "abc\x7f", "abc\xc3\xa9"}) {
    EXPECT_FALSE(formats.find_any(text)->has_characters(text)) << text;
  }
  EXPECT_FALSE(formats.find_any(std::string_view("abc\0", 4))->has_characters(std::string_view("abc\0", 4)));
}

TEST(KeyFormats, TheFirstOtherThanAnyIsMinted) {
  EXPECT_EQ(formats_of({{"any"}}).minted(), nullptr);
  EXPECT_EQ(formats_of({{"any"}, {"b_", "hex=32"}, {"a_", "hex=32"}}).minted()->prefix, "b_");
  EXPECT_EQ(KeyFormats(default_key_format()).minted()->prefix, "kw_");
}

TEST(KeyFormats, FormatsMayShareAName) {
  const KeyFormats formats = formats_of({{"a_", "hex=32", "name=live"},
                                         {"t_", "hex=32"},
                                         {"a_", "hex=40", "name=live"},
                                         {"any", "max=20", "name=old"},
                                         {"", "uuid"},
                                         {"any", "min=30"}});
  EXPECT_EQ(formats.names(), (std::vector<std::string>{"live", "t_", "old", "uuid", "any"}));
  EXPECT_EQ(formats.find("a_" + std::string(32, 'a')).format->name_bit, formats.bit_of("live"));
  EXPECT_EQ(formats.find("a_" + std::string(40, 'a')).format->name_bit, formats.bit_of("live"));
  EXPECT_EQ(formats.find("t_" + std::string(32, 'a')).format->name_bit, formats.bit_of("t_"));
  EXPECT_EQ(formats.find_any(std::string(16, 'x'))->name_bit, formats.bit_of("old"));
  EXPECT_EQ(formats.bit_of("a_"), 0U);
  std::uint64_t all = 0;
  for (const std::string &name : formats.names()) {
    EXPECT_EQ(all & formats.bit_of(name), 0U) << name;
    all |= formats.bit_of(name);
  }
}

TEST(KeyFormats, TheNumberOfNamesIsBounded) {
  KeyFormats formats;
  std::string error;
  for (int i = 0; i < 64; ++i) {
    ASSERT_TRUE(formats.add(parsed({"p" + std::to_string(i) + '_', "hex=32"}), &error)) << error;
  }
  EXPECT_EQ(formats.bit_of("p63_"), std::uint64_t{1} << 63);
  EXPECT_FALSE(formats.add(parsed({"q_", "hex=32"}), &error));
  EXPECT_TRUE(contains(error, "name=NAME")) << error;
  EXPECT_TRUE(formats.add(parsed({"q_", "hex=32", "name=p0_"}), &error)) << error;
}

TEST(KeyFormats, ItIsSaidWhichFormATextHasNot) {
  const KeyFormats formats =
      formats_of({{"kw_", "base62=43", "checksum"}, {"sk_", "hex=32"}, {"sk_", "hex=40"}, {"", "uuid"}});
  EXPECT_EQ(formats.why_not("sk_abc"),
            "it begins with \"sk_\" and has 6 characters, where keys of keyward_key_format \"sk_\" have 35 or 43");
  EXPECT_EQ(formats.why_not("sk_" + std::string(32, 'A')),
            "it begins with \"sk_\" and has other characters than keyward_key_format \"sk_\" says");
  std::string key = default_key_format().mint();
  EXPECT_EQ(formats.why_not(key), "");
  key[5] = key[5] == 'a' ? 'b' : 'a';
  EXPECT_EQ(formats.why_not(key), "it begins with \"kw_\" and has a wrong checksum, as a typing error makes");
  EXPECT_EQ(formats.why_not("12|abc"), "keys begin with \"kw_\", begin with \"sk_\" or are UUIDs");
  EXPECT_EQ(formats.why_not(kUuid), "");
  const KeyFormats any = formats_of({{"any"}});
  EXPECT_EQ(any.why_not("12|abc"), "it has 6 characters, and keys have 16 to 200 characters");
  EXPECT_EQ(any.why_not("0123456789abc def"), "it has other characters than printable ASCII without spaces");
}

}  // namespace
}  // namespace keyward
