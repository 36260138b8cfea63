// The signature algorithms of JOSE (RFC 7518, RFC 8037, RFC 9864) that are ever accepted, and the keys they belong to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace keyward::crypto {

enum class KeyType : std::uint8_t { ed25519, p256, p384, p521, rsa, secret };

enum class Algorithm : std::uint8_t {
  eddsa,  // with Ed25519 only; also named so
  es256,
  es384,
  es512,
  rs256,
  rs384,
  rs512,
  ps256,
  ps384,
  ps512,
  hs256,
  hs384,
  hs512
};

// By its exact name in a header, a JWK or the configuration. False for anything else: "none" in any spelling has no
// value here.
bool parse_algorithm(std::string_view name, Algorithm *algorithm) noexcept;
std::string_view to_text(Algorithm algorithm) noexcept;

class AlgorithmSet {
 public:
  constexpr AlgorithmSet() = default;  // empty
  constexpr AlgorithmSet(std::initializer_list<Algorithm> algorithms) noexcept {
    for (const Algorithm algorithm : algorithms) {
      bits_ |= bit(algorithm);
    }
  }
  static constexpr AlgorithmSet all() noexcept {
    AlgorithmSet set;
    set.bits_ = (std::uint32_t{1} << (static_cast<unsigned>(Algorithm::hs512) + 1)) - 1;
    return set;
  }
  // Those that sign with a private key.
  static constexpr AlgorithmSet asymmetric() noexcept {
    AlgorithmSet set;
    set.bits_ = bit(Algorithm::hs256) - 1;
    return set;
  }

  constexpr void add(Algorithm algorithm) noexcept { bits_ |= bit(algorithm); }
  constexpr bool has(Algorithm algorithm) const noexcept { return (bits_ & bit(algorithm)) != 0; }
  constexpr bool empty() const noexcept { return bits_ == 0; }
  friend constexpr AlgorithmSet operator&(AlgorithmSet a, AlgorithmSet b) noexcept {
    a.bits_ &= b.bits_;
    return a;
  }
  friend constexpr bool operator==(AlgorithmSet a, AlgorithmSet b) noexcept { return a.bits_ == b.bits_; }

 private:
  static constexpr std::uint32_t bit(Algorithm algorithm) noexcept {
    return std::uint32_t{1} << static_cast<unsigned>(algorithm);
  }
  std::uint32_t bits_ = 0;
};

// Shortest secrets, in bytes: as long as the hash (RFC 7518, section 3.2).
inline constexpr std::size_t kMinSecretBytes = 32;

// What a key of this type can verify; a secret's length, in bytes, decides with it.
AlgorithmSet algorithms_of(KeyType type, std::size_t secret_bytes = 0) noexcept;

}  // namespace keyward::crypto
