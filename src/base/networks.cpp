// Networks: read, packed, and looked up by halving.
#include "base/networks.hpp"

#include <arpa/inet.h>
#include <endian.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <tuple>
#include <utility>

#include "base/quote.hpp"

namespace keyward {
namespace {

// The first twelve bytes of an IPv4 address that is written as IPv6.
constexpr char kMapped[] = "\0\0\0\0\0\0\0\0\0\0\xff\xff";
constexpr std::size_t kMappedBytes = 12;
constexpr std::uint8_t kMappedBits = 96;

// The net's order is that of numbers, highest byte first.
std::uint32_t load32(const char *bytes) noexcept {
  std::uint32_t number = 0;
  std::memcpy(&number, bytes, sizeof(number));
  return be32toh(number);
}
std::uint64_t load64(const char *bytes) noexcept {
  std::uint64_t number = 0;
  std::memcpy(&number, bytes, sizeof(number));
  return be64toh(number);
}

struct Ipv4 {
  using Number = std::uint32_t;
  static constexpr std::size_t kBytes = 4;
  static Number read(const char *bytes) noexcept { return load32(bytes); }
  static Number mask(unsigned bits) noexcept { return static_cast<Number>(~(std::uint64_t{0xffffffff} >> bits)); }
  static bool covers(Number network, unsigned bits, Number address) noexcept {
    return ((network ^ address) & mask(bits)) == 0;
  }
  static bool has_rest(Number network, unsigned bits) noexcept { return (network & ~mask(bits)) != 0; }
};

struct Ipv6 {
  using Number = std::pair<std::uint64_t, std::uint64_t>;
  static constexpr std::size_t kBytes = 16;
  static Number read(const char *bytes) noexcept { return {load64(bytes), load64(bytes + 8)}; }
  static Number mask(unsigned bits) noexcept {
    constexpr std::uint64_t kAll = ~std::uint64_t{0};
    return {bits >= 64 ? kAll : ~(kAll >> bits), bits <= 64 ? 0 : bits == 128 ? kAll : ~(kAll >> (bits - 64))};
  }
  static bool covers(const Number &network, unsigned bits, const Number &address) noexcept {
    const Number by = mask(bits);
    return ((network.first ^ address.first) & by.first) == 0 && ((network.second ^ address.second) & by.second) == 0;
  }
  static bool has_rest(const Number &network, unsigned bits) noexcept {
    const Number by = mask(bits);
    return (network.first & ~by.first) != 0 || (network.second & ~by.second) != 0;
  }
};

template <typename Family>
inline constexpr std::size_t kEntryBytes = Family::kBytes + 1;

template <typename Family>
unsigned bits_at(const char *entry) noexcept {
  return static_cast<std::uint8_t>(entry[Family::kBytes]);
}

// The one network that begins last before the address, or with it, is the only one that it can lie in.
template <typename Family>
bool holds(std::string_view entries, const char *bytes) noexcept {
  const auto address = Family::read(bytes);
  std::size_t low = 0, high = entries.size() / kEntryBytes<Family>;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (address < Family::read(entries.data() + middle * kEntryBytes<Family>)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  if (low == 0) {
    return false;
  }
  const char *entry = entries.data() + (low - 1) * kEntryBytes<Family>;
  return Family::covers(Family::read(entry), bits_at<Family>(entry), address);
}

template <typename Family>
bool are_entries(std::string_view entries) noexcept {
  if (entries.size() % kEntryBytes<Family> != 0) {
    return false;
  }
  const char *before = nullptr;
  for (const char *entry = entries.data(); entry != entries.data() + entries.size(); entry += kEntryBytes<Family>) {
    const auto network = Family::read(entry);
    const unsigned bits = bits_at<Family>(entry);
    if (bits > 8 * Family::kBytes || Family::has_rest(network, bits)) {
      return false;
    }
    if (before != nullptr &&
        (!(Family::read(before) < network) || Family::covers(Family::read(before), bits_at<Family>(before), network))) {
      return false;
    }
    before = entry;
  }
  return true;
}

struct Split {
  std::string_view ipv4, ipv6;
};

Split split(std::string_view packed) noexcept {
  if (packed.empty()) {
    return {};
  }
  const std::size_t size = static_cast<std::uint8_t>(packed.front()) * kEntryBytes<Ipv4>;
  packed.remove_prefix(1);
  return size > packed.size() ? Split() : Split{packed.substr(0, size), packed.substr(size)};
}

const char *bytes_of(const Network &network) noexcept { return reinterpret_cast<const char *>(network.address.data()); }

bool is_mapped(const Network &network) noexcept {
  return network.is_ipv6 && network.bits >= kMappedBits && std::memcmp(bytes_of(network), kMapped, kMappedBytes) == 0;
}

void unmap(Network *network) noexcept {
  Bytes<16> address = {};
  std::copy(network->address.begin() + kMappedBytes, network->address.end(), address.begin());
  network->address = address;
  network->bits = static_cast<std::uint8_t>(network->bits - kMappedBits);
  network->is_ipv6 = false;
}

bool lies_in(const Network &inner, const Network &outer) noexcept {
  if (inner.is_ipv6 != outer.is_ipv6 || inner.bits < outer.bits) {
    return false;
  }
  const char *in = bytes_of(inner), *out = bytes_of(outer);
  return inner.is_ipv6 ? Ipv6::covers(Ipv6::read(out), outer.bits, Ipv6::read(in))
                       : Ipv4::covers(Ipv4::read(out), outer.bits, Ipv4::read(in));
}

bool has_rest(const Network &network) noexcept {
  return network.is_ipv6 ? Ipv6::has_rest(Ipv6::read(bytes_of(network)), network.bits)
                         : Ipv4::has_rest(Ipv4::read(bytes_of(network)), network.bits);
}

void cut_rest(Network *network) noexcept {
  for (std::size_t i = 0; i < network->address.size(); ++i) {
    const std::size_t kept = std::min<std::size_t>(8, std::max<std::size_t>(network->bits, 8 * i) - 8 * i);
    network->address[i] &= static_cast<std::uint8_t>(0xff00U >> kept);
  }
}

// An address in digits, of either family. inet_pton() wants a text that ends in NUL.
bool read_address(std::string_view text, Network *network) noexcept {
  char buffer[INET6_ADDRSTRLEN] = {};
  if (text.empty() || text.size() >= sizeof(buffer) || text.find('\0') != std::string_view::npos) {
    return false;
  }
  std::memcpy(buffer, text.data(), text.size());
  network->is_ipv6 = text.find(':') != std::string_view::npos;
  network->bits = network->is_ipv6 ? 128 : 32;
  return inet_pton(network->is_ipv6 ? AF_INET6 : AF_INET, buffer, network->address.data()) == 1;
}

}  // namespace

bool parse_address(std::string_view text, std::string *address) {
  Network network;
  if (!read_address(text, &network)) {
    return false;
  }
  if (is_mapped(network)) {
    unmap(&network);
  }
  address->assign(bytes_of(network), network.is_ipv6 ? Ipv6::kBytes : Ipv4::kBytes);
  return true;
}

bool parse_network(std::string_view text, Network *network, std::string *error) {
  const std::size_t slash = text.find('/');
  *network = {};
  bool good = read_address(text.substr(0, slash), network);
  if (good && slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    unsigned bits = 0;
    const auto [stop, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    good = problem == std::errc() && stop == digits.data() + digits.size() && bits <= network->bits &&
           (digits.size() == 1 || digits.front() != '0');
    network->bits = static_cast<std::uint8_t>(bits);
  }
  if (!good) {
    *error = quote(text) + " is not a network; write one such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32";
    return false;
  }
  if (has_rest(*network)) {
    Network whole = *network;
    cut_rest(&whole);
    *error = quote(text) + " has bits set behind its length; write " + to_text(whole) + ", or the address alone";
    return false;
  }
  if (is_mapped(*network)) {
    unmap(network);
  }
  return true;
}

bool pack_networks(std::vector<Network> networks, std::string *packed) {
  std::sort(networks.begin(), networks.end(), [](const Network &a, const Network &b) {
    return std::tie(a.is_ipv6, a.address, a.bits) < std::tie(b.is_ipv6, b.address, b.bits);
  });
  // Whatever lies in another one comes behind it, and nothing that lies elsewhere comes between.
  std::vector<Network> kept;
  std::size_t ipv4 = 0;
  for (const Network &network : networks) {
    if (kept.empty() || !lies_in(network, kept.back())) {
      kept.push_back(network);
      ipv4 += network.is_ipv6 ? 0U : 1U;
    }
  }
  if (kept.empty() || kept.size() > kMaxNetworks) {
    return false;
  }
  packed->assign(1, static_cast<char>(ipv4));
  for (const Network &network : kept) {
    packed->append(bytes_of(network), network.is_ipv6 ? Ipv6::kBytes : Ipv4::kBytes);
    packed->push_back(static_cast<char>(network.bits));
  }
  return true;
}

bool are_networks(std::string_view packed) noexcept {
  const auto [ipv4, ipv6] = split(packed);
  const std::size_t count = ipv4.size() / kEntryBytes<Ipv4> + ipv6.size() / kEntryBytes<Ipv6>;
  if (count == 0 || count > kMaxNetworks || 1 + ipv4.size() + ipv6.size() != packed.size() ||
      !are_entries<Ipv4>(ipv4) || !are_entries<Ipv6>(ipv6)) {
    return false;
  }
  for (std::size_t at = 0; at < ipv6.size(); at += kEntryBytes<Ipv6>) {
    if (std::memcmp(ipv6.data() + at, kMapped, kMappedBytes) == 0 && bits_at<Ipv6>(ipv6.data() + at) >= kMappedBits) {
      return false;  // it is an IPv4 one
    }
  }
  return true;
}

std::vector<Network> unpack_networks(std::string_view packed) {
  std::vector<Network> networks;
  const auto [ipv4, ipv6] = split(packed);
  const auto take = [&networks](std::string_view entries, std::size_t bytes, bool is_ipv6) {
    for (std::size_t at = 0; at + bytes < entries.size(); at += bytes + 1) {
      Network &network = networks.emplace_back();
      std::memcpy(network.address.data(), entries.data() + at, bytes);
      network.bits = static_cast<std::uint8_t>(entries[at + bytes]);
      network.is_ipv6 = is_ipv6;
    }
  };
  take(ipv4, Ipv4::kBytes, false);
  take(ipv6, Ipv6::kBytes, true);
  return networks;
}

std::string to_text(const Network &network) {
  char buffer[INET6_ADDRSTRLEN] = {};
  inet_ntop(network.is_ipv6 ? AF_INET6 : AF_INET, network.address.data(), buffer, sizeof(buffer));
  std::string text(buffer);
  if (network.bits != (network.is_ipv6 ? 128 : 32)) {
    text.append("/").append(std::to_string(network.bits));
  }
  return text;
}

std::string networks_text(std::string_view packed) {
  std::string text;
  for (const Network &network : unpack_networks(packed)) {
    text.append(text.empty() ? "" : " ").append(to_text(network));
  }
  return text;
}

bool hold_address(std::string_view packed, std::string_view address) noexcept {
  const auto [ipv4, ipv6] = split(packed);
  switch (address.size()) {
    case Ipv4::kBytes:
      return holds<Ipv4>(ipv4, address.data());
    case Ipv6::kBytes:
      return holds<Ipv6>(ipv6, address.data());
    default:
      return false;
  }
}

bool are_within(std::string_view inner, std::string_view outer) {
  const std::vector<Network> around = unpack_networks(outer), within = unpack_networks(inner);
  return std::all_of(within.begin(), within.end(), [&around](const Network &network) {
    return std::any_of(around.begin(), around.end(),
                       [&network](const Network &each) { return lies_in(network, each); });
  });
}

bool common_networks(std::string_view one, std::string_view other, std::string *common) {
  const std::vector<Network> a = unpack_networks(one), b = unpack_networks(other);
  std::vector<Network> both;
  for (const Network &network : a) {
    for (const Network &each : b) {
      if (lies_in(network, each)) {
        both.push_back(network);
      } else if (lies_in(each, network)) {
        both.push_back(each);
      }
    }
  }
  return pack_networks(std::move(both), common);
}

}  // namespace keyward
