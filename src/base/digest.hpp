// SHA-2, HMAC and keyed 128-bit digests. Nothing here allocates or fails once init_crypto() has run.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/bytes.hpp"

namespace keyward {

// Once per process, before any other function of this file and of key/; false if the
// libraries can't be used. Safe to call again, and again after a fork.
bool init_crypto() noexcept;

// SHA-256 (FIPS 180-4). Thread-safe.
Sha256 sha256(std::string_view data) noexcept;

// The same of a text that comes in pieces. It is begun by begin(), without which it costs nothing.
class Sha256Stream {
 public:
  void begin() noexcept;
  void add(std::string_view piece) noexcept;
  Sha256 finish() noexcept;

 private:
  alignas(8) unsigned char state_[112];
};

// SHA-512 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), under a secret of any length. Thread-safe.
Sha512 sha512(std::string_view data) noexcept;
Sha256 hmac_sha256(std::string_view secret, std::string_view data) noexcept;

// A key for keyed_digest(): 128 bits, secret.
using DigestKey = Bytes<16>;

// SipHash-2-4 with 128 bits of output, under key. Thread-safe.
Digest keyed_digest(const DigestKey &key, std::string_view data) noexcept;
// The same over two parts, with no boundary that could be moved: the first part makes the key for the
// second, D(D(key', first), second), where key' is key with each byte xor 0x5c.
Digest keyed_digest(const DigestKey &key, std::string_view first, std::string_view second) noexcept;

// size random bytes from the kernel's generator.
void fill_random(void *out, std::size_t size) noexcept;

template <std::size_t N>
Bytes<N> random_bytes() noexcept {
  Bytes<N> bytes;
  fill_random(bytes.data(), N);
  return bytes;
}

// Compares without a data-dependent branch.
bool equal_constant_time(const void *a, const void *b, std::size_t size) noexcept;

// Overwrites secrets; never optimised away.
void wipe(void *data, std::size_t size) noexcept;

}  // namespace keyward
