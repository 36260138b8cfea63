// Key formats: words, shapes, minted keys and previews.
#include "key/key_format.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/base62.hpp"

namespace keyward {
namespace {

KeyFormat parsed(std::string_view text) {
  KeyFormat format;
  std::string error;
  EXPECT_TRUE(parse_key_format(text, &format, &error)) << text << ": " << error;
  return format;
}

std::string refusal(std::string_view text) {
  KeyFormat format;
  std::string error;
  EXPECT_FALSE(parse_key_format(text, &format, &error)) << text;
  EXPECT_TRUE(format.prefix.empty()) << "left half-written by " << text;
  return error;
}

bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

const char *const kFormats[] = {"kw_ base62=43 checksum",
                                "nrp_ hex=64",
                                "sapi_key_ hex=62",
                                "sk_live_ base62=32",
                                "a base64url=22 checksum verifier=bcrypt:4",
                                "x- hex=32 checksum verifier=sha256",
                                "big_ base64url=508 verifier=sha256"};

TEST(KeyFormat, TheDefaultIsTheSpecs) {
  const KeyFormat &format = default_key_format();
  EXPECT_EQ(format.prefix, "kw_");
  EXPECT_EQ(format.length(), 52U);
  EXPECT_EQ(format.verifier.kind, VerifierKind::bcrypt);
  EXPECT_EQ(format.verifier.cost, 10);
  const KeyFormat same = parsed("kw_ base62=43 checksum verifier=bcrypt:10");
  EXPECT_TRUE(same.matches(format.mint()));
  EXPECT_TRUE(format.matches(same.mint()));
}

TEST(KeyFormat, ReadsItsWords) {
  const KeyFormat format = parsed("  nrp_\thex=64  verifier=sha256 ");
  EXPECT_EQ(format.prefix, "nrp_");
  EXPECT_EQ(format.alphabet, Alphabet::hex);
  EXPECT_EQ(format.random_length, 64U);
  EXPECT_FALSE(format.checksum);
  EXPECT_EQ(format.verifier.kind, VerifierKind::sha256);
  EXPECT_EQ(format.length(), 68U);
  EXPECT_EQ(parsed("A-_9 verifier=bcrypt:12 checksum base64url=22").verifier.cost, 12);
  KeyFormat from_words;
  std::string error;
  EXPECT_TRUE(parse_key_format(std::vector<std::string_view>{"nrp_", "hex=64"}, &from_words, &error));
  EXPECT_EQ(from_words.verifier.cost, kDefaultBcryptCost);
}

// 128 bits: 32 characters of 4 bits, 22 of 5.95 or of 6.
TEST(KeyFormat, WantsEnoughRandomBits) {
  for (const char *text : {"k_ hex=32", "k_ base62=22", "k_ base64url=22"}) {
    parsed(text);
  }
  EXPECT_EQ(refusal("k_ hex=31"), "\"hex=31\" is less than 128 random bits; write hex=32 or more");
  EXPECT_EQ(refusal("k_ base62=21"), "\"base62=21\" is less than 128 random bits; write base62=22 or more");
  EXPECT_EQ(refusal("k_ base64url=21"), "\"base64url=21\" is less than 128 random bits; write base64url=22 or more");
  // A checksum is not random.
  EXPECT_TRUE(contains(refusal("k_ base62=21 checksum"), "128"));
}

TEST(KeyFormat, KeepsBcryptToWhatItReads) {
  EXPECT_EQ(parsed("sapi_key_ hex=63").length(), 72U);
  EXPECT_EQ(
      refusal("sapi_key_ hex=64"),
      "keys that begin with \"sapi_key_\" would have 73 characters, and bcrypt reads only 72; write a lower number "
      "or verifier=sha256");
  EXPECT_TRUE(contains(refusal("nrp_ hex=64 checksum"), "bcrypt"));
  EXPECT_EQ(parsed("sapi_key_ hex=64 verifier=sha256").length(), 73U);
  EXPECT_EQ(parsed("abcd hex=508 verifier=sha256").length(), 512U);
  EXPECT_TRUE(contains(refusal("abcde hex=508 verifier=sha256"), "512 is the most"));
  EXPECT_TRUE(contains(refusal(std::string(500, 'p') + " hex=32 verifier=sha256"), "512"));
}

TEST(KeyFormat, RefusesBadPrefixes) {
  for (const char *text : {"", "   ", "k. hex=32", "k: hex=32", "k=1 hex=32", "k\xc3\xb6_ hex=32", "hex=32"}) {
    EXPECT_TRUE(contains(refusal(text), "is not a key prefix; write one of letters")) << text;
  }
  KeyFormat format;
  std::string error;
  EXPECT_FALSE(parse_key_format(std::vector<std::string_view>{}, &format, &error));
  EXPECT_FALSE(parse_key_format(std::vector<std::string_view>{"", "hex=32"}, &format, &error));
  EXPECT_FALSE(parse_key_format(std::vector<std::string_view>{std::string_view("k\0", 2), "hex=32"}, &format, &error));
}

TEST(KeyFormat, RefusesBadWords) {
  EXPECT_TRUE(contains(refusal("kw_"), "does not say what follows"));
  EXPECT_TRUE(contains(refusal("kw_ checksum"), "does not say what follows"));
  for (const char *word : {"hex", "hex32", "Hex=32", "base58=32", "checksum=1", "verifier", "sha256", "=", "hex:32"}) {
    EXPECT_TRUE(contains(refusal(std::string("kw_ base62=43 ") + word), '"' + std::string(word) + "\" is not part"))
        << word;
  }
  for (const char *word :
       {"hex=", "hex=0", "hex=-1", "hex=+32", "hex=032", "hex=32x", "hex=3.2", "hex=513", "hex=18446744073709551648"}) {
    EXPECT_TRUE(contains(refusal(std::string("kw_ ") + word), '"' + std::string(word) + "\" needs a number")) << word;
  }
  for (const char *text : {"kw_ hex=32 hex=32", "kw_ hex=32 base62=43", "kw_ hex=32 checksum checksum",
                           "kw_ hex=32 verifier=bcrypt verifier=bcrypt"}) {
    EXPECT_TRUE(contains(refusal(text), "is a second parameter of its kind")) << text;
  }
  EXPECT_TRUE(contains(refusal("kw_ hex=32 verifier=md5"), "\"md5\" is not a verifier"));
  EXPECT_TRUE(contains(refusal("kw_ hex=32 verifier=bcrypt:31"), "bcrypt:31"));
}

TEST(KeyFormat, MintedKeysMatchTheirFormatOnly) {
  std::set<std::string> seen;
  for (const char *text : kFormats) {
    const KeyFormat format = parsed(text);
    for (int i = 0; i < 50; ++i) {
      const std::string key = format.mint();
      EXPECT_EQ(key.size(), format.length());
      EXPECT_TRUE(format.claims(key));
      EXPECT_TRUE(format.matches(key)) << text << ' ' << key;
      EXPECT_TRUE(seen.insert(key).second);
      for (const char *other : kFormats) {
        EXPECT_EQ(parsed(other).matches(key), other == text) << other;
      }
    }
  }
}

TEST(KeyFormat, ClaimsByPrefixAlone) {
  const KeyFormat format = parsed("nrp_ hex=64");
  EXPECT_TRUE(format.claims("nrp_"));
  EXPECT_TRUE(format.claims("nrp_anything at all"));
  EXPECT_FALSE(format.claims("nrp"));
  EXPECT_FALSE(format.claims("NRP_"));
  EXPECT_FALSE(format.claims(""));
  EXPECT_FALSE(format.claims(" nrp_"));
}

// No other byte, anywhere, and no other length.
TEST(KeyFormat, EveryByteOfAKeyCounts) {
  for (const char *text : kFormats) {
    const KeyFormat format = parsed(text);
    const std::string key = format.mint();
    for (std::size_t at = 0; at < key.size(); ++at) {
      const bool random = at >= format.prefix.size() && at < format.prefix.size() + format.random_length;
      for (int value = 0; value < 256; ++value) {
        std::string other = key;
        other[at] = static_cast<char>(value);
        const char c = other[at];
        const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        const bool of_alphabet = format.alphabet == Alphabet::hex      ? hex
                                 : format.alphabet == Alphabet::base62 ? is_base62({&c, 1})
                                                                       : is_base62({&c, 1}) || c == '-' || c == '_';
        ASSERT_EQ(format.matches(other), other == key || (random && of_alphabet && !format.checksum)) << other;
      }
      ASSERT_FALSE(format.matches(key.substr(0, at)));
    }
    EXPECT_FALSE(format.matches(key + 'a'));
    EXPECT_FALSE(format.matches(key + '\0'));
    EXPECT_FALSE(format.matches('a' + key));
  }
}

TEST(KeyFormat, HexIsLowerCase) {
  const KeyFormat format = parsed("nrp_ hex=64");
  EXPECT_TRUE(format.matches("nrp_" + std::string(64, 'a')));
  EXPECT_FALSE(format.matches("nrp_" + std::string(64, 'A')));
}

// Two neighbours in the wrong order: the commonest error of typing.
TEST(KeyFormat, TheChecksumSeesSwappedCharacters) {
  const KeyFormat &format = default_key_format();
  const std::string key = format.mint();
  for (std::size_t at = 0; at + 1 < key.size(); ++at) {
    std::string other = key;
    std::swap(other[at], other[at + 1]);
    EXPECT_EQ(format.matches(other), other == key) << at;
  }
}

TEST(KeyFormat, TheChecksumIsOfAllThatPrecedesIt) {
  const std::string body = "kw_" + std::string(43, '0');
  char sum[kChecksumLength];
  checksum_of(body, sum);
  EXPECT_TRUE(default_key_format().matches(body + std::string(sum, kChecksumLength)));
  EXPECT_EQ(std::string(sum, kChecksumLength), to_base62(crc32(body), 6));
}

TEST(Preview, ShowsHeadAndTail) {
  const std::string key = "kw_a1b2c3d4EFGHIJKLMNOPQRSTUVWXYZwxyz";
  EXPECT_EQ(preview_of(key, "kw_"), "kw_a1b2c3d4...wxyz");
  EXPECT_EQ(preview_of(key, "kw_", 5, 0), "kw_a1b2c...");
  EXPECT_EQ(preview_of(key, "kw_", 0, 0), "kw_...");
  EXPECT_EQ(preview_of(key, "kw_", 0, 4), "kw_...wxyz");
  EXPECT_EQ(preview_of(key, ""), "kw_a1b2c...wxyz");
  EXPECT_EQ(preview_of(key, "other_"), "kw_a1b2c...wxyz");
}

TEST(Preview, KeepsTwelveCharactersHidden) {
  EXPECT_EQ(preview_of("p_12345678hhhhhhhhhhhh4444", "p_"), "p_12345678...4444");
  EXPECT_EQ(preview_of("p_12345678hhhhhhhhhhh4444", "p_"), "p_...");
  EXPECT_EQ(preview_of("p_short", "p_"), "p_...");
  EXPECT_EQ(preview_of("p_", "p_"), "p_...");
  EXPECT_EQ(preview_of("", "p_"), "...");
  EXPECT_EQ(preview_of("", ""), "...");
  const std::string key = "p_" + std::string(40, 'x');
  for (const std::size_t huge : {std::size_t{29}, ~std::size_t{0}, ~std::size_t{0} - 3, ~std::size_t{0} / 2 + 1}) {
    EXPECT_EQ(preview_of(key, "p_", huge, 4), "p_...");
    EXPECT_EQ(preview_of(key, "p_", 4, huge), "p_...");
    EXPECT_EQ(preview_of(key, "p_", huge, huge), "p_...");
  }
  EXPECT_EQ(preview_of(key, "p_", 28, 0), "p_" + std::string(28, 'x') + "...");
}

TEST(Preview, IsFitForATerminal) { EXPECT_EQ(preview_of("\x1b[2J\xff\nab0123456789abcdefgh", ""), "?[2J??ab...efgh"); }

}  // namespace
}  // namespace keyward
