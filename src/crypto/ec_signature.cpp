// From r and s to DER.
#include "crypto/ec_signature.hpp"

#include <cstring>

namespace keyward::crypto {

namespace {

// SP 800-186, sections 3.2.1.3 to 3.2.1.5: the orders, big-endian.
constexpr char kOrder256[] =
    "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"
    "\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";
constexpr char kOrder384[] =
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
    "\xc7\x63\x4d\x81\xf4\x37\x2d\xdf\x58\x1a\x0d\xb2\x48\xb0\xa7\x7a\xec\xec\x19\x6a\xcc\xc5\x29\x73";
constexpr char kOrder521[] =
    "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
    "\xff"
    "\xff\xff\xff\xff\xfa\x51\x86\x87\x83\xbf\x2f\x96\x6b\x7f\xcc\x01\x48\xf7\x09\xa5\xd0\x3b\xb5\xc9\xb8\x89\x9c\x47"
    "\xae"
    "\xbb\x6f\xb7\x1e\x91\x38\x64\x09";

std::string_view order_of(KeyType curve) noexcept {
  return curve == KeyType::p256   ? std::string_view(kOrder256, sizeof(kOrder256) - 1)
         : curve == KeyType::p384 ? std::string_view(kOrder384, sizeof(kOrder384) - 1)
         : curve == KeyType::p521 ? std::string_view(kOrder521, sizeof(kOrder521) - 1)
                                  : std::string_view();
}

// Comparison of string_views is of unsigned bytes, so of big-endian numbers of one length.
bool is_in_range(std::string_view number, std::string_view order) noexcept {
  return number.find_first_not_of('\0') != std::string_view::npos && number < order;
}

std::uint8_t *put(std::uint8_t *out, std::string_view bytes) noexcept {
  std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

// number isn't 0.
std::uint8_t *put_integer(std::uint8_t *out, std::string_view number) noexcept {
  number.remove_prefix(number.find_first_not_of('\0'));
  const bool signed_bit = (static_cast<unsigned char>(number.front()) & 0x80) != 0;
  *out++ = 0x02;
  *out++ = static_cast<std::uint8_t>(number.size() + (signed_bit ? 1 : 0));
  if (signed_bit) {
    *out++ = 0;
  }
  return put(out, number);
}

}  // namespace

std::size_t ec_bytes(KeyType curve) noexcept { return order_of(curve).size(); }

bool to_der(KeyType curve, std::string_view signature, DerSignature *der) noexcept {
  const std::string_view order = order_of(curve);
  if (order.empty() || signature.size() != 2 * order.size()) {
    return false;
  }
  const std::string_view r = signature.substr(0, order.size());
  const std::string_view s = signature.substr(order.size());
  if (!is_in_range(r, order) || !is_in_range(s, order)) {
    return false;
  }
  std::array<std::uint8_t, 2 * (2 + 1 + 66)> body;
  const std::uint8_t *end = put_integer(put_integer(body.data(), r), s);
  const auto size = static_cast<std::size_t>(end - body.data());
  std::uint8_t *out = der->bytes.data();
  *out++ = 0x30;
  if (size >= 0x80) {
    *out++ = 0x81;
  }
  *out++ = static_cast<std::uint8_t>(size);
  out = put(out, {reinterpret_cast<const char *>(body.data()), size});
  der->size = static_cast<std::size_t>(out - der->bytes.data());
  return true;
}

}  // namespace keyward::crypto
