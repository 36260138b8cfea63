// By IANA's registries of special-purpose addresses (RFC 6890). What isn't known to be public is not.
#include "fetch/public_address.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

namespace keyward {

namespace {

struct Network4 {
  std::uint32_t address;
  unsigned bits;
};

constexpr std::uint32_t of(unsigned a, unsigned b, unsigned c, unsigned d) { return a << 24 | b << 16 | c << 8 | d; }

constexpr Network4 kSpecial4[] = {
    {of(0, 0, 0, 0), 8},        // this network
    {of(10, 0, 0, 0), 8},       // private
    {of(100, 64, 0, 0), 10},    // shared by carriers
    {of(127, 0, 0, 0), 8},      // this host
    {of(169, 254, 0, 0), 16},   // link-local, where clouds keep their metadata
    {of(172, 16, 0, 0), 12},    // private
    {of(192, 0, 0, 0), 24},     // protocols
    {of(192, 0, 2, 0), 24},     // documentation
    {of(192, 31, 196, 0), 24},  // AS112
    {of(192, 52, 193, 0), 24},  // AMT
    {of(192, 88, 99, 0), 24},   // 6to4 relays
    {of(192, 168, 0, 0), 16},   // private
    {of(192, 175, 48, 0), 24},  // AS112
    {of(198, 18, 0, 0), 15},    // benchmarks
    {of(198, 51, 100, 0), 24},  // documentation
    {of(203, 0, 113, 0), 24},   // documentation
    {of(224, 0, 0, 0), 3},      // multicast, reserved, broadcast
};

bool is_public_4(std::uint32_t address) noexcept {
  return std::none_of(std::begin(kSpecial4), std::end(kSpecial4), [address](const Network4 &network) {
    return (address ^ network.address) >> (32 - network.bits) == 0;
  });
}

std::uint32_t read_4(const std::uint8_t *bytes) noexcept { return of(bytes[0], bytes[1], bytes[2], bytes[3]); }

struct Network6 {
  std::uint8_t bytes[8];
  unsigned bits;
};

// Of 2000::/3, which is all that is given out.
constexpr Network6 kSpecial6[] = {
    {{0x20, 0x01}, 23},                          // protocols, Teredo among them
    {{0x20, 0x01, 0x0d, 0xb8}, 32},              // documentation
    {{0x20, 0x02}, 16},                          // 6to4: a way to an IPv4 address
    {{0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48},  // AS112
    {{0x3f, 0xff}, 20},                          // documentation
};

bool has_prefix(const std::uint8_t *address, const std::uint8_t *prefix, unsigned bits) noexcept {
  const unsigned whole = bits / 8;
  const unsigned rest = bits % 8;
  return std::memcmp(address, prefix, whole) == 0 && (rest == 0 || (address[whole] ^ prefix[whole]) >> (8 - rest) == 0);
}

bool is_public_6(const std::uint8_t *bytes) noexcept {
  constexpr std::uint8_t kNat64[12] = {0x00, 0x64, 0xff, 0x9b};  // the IPv4 internet, from a network without it
  if (std::memcmp(bytes, kNat64, sizeof(kNat64)) == 0) {
    return is_public_4(read_4(bytes + sizeof(kNat64)));
  }
  return (bytes[0] & 0xe0) == 0x20 &&
         std::none_of(std::begin(kSpecial6), std::end(kSpecial6),
                      [bytes](const Network6 &network) { return has_prefix(bytes, network.bytes, network.bits); });
}

}  // namespace

bool is_public_address(const sockaddr *address) noexcept {
  if (address->sa_family == AF_INET) {
    sockaddr_in in = {};
    std::memcpy(&in, address, sizeof(in));
    return is_public_4(ntohl(in.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in6 = {};
    std::memcpy(&in6, address, sizeof(in6));
    return is_public_6(in6.sin6_addr.s6_addr);
  }
  return false;
}

}  // namespace keyward
