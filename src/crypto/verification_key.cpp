// What all keys have: a type, algorithms, and a name of their material.
#include "crypto/verification_key.hpp"

#include <string>

#include "base/digest.hpp"

namespace keyward::crypto {

namespace {

// Of libsodium for Ed25519, and of OpenSSL for the others. An RSA key's grows with the square of its length.
std::uint32_t cost_of(KeyType type, std::size_t bytes) noexcept {
  constexpr std::size_t kUsualModulus = 256;
  switch (type) {
    case KeyType::ed25519:
      return 70;
    case KeyType::p256:
      return 80;
    case KeyType::p384:
      return 800;
    case KeyType::p521:
      return 1000;
    case KeyType::rsa:
      return static_cast<std::uint32_t>(1 + 20 * bytes * bytes / (kUsualModulus * kUsualModulus));
    case KeyType::secret:
      break;
  }
  return 2;
}

}  // namespace

VerificationKey::VerificationKey(KeyType type, AlgorithmSet algorithms,
                                 std::initializer_list<std::string_view> material)
    : type_(type), algorithms_(algorithms), cost_us_(cost_of(type, material.begin()->size())) {
  // Each part's digest rather than the part: no boundary can be moved, and no copy of a secret is left in memory.
  std::string parts(1, static_cast<char>(type));
  for (const std::string_view part : material) {
    parts += view_of(sha256(part));
  }
  const Sha256 name = sha256(parts);
  id_ = locator_of(name);
}

}  // namespace keyward::crypto
