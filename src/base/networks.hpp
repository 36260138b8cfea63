// Addresses and lists of networks. A list is packed as a key's record holds it, so that looking an address up needs no
// memory and few steps: how many IPv4 networks (u8), these (4 bytes and u8 bits each), and then IPv6 ones (16 and u8). Both
// ascend, and no network of a list lies in another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace keyward {

inline constexpr std::size_t kMaxNetworks = 128;

// As it lies in a socket: 4 or 16 bytes. An IPv4 address that is written as IPv6 (::ffff:192.0.2.1) has 4. A local
// socket's client has none.
bool parse_address(std::string_view text, std::string *address);

struct Network {
  Bytes<16> address = {};  // of IPv4 the first four
  std::uint8_t bits = 0;
  bool is_ipv6 = false;
};
// "192.0.2.7", "192.0.2.0/24", "2001:db8::/32"; the error says what is wrong and what to write instead.
bool parse_network(std::string_view text, Network *network, std::string *error);

// What lies in another one is left out. false: none is left, or more than kMaxNetworks are; *packed stays as it was, as
// nothing else than that may be taken for "no list".
bool pack_networks(std::vector<Network> networks, std::string *packed);
// Whether it is what pack_networks() makes of at least one.
bool are_networks(std::string_view packed) noexcept;
std::vector<Network> unpack_networks(std::string_view packed);
std::string to_text(const Network &network);
// Separated by single spaces.
std::string networks_text(std::string_view packed);

// Whether an address lies in one of them; an empty address doesn't. Costs some ten nanoseconds among a hundred.
bool hold_address(std::string_view packed, std::string_view address) noexcept;
// Whether each of `inner` lies in one of `outer`.
bool are_within(std::string_view inner, std::string_view outer);
// What lies in both lists. false: nothing does, or more than a list can have.
bool common_networks(std::string_view one, std::string_view other, std::string *common);

}  // namespace keyward
