// What nginx has to be told of keys that others made.
#include "key/needed_formats.hpp"

#include <gtest/gtest.h>

namespace keyward {
namespace {

using Words = std::vector<std::string>;

constexpr const char *kOwn = "kw_ base62=43 checksum";
constexpr const char *kUuid = "123e4567-e89b-12d3-a456-426614174000";

// Reads what is advised as nginx does, and looks whether it lets all of these in.
Words advised(const std::vector<std::string> &keys) {
  NeededFormats needed;
  for (const std::string &key : keys) {
    needed.add(shape_of(key));
  }
  const Words all = needed.words();
  KeyFormats formats = all.empty() ? KeyFormats(default_key_format()) : KeyFormats();
  for (const std::string &text : all) {
    std::vector<std::string_view> words;
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t end = rest.find(' ');
      const std::string_view word = rest.substr(0, end);
      words.push_back(word == "\"\"" ? std::string_view() : word);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    KeyFormat format;
    std::string error;
    EXPECT_TRUE(parse_key_format(words, &format, &error) && formats.add(format, &error)) << text << ": " << error;
  }
  for (const std::string &key : keys) {
    EXPECT_EQ(formats.why_not(key), "") << key;
  }
  return all;
}

TEST(NeededFormats, OwnKeysNeedNothing) {
  EXPECT_EQ(advised({}), Words());
  EXPECT_EQ(advised({default_key_format().mint(), default_key_format().mint()}), Words());
}

TEST(NeededFormats, APrefixAndWhatFollowsIt) {
  const std::string hex(32, 'a'), text = "4eC39HqLyjWDarjtT1zdp7dc";
  EXPECT_EQ(advised({"sk_live_" + text}), (Words{kOwn, "sk_live_ base62=24"}));
  EXPECT_EQ(advised({"sk_live_" + hex, "sk_live_" + hex + "0"}), (Words{kOwn, "sk_live_ hex=32", "sk_live_ hex=33"}));
  EXPECT_EQ(advised({"a_" + hex, "a_" + std::string(32, 'Z')}), (Words{kOwn, "a_ base62=32"})) << "the wider one";
  EXPECT_EQ(advised({"a_" + text, "a_-" + text.substr(1)}), (Words{kOwn, "a_ base64url=24"}));
  EXPECT_EQ(advised({"a_" + std::string(24, 'f')}), (Words{kOwn, "a_ base62=24"})) << "hex=24 is less than 128 bits";
  EXPECT_EQ(advised({kUuid}), (Words{kOwn, "\"\" uuid"}));
  EXPECT_EQ(advised({std::string("pk_") + kUuid, default_key_format().mint()}), (Words{kOwn, "pk_ uuid"}));
}

TEST(NeededFormats, AnyTakesTheRest) {
  EXPECT_EQ(advised({"12|abcdefghijklmnop"}), (Words{kOwn, "any"}));
  EXPECT_EQ(advised({"a.b", "c29tZSBiYXNlNjQ+Lz8=", std::string(300, 'Q')}), (Words{kOwn, "any min=3 max=300"}));
  EXPECT_EQ(advised({std::string(32, 'a')}), (Words{kOwn, "any"})) << "without a prefix";
}

// What begins with a prefix is a key of that format, or none.
TEST(NeededFormats, AWeakKeyTakesItsPrefixToAny) {
  const std::string strong = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
  EXPECT_EQ(advised({strong, "sk_live_abc123"}), (Words{kOwn, "any min=14"}));
  EXPECT_EQ(advised({strong, "sk_test_abc123"}), (Words{kOwn, "sk_live_ base62=24", "any min=14"}));
  EXPECT_EQ(advised({"kw_abc123"}), (Words{"any min=9"})) << "the default format would refuse it";
  EXPECT_EQ(advised({"kw_" + std::string(49, 'a'), default_key_format().mint()}).front(), "kw_ base62=49")
      << "as long as the default ones, which have it, too";
}

TEST(NeededFormats, ManyKindsAreAny) {
  std::vector<std::string> keys;
  for (char c = 'a'; c < 'k'; ++c) {
    keys.push_back(std::string("k") + c + '_' + std::string(32, c));
  }
  EXPECT_EQ(advised(keys), (Words{kOwn, "any"}));
  for (int i = 0; i < 200; ++i) {
    keys.push_back("k" + std::to_string(i) + "_" + std::string(40, '7'));
    keys.push_back("w" + std::to_string(i) + "_x");
  }
  EXPECT_EQ(advised(keys), (Words{kOwn, "any min=4"}));
}

TEST(NeededFormats, OfAHashNobodyCanTell) {
  NeededFormats needed;
  needed.add(KeyShape());
  needed.add(shape_by_preview("sk_live_4eC39HqL...p7dc"));
  needed.add(shape_by_preview("kw_4eC39HqL...p7dc"));
  EXPECT_EQ(needed.unseen(), 2U) << "what is shown of the third is the default format's prefix";
  EXPECT_EQ(needed.words(), Words());
}

TEST(NeededFormats, OneKeyMissesOneFormat) {
  const KeyFormats own(default_key_format());
  EXPECT_EQ(missing_format(own, "sk_live_4eC39HqLyjWDarjtT1zdp7dc"), "sk_live_ base62=24");
  EXPECT_EQ(missing_format(own, kUuid), "\"\" uuid");
  EXPECT_EQ(missing_format(own, "12|abcdefghijklmnop"), "any");
  EXPECT_EQ(missing_format(own, "kw_abc"), "") << "it begins like keys of a format that is there";
  EXPECT_EQ(missing_format(own, "a key"), "");
  KeyFormats any = own;
  KeyFormat format;
  std::string error;
  ASSERT_TRUE(parse_key_format(std::vector<std::string_view>{"any"}, &format, &error) && any.add(format, &error));
  EXPECT_EQ(missing_format(any, "12|abc"), "any min=6 max=6");
  EXPECT_EQ(missing_format(any, "sk_abc"), "any min=6 max=6");
}

}  // namespace
}  // namespace keyward
