// bcrypt and nothing but bcrypt: vectors, whole keys and foreign hashes.
#include "key/verifier.hpp"

#include <crypt.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "base/digest.hpp"
#include "base/hex.hpp"
#include "json/json.hpp"
#include "vectors.hpp"

namespace keyward {
namespace {

// Of the password "U*U", from the public domain's table.
constexpr std::string_view kHash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
constexpr std::string_view kPassword = "U*U";

// What crypt_r itself says, without our checks.
std::string crypt_says(const std::string &phrase, const std::string &setting) {
  const auto data = std::make_unique<crypt_data>();
  const char *out = crypt_r(phrase.c_str(), setting.c_str(), data.get());
  return out == nullptr ? "" : out;
}

std::string replaced(std::string_view text, std::size_t at, char c) {
  std::string out(text);
  out[at] = c;
  return out;
}

TEST(ParseVerifier, Reads) {
  struct {
    const char *text;
    VerifierKind kind;
    int cost;
  } const cases[] = {{"bcrypt", VerifierKind::bcrypt, 10},
                     {"bcrypt:4", VerifierKind::bcrypt, 4},
                     {"bcrypt:12", VerifierKind::bcrypt, 12},
                     {"bcrypt:14", VerifierKind::bcrypt, 14},
                     {"sha256", VerifierKind::sha256, 10}};
  for (const auto &test : cases) {
    VerifierChoice choice;
    std::string error;
    ASSERT_TRUE(parse_verifier(test.text, &choice, &error)) << error;
    EXPECT_EQ(choice.kind, test.kind);
    EXPECT_EQ(choice.cost, test.cost);
  }
}

TEST(ParseVerifier, RefusesAndSaysWhatToWrite) {
  for (const char *text : {"", "Bcrypt", "bcrypt ", "bcrypt=10", "md5", "sha1", "sha256:1", "plain", "legacy-prefix",
                           "bcrypt:", "bcrypt:3", "bcrypt:15", "bcrypt:31", "bcrypt:-4", "bcrypt:+4", "bcrypt:4.0",
                           "bcrypt:1e1", "bcrypt:99999999999999999999"}) {
    VerifierChoice choice;
    std::string error;
    EXPECT_FALSE(parse_verifier(text, &choice, &error)) << text;
    EXPECT_EQ(error.find('"' + std::string(text) + '"'), 0U) << error;
    EXPECT_NE(error.find("write bcrypt"), std::string::npos) << error;
  }
}

TEST(IsBcryptHash, TakesOnlyTheThreeKindsAndSaneCosts) {
  EXPECT_TRUE(is_bcrypt_hash(kHash));
  for (const char kind : {'a', 'b', 'y'}) {
    EXPECT_TRUE(is_bcrypt_hash(replaced(kHash, 2, kind)));
  }
  for (int value = 0; value < 256; ++value) {
    const char c = static_cast<char>(value);
    EXPECT_EQ(is_bcrypt_hash(replaced(kHash, 2, c)), c == 'a' || c == 'b' || c == 'y') << value;
  }
  for (int cost = 0; cost < 100; ++cost) {
    std::string hash(kHash);
    hash[4] = static_cast<char>('0' + cost / 10);
    hash[5] = static_cast<char>('0' + cost % 10);
    EXPECT_EQ(is_bcrypt_hash(hash), cost >= kMinBcryptCost && cost <= kMaxBcryptCost) << cost;
  }
}

// What crypt_r would take and we must not.
TEST(IsBcryptHash, RefusesForeignHashes) {
  const std::string hash(kHash);
  const std::string cases[] = {
      "",
      "*0",
      "*1",
      "x",
      "!",
      "rl.3StKT.4T8M",                       // DES
      "_J9..rasmBYk8r9AiWNc",                // BSDi
      "$1$abcd0123$9Qcg8DyviekV3tDGMZynJ1",  // MD5
      "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8",
      "$y$j9T$abc$def",                                               // SHA-256, yescrypt
      "$2$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",  // the first bcrypt
      replaced(hash, 2, 'x'),
      "$2a$31$" + hash.substr(7),
      "$2a$5$" + hash.substr(6),  //
      hash.substr(0, 29),
      hash.substr(0, 59),
      hash + "W",
      hash + '\n',
      ' ' + hash,  //
      replaced(hash, 0, '*'),
      replaced(hash, 3, 'a'),
      replaced(hash, 6, '.'),
      replaced(hash, 4, '+'),
      replaced(hash, 4, ' '),
      hash.substr(0, 59) + '\0',
      "$2a$05$" + std::string(53, '*'),
  };
  for (const std::string &text : cases) {
    EXPECT_FALSE(is_bcrypt_hash(text)) << text;
    EXPECT_EQ(bcrypt_matches(kPassword, text), Match::no) << text;
  }
}

// Such hashes verify with crypt_r alone: each is right for the password, and is refused all the same.
TEST(BcryptMatches, RefusesForeignHashesThatAreRight) {
  for (const char *setting :
       {"rl", "$1$abcd0123", "$2x$05$CCCCCCCCCCCCCCCCCCCCC.", "$5$rounds=1000$abcdefgh", "$6$rounds=1000$abcdefgh"}) {
    const std::string hash = crypt_says("U*U", setting);
    if (hash.empty() || hash.front() == '*') {
      continue;  // this libxcrypt was built without it
    }
    ASSERT_EQ(crypt_says("U*U", hash), hash);
    EXPECT_FALSE(is_bcrypt_hash(hash)) << hash;
    EXPECT_EQ(bcrypt_matches("U*U", hash), Match::no) << hash;
  }
}

TEST(IsBcryptHash, RefusesAlphabetsAndSpareBitsThatNeverMatch) {
  for (std::size_t at = 7; at < kHash.size(); ++at) {
    for (const char c : std::string_view("$*+-:;@[`{|~ \n\0\xff", 16)) {
      ASSERT_FALSE(is_bcrypt_hash(replaced(kHash, at, c))) << at << ' ' << c;
    }
  }
  // Of 64 last characters of a salt, four have no spare bit; of a digest's, sixteen. The others could only be
  // stored, never matched: crypt_r writes zeros.
  int salts = 0;
  int digests = 0;
  for (const char c : std::string_view("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")) {
    salts += is_bcrypt_hash(replaced(kHash, 28, c)) ? 1 : 0;
    digests += is_bcrypt_hash(replaced(kHash, 59, c)) ? 1 : 0;
    if (!is_bcrypt_hash(replaced(kHash, 28, c))) {
      EXPECT_NE(crypt_says("U*U", replaced(kHash, 28, c))[28], c);
    }
  }
  EXPECT_EQ(salts, 4);
  EXPECT_EQ(digests, 16);
}

TEST(FitsBcrypt, TakesWholeKeysOnly) {
  EXPECT_FALSE(fits_bcrypt(""));
  EXPECT_TRUE(fits_bcrypt("a"));
  EXPECT_TRUE(fits_bcrypt(std::string(72, 'a')));
  EXPECT_FALSE(fits_bcrypt(std::string(73, 'a')));
  EXPECT_FALSE(fits_bcrypt(std::string_view("\0", 1)));
  EXPECT_FALSE(fits_bcrypt(std::string_view("a\0b", 3)));
  EXPECT_FALSE(fits_bcrypt(std::string_view("ab\0", 3)));
  EXPECT_TRUE(fits_bcrypt("\x01\xff"));
}

TEST(BcryptMatches, AKeyThatAgreesInItsFirst72BytesIsAnother) {
  const std::string key(72, 'k');
  const std::string hash = bcrypt_hash(key, kMinBcryptCost);
  EXPECT_EQ(bcrypt_matches(key, hash), Match::yes);
  EXPECT_EQ(crypt_says(key + "x", hash), hash) << "crypt_r no longer cuts: the limit could go";
  EXPECT_EQ(bcrypt_matches(key + "x", hash), Match::no);
  EXPECT_EQ(bcrypt_matches(key.substr(0, 71), hash), Match::no);
  EXPECT_EQ(bcrypt_hash(key + "x", kMinBcryptCost), "");
}

TEST(BcryptMatches, NothingHidesBehindANul) {
  const std::string hash = bcrypt_hash("key", kMinBcryptCost);
  EXPECT_EQ(bcrypt_matches("key", hash), Match::yes);
  EXPECT_EQ(bcrypt_matches(std::string_view("key\0more", 8), hash), Match::no);
  EXPECT_EQ(bcrypt_matches(std::string_view("key\0", 4), hash), Match::no);
  EXPECT_EQ(bcrypt_hash(std::string_view("key\0", 4), kMinBcryptCost), "");
}

// bcrypt repeats a key with its final NUL to fill 72 bytes, but not without it.
TEST(BcryptMatches, ARepeatedKeyIsAnother) {
  const std::string hash = bcrypt_hash("ab", kMinBcryptCost);
  EXPECT_EQ(bcrypt_matches("abab", hash), Match::no);
  EXPECT_EQ(bcrypt_matches("", hash), Match::no);
}

TEST(BcryptMatches, LooksAtEveryByte) {
  const std::string key = std::string("kw_\x01\x1f\x7f\x80\xff") + std::string(64, 'a');
  ASSERT_EQ(key.size(), kMaxBcryptKeyBytes);
  const std::string hash = bcrypt_hash(key, kMinBcryptCost);
  EXPECT_EQ(bcrypt_matches(key, hash), Match::yes);
  for (std::size_t at = 0; at < key.size(); ++at) {
    EXPECT_EQ(bcrypt_matches(replaced(key, at, static_cast<char>(key[at] ^ 0x40)), hash), Match::no) << at;
  }
}

TEST(BcryptMatches, LooksAtEveryCharacterOfTheHash) {
  ASSERT_EQ(bcrypt_matches(kPassword, kHash), Match::yes);
  for (std::size_t at = 7; at < kHash.size(); ++at) {
    // Within the alphabet, and without spare bits.
    const std::string other = replaced(kHash, at, kHash[at] == 'O' ? 'e' : 'O');
    ASSERT_TRUE(is_bcrypt_hash(other)) << at;
    EXPECT_EQ(bcrypt_matches(kPassword, other), Match::no) << at;
  }
  EXPECT_EQ(bcrypt_matches(kPassword, replaced(kHash, 5, '4')), Match::no);
}

TEST(BcryptHash, MakesSaltedHashesOfItsCost) {
  std::set<std::string> seen;
  for (int i = 0; i < 20; ++i) {
    const std::string hash = bcrypt_hash("key", kMinBcryptCost);
    EXPECT_TRUE(is_bcrypt_hash(hash)) << hash;
    EXPECT_EQ(hash.substr(0, 7), "$2b$04$");
    EXPECT_TRUE(seen.insert(hash).second);
  }
  EXPECT_EQ(bcrypt_hash("key", 5).substr(0, 7), "$2b$05$");
  for (const int cost : {-1, 0, 3, 15, 31, 32, 1000}) {
    EXPECT_EQ(bcrypt_hash("key", cost), "") << cost;
  }
  EXPECT_EQ(bcrypt_hash("", 4), "");
}

// Vectors written by others. A row is ours where its kind, its key and its cost are.
void check_vector(const json::Value &row) {
  const std::string setting = row.find("setting")->text;
  const std::string hash = row.find("hash")->text;
  const std::string &digits = row.find("phrase_hex")->text;
  std::string key(digits.size() / 2, '\0');
  ASSERT_TRUE(from_hex(digits, reinterpret_cast<std::uint8_t *>(key.data()), key.size()));
  const bool ours = setting.compare(0, 4, "$2x$") != 0 && fits_bcrypt(key);
  EXPECT_EQ(is_bcrypt_hash(hash), setting.compare(0, 4, "$2x$") != 0) << hash;
  EXPECT_EQ(bcrypt_matches(key, hash), ours ? Match::yes : Match::no) << setting << ' ' << digits;
  if (ours && key.size() < kMaxBcryptKeyBytes && row.find("hash")->text[5] == '4') {
    EXPECT_EQ(bcrypt_matches(key + "!", hash), Match::no) << setting << ' ' << digits;
  }
}

json::Value read_vectors(const std::filesystem::path &path) {
  json::Value document;
  std::string error;
  EXPECT_TRUE(json::parse(test::read_file(path), json::Limits(), &document, &error)) << error;
  return document;
}

TEST(BcryptVectors, Openwall) {
  const auto path = test::vectors_folder() / "bcrypt" / "openwall_crypt_blowfish.json";
  KEYWARD_NEED_VECTORS(path);
  const json::Value document = read_vectors(path);
  ASSERT_NE(document.find("valid"), nullptr);
  for (const json::Value &row : document.find("valid")->items) {
    check_vector(row);
  }
  for (const json::Value &setting : document.find("must_fail_settings")->items) {
    const std::string hash = setting.text + std::string(kHash.substr(29));
    EXPECT_FALSE(is_bcrypt_hash(hash)) << hash;
    EXPECT_EQ(bcrypt_matches(kPassword, hash), Match::no) << hash;
  }
}

// All of cost 4, and of cost 5, which takes twice as long, each fourth.
TEST(BcryptVectors, Libxcrypt) {
  const auto path = test::vectors_folder() / "bcrypt" / "libxcrypt_ka_bcrypt.json";
  KEYWARD_NEED_VECTORS(path);
  const json::Value document = read_vectors(path);
  ASSERT_NE(document.find("cases"), nullptr);
  int number = 0;
  for (const json::Value &row : document.find("cases")->items) {
    if (row.find("hash")->text[5] == '4' || number++ % 4 == 0) {
      check_vector(row);
    }
  }
}

}  // namespace
}  // namespace keyward
