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

TEST(KeyFormat, ReadsUuids) {
  const KeyFormat bare = parsed("\"\" uuid"), with_prefix = parsed("pk_ uuid checksum verifier=sha256 name=live");
  EXPECT_EQ(bare.prefix, "");
  EXPECT_EQ(bare.length(), 36U);
  EXPECT_EQ(bare.name, "uuid");
  EXPECT_EQ(with_prefix.length(), 45U);
  EXPECT_EQ(with_prefix.name, "live");
  EXPECT_EQ(parsed("'' uuid").alphabet, Alphabet::uuid);
  EXPECT_TRUE(bare.matches("123e4567-e89b-12d3-a456-426614174000"));
  EXPECT_TRUE(bare.matches("123E4567-E89B-12D3-A456-426614174000"));
  for (const char *text : {"123e4567-e89b-12d3-a456-42661417400", "123e4567-e89b-12d3-a456-4266141740000",
                           "123e4567e-89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-42661417400g",
                           "123e4567-e89b-12d3-a456_426614174000", "{23e4567-e89b-12d3-a456-42661417400}", ""}) {
    EXPECT_FALSE(bare.matches(text)) << text;
  }
  EXPECT_TRUE(contains(refusal("uuid"), "for UUIDs without a prefix: \"\" uuid"));
  EXPECT_TRUE(contains(refusal("p_ uuid hex=32"), "second parameter of its kind"));
  EXPECT_TRUE(contains(refusal("\"\" hex=32"), "is not a key prefix"));
}

TEST(KeyFormat, MintsUuidsOfVersion4) {
  const KeyFormat format = parsed("pk_ uuid checksum");
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string key = format.mint(), uuid = key.substr(3, 36);
    EXPECT_TRUE(format.matches(key)) << key;
    EXPECT_EQ(uuid[14], '4');
    EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos) << uuid;
    EXPECT_EQ(uuid.find_first_not_of("0123456789abcdef-"), std::string::npos) << uuid;
    EXPECT_TRUE(seen.insert(uuid).second);
  }
}

TEST(KeyFormat, AnyIsForNginxConfOnly) {
  const auto read = [](const std::vector<std::string_view> &words, KeyFormat *format) {
    std::string error;
    return parse_key_format(words, format, &error) ? std::string() : error;
  };
  KeyFormat format;
  EXPECT_EQ(read({"any"}, &format), "");
  EXPECT_EQ(format.length(), 16U);
  EXPECT_EQ(format.spread, 184U);
  EXPECT_EQ(format.name, "any");
  EXPECT_TRUE(format.matches(std::string(16, '|')) && format.matches(std::string(200, '~')));
  EXPECT_FALSE(format.matches(std::string(15, '|')) || format.matches(std::string(201, '~')));
  EXPECT_EQ(read({"any", "max=8192", "name=old", "min=1"}, &format), "");
  EXPECT_TRUE(format.matches("x") && format.matches(std::string(8192, 'x')));
  EXPECT_FALSE(format.matches(""));
  struct {
    std::vector<std::string_view> words;
    const char *says;
  } const cases[] = {
      {{"any", "hex=32"}, "is not part of the format any"},
      {{"any", "checksum"}, "is not part of the format any"},
      {{"any", "min=0"}, "from 1 to 8192"},
      {{"any", "max=8193"}, "from 1 to 8192"},
      {{"any", "min=20", "max=19"}, "min=20 is more"},
      {{"any", "min=201"}, "min=201 is more than max=200"},
      {{"any", "min=20", "min=21"}, "second parameter"},
      {{"any", "max=20", "max=21"}, "second parameter"},
      {{"any", "name=a", "name=b"}, "second parameter"},
      {{"any", "name=a b"}, "names no format"},
      {{"any", "name="}, "names no format"},
      {{"any", "min=+1"}, "from 1 to 8192"},
      {{"kw_", "hex=32", "name=a,b"}, "names no format"},
      {{"kw_", "hex=32", "min=1"}, "is not part of a key format"},
      {{"kw_", "hex=32", "name=a", "name=a"}, "second par"},
  };
  for (const auto &one : cases) {
    EXPECT_TRUE(contains(read(one.words, &format), one.says)) << one.says << ": " << read(one.words, &format);
  }
  EXPECT_TRUE(contains(refusal("any"), "no key can be made by it"));
}

TEST(KeyFormat, IsWrittenAsItIsRead) {
  for (const char *text : {"nrp_ hex=64", "kw_ base62=43 checksum", "\"\" uuid", "p_ uuid checksum name=live",
                           "a base64url=22 name=b", "\"\" uuid name=x"}) {
    EXPECT_EQ(to_text(parsed(text)), text);
  }
  EXPECT_EQ(to_text(parsed("a hex=32 name=a verifier=sha256")), "a hex=32");
  EXPECT_EQ(to_text(default_key_format()), "kw_ base62=43 checksum");
  for (const std::vector<std::string_view> &words : std::vector<std::vector<std::string_view>>{
           {"any"}, {"any", "min=8"}, {"any", "max=40", "name=old"}, {"any", "min=17", "max=300"}}) {
    KeyFormat format;
    std::string error, text;
    ASSERT_TRUE(parse_key_format(words, &format, &error)) << error;
    for (const std::string_view word : words) {
      text += (text.empty() ? "" : " ") + std::string(word);
    }
    EXPECT_EQ(to_text(format), text);
  }
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
