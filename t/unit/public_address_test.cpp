// Addresses that a provider's metadata may lead to, and those of one's own network.
#include "fetch/public_address.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/un.h>

#include <string>

namespace keyward {
namespace {

bool is_public(const std::string &text) {
  sockaddr_storage storage = {};
  auto *in = reinterpret_cast<sockaddr_in *>(&storage);
  auto *in6 = reinterpret_cast<sockaddr_in6 *>(&storage);
  if (inet_pton(AF_INET, text.c_str(), &in->sin_addr) == 1) {
    storage.ss_family = AF_INET;
  } else {
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &in6->sin6_addr), 1) << text;
    storage.ss_family = AF_INET6;
  }
  return is_public_address(reinterpret_cast<const sockaddr *>(&storage));
}

TEST(PublicAddress, IsWhatEverybodyCanReach) {
  for (const char *address :
       {"1.1.1.1",        "8.8.8.8",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",    "126.255.255.255", "128.0.0.0",       "169.253.255.255", "169.255.0.0",
        "172.15.255.255", "172.32.0.0",      "192.0.1.0",       "192.167.255.255", "192.169.0.0",
        "198.17.255.255", "198.20.0.0",      "223.255.255.255", "2606:4700::1111", "2a00:1450::1",
        "2001:200::",     "2400::1",         "3ffe::1",         "64:ff9b::808:808"}) {
    EXPECT_TRUE(is_public(address)) << address;
  }
}

TEST(PublicAddress, IsNothingSpecial) {
  for (const char *address : {"0.0.0.0",
                              "0.1.2.3",
                              "10.0.0.0",
                              "10.255.255.255",
                              "100.64.0.0",
                              "100.127.255.255",
                              "127.0.0.1",
                              "127.255.255.255",
                              "169.254.169.254",
                              "172.16.0.0",
                              "172.31.255.255",
                              "192.0.0.1",
                              "192.0.2.1",
                              "192.168.0.0",
                              "192.168.255.255",
                              "198.18.0.0",
                              "198.19.255.255",
                              "198.51.100.7",
                              "203.0.113.9",
                              "224.0.0.1",
                              "239.1.2.3",
                              "240.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "::ffff:8.8.8.8",
                              "::ffff:127.0.0.1",
                              "::8.8.8.8",
                              "fe80::1",
                              "fc00::1",
                              "fdff::1",
                              "ff02::1",
                              "100::1",
                              "2001::1",
                              "2001:db8::1",
                              "2001:1ff::1",
                              "2002:808:808::1",
                              "2620:4f:8000::1",
                              "3fff:fff::1",
                              "4000::1",
                              "5f00::1",
                              "64:ff9b::7f00:1",
                              "64:ff9b::a00:1",
                              "64:ff9b:1::808:808",
                              "1fff::1"}) {
    EXPECT_FALSE(is_public(address)) << address;
  }
  sockaddr_un local = {};
  local.sun_family = AF_UNIX;
  EXPECT_FALSE(is_public_address(reinterpret_cast<const sockaddr *>(&local)));
}

}  // namespace
}  // namespace keyward
