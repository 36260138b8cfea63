// What all keys have: a type, algorithms, and a name of their material.
#include "crypto/verification_key.hpp"

#include <string>

#include "base/digest.hpp"

namespace keyward::crypto {

VerificationKey::VerificationKey(KeyType type, AlgorithmSet algorithms,
                                 std::initializer_list<std::string_view> material)
    : type_(type), algorithms_(algorithms) {
  // Each part's digest rather than the part: no boundary can be moved, and no copy of a secret is left in memory.
  std::string parts(1, static_cast<char>(type));
  for (const std::string_view part : material) {
    parts += view_of(sha256(part));
  }
  const Sha256 name = sha256(parts);
  id_ = locator_of(name);
}

}  // namespace keyward::crypto
