// Networks as keys' records hold them: what is read, packed, and found.
#include "base/networks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace keyward {
namespace {

std::string packed(const std::vector<std::string> &texts) {
  std::vector<Network> networks;
  std::string error, list;
  for (const std::string &text : texts) {
    EXPECT_TRUE(parse_network(text, &networks.emplace_back(), &error)) << error;
  }
  EXPECT_TRUE(pack_networks(std::move(networks), &list));
  EXPECT_TRUE(are_networks(list));
  return list;
}

std::string address(const std::string &text) {
  std::string bytes;
  EXPECT_TRUE(parse_address(text, &bytes)) << text;
  return bytes;
}

bool hold(const std::string &list, const std::string &text) { return hold_address(list, address(text)); }

TEST(Networks, AreSortedAndLeaveOutWhatLiesInAnother) {
  EXPECT_EQ("10.0.0.0/8 192.0.2.0/24 192.0.3.7 2001:db8::/32 2001:db9::1",
            networks_text(packed({"2001:db9::1", "192.0.3.7", "10.1.0.0/16", "2001:db8:1::/48", "192.0.2.0/24",
                                  "10.0.0.0/8", "10.2.3.4", "2001:db8::/32", "192.0.3.7/32"})));
  EXPECT_EQ("0.0.0.0/0 ::/0", networks_text(packed({"::1", "0.0.0.0/0", "::/0", "127.0.0.1"})));
}

TEST(Networks, AddressesAreFound) {
  const std::string list = packed({"10.0.0.0/8", "192.0.2.64/26", "192.0.2.7", "2001:db8::/33", "2001:db8:ffff::9"});
  for (const char *in : {"10.0.0.0", "10.255.255.255", "192.0.2.7", "192.0.2.64", "192.0.2.127", "2001:db8::",
                         "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "2001:db8:ffff::9", "::ffff:10.1.2.3"}) {
    EXPECT_TRUE(hold(list, in)) << in;
  }
  for (const char *out : {"9.255.255.255", "11.0.0.0", "0.0.0.0", "255.255.255.255", "192.0.2.6", "192.0.2.8",
                          "192.0.2.63", "192.0.2.128", "2001:db7:ffff::", "2001:db8:8000::", "2001:db8:ffff::8",
                          "::", "::10.1.2.3", "::ffff:11.1.2.3"}) {
    EXPECT_FALSE(hold(list, out)) << out;
  }
}

TEST(Networks, NobodyWithoutAnAddressAndNothingElseMatches) {
  const std::string all = packed({"0.0.0.0/0", "::/0"});
  EXPECT_FALSE(hold_address(all, {}));
  for (const char *text : {"u", "unix", "12345"}) {
    EXPECT_EQ(std::string(text).size() == 4, hold_address(all, text)) << text;
  }
  EXPECT_FALSE(hold_address({}, address("192.0.2.1")));
  EXPECT_FALSE(hold(packed({"::/0"}), "192.0.2.1"));
  EXPECT_FALSE(hold(packed({"::/0"}), "::ffff:192.0.2.1"));  // is IPv4
  EXPECT_FALSE(hold(packed({"0.0.0.0/0"}), "::1"));
  EXPECT_EQ(packed({"192.0.2.0/24"}), packed({"::ffff:192.0.2.0/120"}));
}

TEST(Networks, WhatIsNone) {
  Network network;
  std::string error, bytes;
  for (const char *text : {"",
                           "/",
                           "/8",
                           "10.0.0.0/",
                           "10.0.0.0/33",
                           "10.0.0.0/-1",
                           "10.0.0.0/08",
                           "10.0.0.0/8 ",
                           " 10.0.0.0",
                           "10.0.0",
                           "10.0.0.0.0",
                           "256.0.0.0",
                           "010.0.0.1",
                           "::/129",
                           ":::",
                           "fe80::1%eth0",
                           "example.org",
                           "10.0.0.0/8/8",
                           "2001:db8::/3x",
                           "0x7f.0.0.1"}) {
    EXPECT_FALSE(parse_network(text, &network, &error)) << text;
    EXPECT_NE(std::string::npos, error.find("is not a network")) << text;
    EXPECT_FALSE(parse_address(text, &bytes)) << text;
  }
  EXPECT_FALSE(parse_network(std::string_view("10.0.0.1\0x", 10), &network, &error));
  EXPECT_FALSE(parse_network("192.0.2.7/24", &network, &error));
  EXPECT_NE(std::string::npos, error.find("write 192.0.2.0/24, or the address alone")) << error;
  EXPECT_FALSE(parse_network("2001:db8::1/64", &network, &error));
  EXPECT_NE(std::string::npos, error.find("write 2001:db8::/64")) << error;
  EXPECT_FALSE(parse_network("1.0.0.0/0", &network, &error));
}

// An empty list means everywhere: what can't be packed must not become one.
TEST(Networks, NothingAndTooManyAreNoList) {
  std::string list = "as it was";
  EXPECT_FALSE(pack_networks({}, &list));
  std::vector<Network> many;
  std::string error;
  for (std::size_t i = 0; i <= kMaxNetworks; ++i) {
    EXPECT_TRUE(parse_network("10.0." + std::to_string(i) + ".0/24", &many.emplace_back(), &error));
  }
  EXPECT_FALSE(pack_networks(many, &list));
  EXPECT_EQ("as it was", list);
  many.pop_back();
  EXPECT_TRUE(pack_networks(many, &list));
  EXPECT_TRUE(are_networks(list));
  std::string common = "as it was";
  EXPECT_FALSE(common_networks(packed({"10.0.0.0/8"}), packed({"11.0.0.0/8", "::/0"}), &common));
  EXPECT_EQ("as it was", common);
}

TEST(Networks, WithinAndInCommon) {
  const std::string wide = packed({"10.0.0.0/8", "2001:db8::/32"});
  EXPECT_TRUE(are_within(packed({"10.1.0.0/16", "2001:db8::1"}), wide));
  EXPECT_TRUE(are_within(wide, wide));
  EXPECT_FALSE(are_within(packed({"10.1.0.0/16", "11.0.0.1"}), wide));
  EXPECT_FALSE(are_within(packed({"8.0.0.0/6"}), wide));
  EXPECT_FALSE(are_within(packed({"::/0"}), wide));
  std::string common;
  EXPECT_TRUE(common_networks(wide, packed({"10.1.0.0/16", "0.0.0.0/5", "2001::/16", "192.0.2.1"}), &common));
  EXPECT_EQ("10.1.0.0/16 2001:db8::/32", networks_text(common));
}

// Whatever is accepted on disk is what would have been written.
TEST(Networks, OnlyWhatIsPackedIsRead) {
  const std::string list = packed({"10.0.0.0/8", "192.0.2.7", "2001:db8::/32"});
  EXPECT_FALSE(are_networks({}));
  EXPECT_FALSE(are_networks(std::string(1, '\0')));
  EXPECT_FALSE(are_networks(list + "x"));
  for (std::size_t size = 0; size < list.size(); ++size) {
    const bool is_whole = size == 1 + 2 * 5;  // without the one that is IPv6
    EXPECT_EQ(is_whole, are_networks(std::string_view(list).substr(0, size))) << size;
  }
  for (std::size_t at = 0; at < list.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = list, again;
      changed[at] = static_cast<char>(value);
      if (are_networks(changed)) {
        EXPECT_TRUE(pack_networks(unpack_networks(changed), &again));
        EXPECT_EQ(changed, again);
      }
    }
  }
  // An IPv4 network that is written as IPv6.
  const std::string mapped("\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7\x80", 18);
  EXPECT_FALSE(are_networks(mapped));
}

// The look-up against looking at each.
TEST(Networks, AgreeWithAPlainSearch) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<Network> networks;
    std::string list, error;
    for (auto n = 1 + random() % 60; n > 0; --n) {
      const auto bits = random() % 33;
      const std::uint32_t number =
          bits == 0 ? 0 : static_cast<std::uint32_t>(random() % 4096 << 20U) & (0xffffffffU << (32 - bits));
      std::string text;
      for (unsigned shift : {24U, 16U, 8U, 0U}) {
        text += (text.empty() ? "" : ".") + std::to_string(number >> shift & 255U);
      }
      ASSERT_TRUE(parse_network(text + "/" + std::to_string(bits), &networks.emplace_back(), &error)) << error;
    }
    ASSERT_TRUE(pack_networks(networks, &list));
    ASSERT_TRUE(are_networks(list));
    for (int i = 0; i < 100; ++i) {
      const auto number = static_cast<std::uint32_t>(random());
      const std::string bytes = {static_cast<char>(number >> 24U), static_cast<char>(number >> 16U),
                                 static_cast<char>(number >> 8U), static_cast<char>(number)};
      const bool expected = std::any_of(networks.begin(), networks.end(), [&](const Network &network) {
        std::uint32_t base = 0;
        for (std::size_t at = 0; at < 4; ++at) {
          base = base << 8U | network.address[at];
        }
        return network.bits == 0 || (base ^ number) >> (32U - network.bits) == 0;
      });
      ASSERT_EQ(expected, hold_address(list, bytes));
    }
  }
}

}  // namespace
}  // namespace keyward
