// Hashes of other systems: their own vectors verify, what only looks like one is refused, and none takes more than it may.
#include "key/hash_verifier.hpp"

#include <crypt.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <random>
#include <string>

#include "base/digest.hpp"
#include "base/hex.hpp"
#include "key/crypt_run.hpp"
#include "key/hash_form.hpp"
#include "key/locator.hpp"

namespace keyward {
namespace {

using testing::HasSubstr;

struct Vector {
  const char *key, *hash;
  HashScheme scheme;
};

const Vector kVectors[] = {
    // The reference implementation's tests, with one lane and with two.
    {"password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
     HashScheme::argon2id},
    {"password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
     HashScheme::argon2id},
    {"password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
     HashScheme::argon2i},
    {"password", "$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$T/XOJ2mh1/TIpJHfCdQan76Q5esCFVoT5MAeIM1Oq2E",
     HashScheme::argon2i},
    // The specification of SHA-crypt.
    {"Hello world!",
     "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
     HashScheme::sha512_crypt},
    {"Hello world!",
     "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/"
     "UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
     HashScheme::sha512_crypt},
    {"we have a short salt string but not a short password",
     "$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/"
     "ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0",
     HashScheme::sha512_crypt},
    // crypt(3)'s own, of a setting that it makes.
    {"password", "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC", HashScheme::yescrypt},
    // Django's tests.
    {"l\xc3\xa8tmein",
     "pbkdf2_sha256$100000$seasalt$BNZ6eyaNc8qFTJPjrAq99hSYb73EgAdytAtdBg2Sdcc=", HashScheme::pbkdf2_sha256},
    // passlib's documentation.
    {"password", "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
     HashScheme::pbkdf2_sha256},
    // RFC 7914, section 11, of two blocks; the same by another implementation with SHA-512.
    {"passwd",
     "$pbkdf2-sha256$i=1,l=64$c2FsdA$VawEblbjCJ/"
     "sFpHCJUS2BflBhSFt3gRl5oudV8INrLxJypzM8Xm2RZkWZLOdd+8xfHG4RbHjC9UJESBB06GXgw",
     HashScheme::pbkdf2_sha256},
    {"password",
     "$pbkdf2-sha512$1000$AAH/.w$.iszXVbQmDoPwpMZmFW0VasRkBxkVkrZPH6ck9pTlXYYRhA86hlbZQcFp1."
     "pfmJKl4BYD.cr52uwTZz.s5uyEw",
     HashScheme::pbkdf2_sha512},
};

HashFault fault_of(std::string_view text) {
  HashForm form;
  return parse_hash(text, &form);
}

// crypt(3)'s digits, the lowest bits first.
std::string crypt_digits(std::string_view bytes) {
  constexpr char kDigits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < count; ++k) {
      group |= std::uint32_t{static_cast<unsigned char>(bytes[i + k])} << (8 * k);
    }
    for (std::size_t k = 0; k <= count; ++k) {
      text += kDigits[group >> (6 * k) & 63];
    }
  }
  return text;
}

class HashVerifier : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(init_crypto()); }
};

TEST_F(HashVerifier, VerifiesOthersVectors) {
  for (const Vector &one : kVectors) {
    HashForm form;
    ASSERT_EQ(HashFault::none, parse_hash(one.hash, &form)) << one.hash;
    EXPECT_EQ(one.scheme, form.scheme) << one.hash;
    EXPECT_EQ(Match::yes, hash_matches(one.key, one.hash)) << one.hash;
    EXPECT_EQ(Match::no, hash_matches(std::string(one.key) + " ", one.hash)) << one.hash;
    EXPECT_EQ(Match::no, hash_matches("", one.hash)) << one.hash;
    EXPECT_TRUE(fits_slow(VerifierKind::hash, one.key, one.hash));
    EXPECT_EQ(Match::yes, slow_matches(VerifierKind::hash, one.key, one.hash));
    EXPECT_EQ(Match::no, slow_matches(VerifierKind::bcrypt, one.key, one.hash)) << "nobody's bcrypt";
    EXPECT_EQ(Match::no, slow_matches(VerifierKind::sha256, one.key, one.hash));
  }
}

// RFC 7914, section 12: N = 16384, r = 8, p = 1, of which crypt(3) takes the first 32 bytes.
TEST_F(HashVerifier, ComputesScryptAsItsRfcSays) {
  Bytes<32> digest;
  ASSERT_TRUE(from_hex("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2", digest.data(), 32));
  const std::string hash = "$7$C6..../....SodiumChloride$" + crypt_digits(view_of(digest));
  EXPECT_EQ(HashFault::none, fault_of(hash));
  EXPECT_EQ(Match::yes, hash_matches("pleaseletmein", hash));
  EXPECT_EQ(Match::no, hash_matches("pleaseletmeiN", hash));
}

TEST_F(HashVerifier, VerifiesWhatTheLibrariesMake) {
  const std::string key = "sk_live_0123456789abcdefghijklmnopqrstuvwxyz";
  char made[crypto_pwhash_STRBYTES];
  for (const int algorithm : {crypto_pwhash_ALG_ARGON2ID13, crypto_pwhash_ALG_ARGON2I13}) {
    ASSERT_EQ(0, crypto_pwhash_str_alg(made, key.data(), key.size(), 3, std::size_t{1} << 20, algorithm));
    EXPECT_EQ(Match::yes, hash_matches(key, made)) << made;
    EXPECT_EQ(Match::no, hash_matches("sk_live_", made)) << made;
  }
  for (const char *prefix : {"$7$", "$y$", "$6$"}) {
    for (const unsigned long cost : {0UL, *prefix == '$' && prefix[1] == '6' ? 1000UL : 6UL}) {
      for (const std::size_t salt : {16U, 18U, 32U}) {
        char setting[CRYPT_GENSALT_OUTPUT_SIZE];
        const std::string bytes(salt, 's');
        ASSERT_NE(nullptr, crypt_gensalt_rn(prefix, cost == 6 && prefix[1] == 'y' ? 1 : cost, bytes.data(),
                                            static_cast<int>(salt), setting, sizeof(setting)));
        const std::string hash = crypt_hash("k", setting);
        ASSERT_EQ(HashFault::none, fault_of(hash)) << hash;
        EXPECT_EQ(Match::yes, hash_matches("k", hash)) << hash;
      }
    }
  }
}

// Whatever is taken for a hash must be verified and not fail, or a good key would be our fault for ever: characters of a
// real one are changed, and what is still taken answers with no.
TEST_F(HashVerifier, WhatIsTakenCanBeVerified) {
  std::mt19937 random(1);
  const std::string digits = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz$=,+-_ \x7f";
  const char *cheap[] = {"$argon2id$v=19$m=64,t=1,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
                         "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
                         "$7$30....1....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
                         "$y$j75$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC",
                         "$6$rounds=1000$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/"
                         "O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
                         "pbkdf2_sha256$10$seasalt$BNZ6eyaNc8qFTJPjrAq99hSYb73EgAdytAtdBg2Sdcc=",
                         "$pbkdf2-sha256$64$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44"};
  int taken = 0;
  for (const std::string hash : cheap) {
    ASSERT_EQ(HashFault::none, fault_of(hash)) << hash;
    for (int i = 0; i < 600; ++i) {
      std::string changed = hash;
      for (auto n = random() % 2 + 1; n-- > 0;) {
        changed[random() % changed.size()] = digits[random() % digits.size()];
      }
      HashForm form;
      if (parse_hash(changed, &form) == HashFault::none && form.milliseconds < 20) {
        ++taken;
        EXPECT_EQ(Match::no, hash_matches("another key", changed)) << changed;
      }
    }
  }
  EXPECT_GT(taken, 500);
}

TEST_F(HashVerifier, RefusesWhatOnlyLooksLikeOne) {
  for (const Vector &one : kVectors) {
    const std::string hash = one.hash;
    const bool is_argon2 = one.scheme == HashScheme::argon2id || one.scheme == HashScheme::argon2i;
    const bool is_cheap = hash.find("m=256,") != std::string::npos;
    const auto expect_refused = [&](const std::string &text) {
      if (is_argon2 && fault_of(text) == HashFault::none) {  // which may be of any length: it is another hash
        EXPECT_EQ(Match::no, is_cheap ? hash_matches(one.key, text) : Match::no) << text;
      } else {
        EXPECT_NE(HashFault::none, fault_of(text)) << text;
      }
    };
    for (std::size_t size = 0; size < hash.size(); ++size) {
      expect_refused(hash.substr(0, size));
    }
    for (const char *more : {"A", ".", "=", "$", " ", "\n", "$A"}) {
      expect_refused(hash + more);
    }
    EXPECT_NE(HashFault::none, fault_of(" " + hash));
    EXPECT_NE(HashFault::none, fault_of(hash + std::string(1, '\0')));
  }
}

TEST_F(HashVerifier, TakesEachFormInOneSpelling) {
  const std::string salt_and_hash = "$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  for (const char *parameters :
       {"$argon2id$m=256,t=2,p=1", "$argon2id$v=16$m=256,t=2,p=1", "$argon2id$v=19$t=2,m=256,p=1",
        "$argon2id$v=19$m=0256,t=2,p=1", "$argon2id$v=19$m=256,t=02,p=1", "$argon2id$v=19$m=256,t=2,p=1,keyid=AA",
        "$argon2id$v=19$m=256,t=0,p=1", "$argon2id$v=19$m=256,t=2,p=0", "$argon2id$v=19$m=15,t=2,p=2",
        "$argon2id$v=19$m=256,t=2,p=256", "$argon2id$v=19$m=-256,t=2,p=1"}) {
    EXPECT_EQ(HashFault::malformed, fault_of(parameters + salt_and_hash)) << parameters;
  }
  const std::string digest = "$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44";
  for (const char *text : {"$pbkdf2-sha256$06400$AAAA", "$pbkdf2-sha256$0$AAAA", "$pbkdf2-sha256$-1$AAAA",
                           "$pbkdf2-sha256$2147483648$AAAA", "$pbkdf2-sha256$6400$AAAAA", "$pbkdf2-sha256$6400$AA+A",
                           "$pbkdf2-sha256$i=6400,l=31$AAAA", "$pbkdf2-sha256$i=6400,l=$AAAA",
                           "$pbkdf2-sha256$i=6400,l=32$AA.A", "$pbkdf2-sha512$6400$AAAA"}) {
    EXPECT_EQ(HashFault::malformed, fault_of(text + digest)) << text;
  }
  EXPECT_EQ(HashFault::none, fault_of("$pbkdf2-sha256$6400$AAAA" + digest));
  EXPECT_EQ(HashFault::none, fault_of("$pbkdf2-sha256$6400$" + digest)) << "a salt of no bytes";
  EXPECT_EQ(HashFault::none, fault_of("$pbkdf2-sha256$i=6400$AAAA" + digest));
  for (const char *text : {"pbkdf2_sha256$0$salt$", "pbkdf2_sha256$1$$", "pbkdf2_sha256$1$sa lt$",
                           "pbkdf2_sha256$1$salt", "pbkdf2_sha256$01$salt$", "pbkdf2_sha256$x$salt$"}) {
    EXPECT_EQ(HashFault::malformed, fault_of(std::string(text) + "BNZ6eyaNc8qFTJPjrAq99hSYb73EgAdytAtdBg2Sdcc="))
        << text;
  }
  const std::string rest =
      "salt$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
  EXPECT_EQ(HashFault::none, fault_of("$6$" + rest));
  for (const char *text : {"$6$rounds=999$", "$6$rounds=05000$", "$6$rounds=$", "$6$rounds=5000", "$6$0123456789abc_",
                           "$6$0123456789abcdefg", "$6$:"}) {
    EXPECT_EQ(HashFault::malformed, fault_of(text + rest)) << text;
  }
}

// DES, MD5, SHA-1 and the like, and what is verified elsewhere.
TEST_F(HashVerifier, KnowsNoOtherForm) {
  for (const char *text :
       {"", "x", "$1$abc$def", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8", "abJnggxhB/yWI",
        "$2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde", "$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$AAAA",
        "$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$Dogv.jai3UfiqXFIeQV0FWiA2xx/QPuuov.EGnMByDD", "$sha1$1$a$b", "$pbkdf2$1$a$b",
        "pbkdf2_sha1$1$salt$AAAA", "sha1$salt$AAAA", "$ARGON2ID$", "$7", "$6", "$y"}) {
    EXPECT_EQ(HashFault::unknown, fault_of(text)) << text;
    EXPECT_EQ(Match::no, hash_matches("key", text)) << text;
    EXPECT_FALSE(fits_hash("key", text)) << text;
  }
}

TEST_F(HashVerifier, RefusesWhatTakesTooMuch) {
  const std::string argon2 = "$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  const std::string scrypt = "$SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D";
  const std::string yescrypt = "$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC";
  const std::string sha512 =
      "$salt$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
  const std::string django = "$salt$BNZ6eyaNc8qFTJPjrAq99hSYb73EgAdytAtdBg2Sdcc=";
  const struct {
    std::string hash;
    HashFault fault;
  } cases[] = {{"$argon2id$v=19$m=262144,t=7,p=4" + argon2, HashFault::none},
               {"$argon2id$v=19$m=262145,t=1,p=1" + argon2, HashFault::too_much_memory},
               {"$argon2i$v=19$m=4294967295,t=4294967295,p=1" + argon2, HashFault::too_much_memory},
               {"$argon2id$v=19$m=262144,t=8,p=1" + argon2, HashFault::too_slow},
               {"$argon2id$v=19$m=8,t=4294967295,p=1" + argon2, HashFault::too_slow},
               {"$7$G6..../...." + scrypt.substr(1), HashFault::none},             // N = 2^18, r = 8: 256 MiB
               {"$7$H6..../...." + scrypt.substr(1), HashFault::too_much_memory},  // 512
               {"$7$zzzzzzzzzzz" + scrypt.substr(1), HashFault::too_much_memory},
               {"$7$C6....zzzzz" + scrypt.substr(1), HashFault::too_slow},  // p = 2^30 - 1
               {"$y$jDT" + yescrypt, HashFault::none},                      // N = 2^16, r = 32: 256 MiB
               {"$y$jET" + yescrypt, HashFault::too_much_memory},
               {"$y$jiT" + yescrypt, HashFault::too_much_memory},
               {"$6$rounds=4000999" + sha512, HashFault::none},
               {"$6$rounds=999999999" + sha512, HashFault::too_slow},
               {"pbkdf2_sha256$5000000" + django, HashFault::none},
               {"pbkdf2_sha256$2147483647" + django, HashFault::too_slow},
               {"$pbkdf2-sha512$3300000$AAAA$" + std::string(85, 'A') + "A", HashFault::too_slow}};
  for (const auto &one : cases) {
    EXPECT_EQ(one.fault, fault_of(one.hash)) << one.hash;
    EXPECT_EQ(one.fault == HashFault::none, fits_hash("key", one.hash)) << one.hash;
  }
}

TEST_F(HashVerifier, SaysWhatIsWrongAndShowsNothing) {
  const auto said = [](const std::string &text) {
    HashForm form;
    const HashFault fault = parse_hash(text, &form);
    return explain(fault, form, text);
  };
  EXPECT_THAT(said("$1$abc$def"), HasSubstr("has to begin with one of $argon2id$, $argon2i$, $7$, $y$, $6$"));
  EXPECT_THAT(said("$2b$10$abc"), HasSubstr("give that as \"bcrypt\""));
  EXPECT_THAT(said("$argon2id$m=256,t=2,p=1$secret"), HasSubstr("$argon2id$v=19$m=65536,t=3,p=4$SALT$HASH"));
  EXPECT_THAT(said("$argon2id$v=19$m=1048576,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
              HasSubstr("$argon2id$ that takes 1024 MiB of memory for each run, and 256 is the most"));
  EXPECT_THAT(said("pbkdf2_sha256$50000000$salt$BNZ6eyaNc8qFTJPjrAq99hSYb73EgAdytAtdBg2Sdcc="),
              HasSubstr("about 40 s for each run, and 4 is the most"));
  EXPECT_THAT(said("$6$c2VjcmV0$secret"), testing::Not(HasSubstr("secret")));
}

// crypt(3) would cut a key at a NUL and refuses long ones; nothing else does, and bcrypt's 72 bytes are bcrypt's.
TEST_F(HashVerifier, KnowsWhichKeysItsHashCanBeOf) {
  const std::string sha512 = kVectors[4].hash, django = kVectors[8].hash, argon2 = kVectors[1].hash;
  const std::string with_nul("Hello world!\0", 13);
  EXPECT_FALSE(fits_hash(with_nul, sha512));
  EXPECT_EQ(Match::no, hash_matches(with_nul, sha512));
  EXPECT_TRUE(fits_hash(std::string(511, 'k'), sha512));
  EXPECT_FALSE(fits_hash(std::string(512, 'k'), sha512));
  for (const std::string &hash : {django, argon2}) {
    EXPECT_TRUE(fits_hash(with_nul, hash));
    EXPECT_TRUE(fits_hash(std::string(8000, 'k'), hash));
    EXPECT_EQ(Match::no, hash_matches(std::string(8000, 'k'), hash));
    EXPECT_FALSE(fits_hash("", hash));
  }
  EXPECT_TRUE(fits_slow(VerifierKind::hash, std::string(73, 'k'), sha512));
  EXPECT_FALSE(fits_slow(VerifierKind::bcrypt, std::string(73, 'k'), sha512));
}

TEST(Locators, OfEachDigestAreApart) {
  const std::string digest(64, 'd');
  const Locator sha256 = locator_of(LocatorKind::sha256, digest), sha512 = locator_of(LocatorKind::sha512, digest),
                hmac = locator_of(LocatorKind::hmac_sha256, digest);
  EXPECT_EQ(std::string(16, 'd'), view_of(sha256));
  EXPECT_NE(sha256, sha512);
  EXPECT_NE(sha512, hmac);
  // On disk: these must never change.
  EXPECT_EQ("f433d53fcdc7eab5ba1767c6be7ba525", to_hex(view_of(sha512)));
  EXPECT_EQ("95e1535ca38ad9d40ef456dddceefb53", to_hex(view_of(hmac)));
  for (const LocatorKind kind : {LocatorKind::sha256, LocatorKind::sha512, LocatorKind::hmac_sha256}) {
    LocatorKind read = LocatorKind::sha256;
    EXPECT_TRUE(parse_locator_kind(to_text(kind), &read));
    EXPECT_EQ(kind, read);
  }
  LocatorKind kind;
  EXPECT_FALSE(parse_locator_kind("sha1", &kind));
}

// FIPS 180-4's "abc"; RFC 4231, cases 1, 2 and 6 (a secret that is longer than a block).
TEST(Digests, AreThoseOfTheirStandards) {
  EXPECT_EQ(
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e"
      "2"
      "a9ac94fa54ca49f",
      to_hex(view_of(sha512("abc"))));
  EXPECT_EQ("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            to_hex(view_of(hmac_sha256(std::string(20, '\x0b'), "Hi There"))));
  EXPECT_EQ("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            to_hex(view_of(hmac_sha256("Jefe", "what do ya want for nothing?"))));
  EXPECT_EQ(
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
      to_hex(view_of(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"))));
}

}  // namespace
}  // namespace keyward
