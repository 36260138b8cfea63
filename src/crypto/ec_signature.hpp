// ECDSA signatures as JWS has them (RFC 7518, section 3.4): r and s, each as long as the curve's order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "crypto/algorithm.hpp"

namespace keyward::crypto {

// The octets of a coordinate, and of r and s: 32, 48 or 66.
std::size_t ec_bytes(KeyType curve) noexcept;

struct DerSignature {
  std::array<std::uint8_t, 144> bytes;  // 3 + 2 * (2 + 1 + 66) at most
  std::size_t size;
};

// The same in DER, which OpenSSL wants. False for a wrong length (DER itself among them), and for r or s that aren't in
// 1 to the order less 1.
bool to_der(KeyType curve, std::string_view signature, DerSignature *der) noexcept;

}  // namespace keyward::crypto
