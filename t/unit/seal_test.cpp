// The checksum of records: whatever changes, it doesn't hold any more.
#include "store/environment/seal.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/hex.hpp"

namespace keyward {
namespace {

Bytes<kSecretBytes> secret(std::uint8_t first) {
  Bytes<kSecretBytes> bytes = {};
  bytes[0] = first;
  return bytes;
}

TEST(Seal, OpensWhatItSealed) {
  init_crypto();
  const Seal seal(secret(1));
  for (const std::string &content : {std::string(), std::string("x"), std::string(3000, '\0')}) {
    const std::string stored = seal.sealed(Table::keys, "key_1", content);
    EXPECT_EQ(content.size() + kSealBytes, stored.size());
    std::string_view opened;
    Digest tag = {};
    ASSERT_TRUE(seal.open(Table::keys, "key_1", stored, &opened, &tag));
    EXPECT_EQ(content, opened);
    EXPECT_EQ(tag, seal.tag(Table::keys, "key_1", content));
  }
}

TEST(Seal, RefusesEveryFlippedBitAndEveryTruncation) {
  const Seal seal(secret(1));
  const std::string stored = seal.sealed(Table::index, "locator", "key_1 and more");
  std::string_view content;
  for (std::size_t bit = 0; bit < stored.size() * 8; ++bit) {
    std::string flipped = stored;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(seal.open(Table::index, "locator", flipped, &content)) << bit;
  }
  for (std::size_t length = 0; length < stored.size(); ++length) {
    EXPECT_FALSE(seal.open(Table::index, "locator", std::string_view(stored).substr(0, length), &content)) << length;
  }
}

TEST(Seal, BelongsToOneSecretTableAndKey) {
  const Seal seal(secret(1));
  const std::string stored = seal.sealed(Table::keys, "ab", "c");
  std::string_view content;
  EXPECT_FALSE(Seal(secret(2)).open(Table::keys, "ab", stored, &content));
  EXPECT_FALSE(seal.open(Table::index, "ab", stored, &content));
  EXPECT_FALSE(seal.open(Table::keys, "ac", stored, &content));
  EXPECT_FALSE(seal.open(Table::keys, "a", seal.sealed(Table::keys, "a", "bc").replace(0, 2, "c"), &content));
  EXPECT_NE(seal.tag(Table::keys, "ab", "c"), seal.tag(Table::keys, "a", "bc"));
}

TEST(Seal, TablesAndUsageNamesDiffer) {
  const Seal seal(secret(1));
  std::set<Digest> seen = {seal.usage_name("key_1"), Seal(secret(2)).usage_name("key_1"), seal.usage_name("key_2")};
  for (std::size_t table = 0; table < kTableCount; ++table) {
    seen.insert(seal.tag(static_cast<Table>(table), "key_1", ""));
  }
  EXPECT_EQ(3 + kTableCount, seen.size());
}

// What lies on disks has to be found by later versions: this pins the derivation.
TEST(Seal, KnownAnswers) {
  const Seal seal(secret(7));
  EXPECT_EQ("cd86e7ce5d7704eb3db991a24a440fb4", to_hex(view_of(seal.tag(Table::keys, "key_1", "content"))));
  EXPECT_EQ("79b95cc426cfebc3889dc8193c884196", to_hex(view_of(seal.usage_name("key_1"))));
}

}  // namespace
}  // namespace keyward
