// Names of algorithms, and which key can verify which.
#include "crypto/algorithm.hpp"

namespace keyward::crypto {

namespace {

struct Name {
  std::string_view text;
  Algorithm algorithm;
};

// The first name of an algorithm is the one that is shown.
constexpr Name kNames[] = {{"EdDSA", Algorithm::eddsa}, {"ES256", Algorithm::es256},  {"ES384", Algorithm::es384},
                           {"ES512", Algorithm::es512}, {"RS256", Algorithm::rs256},  {"RS384", Algorithm::rs384},
                           {"RS512", Algorithm::rs512}, {"PS256", Algorithm::ps256},  {"PS384", Algorithm::ps384},
                           {"PS512", Algorithm::ps512}, {"HS256", Algorithm::hs256},  {"HS384", Algorithm::hs384},
                           {"HS512", Algorithm::hs512}, {"Ed25519", Algorithm::eddsa}};

}  // namespace

bool parse_algorithm(std::string_view name, Algorithm *algorithm) noexcept {
  for (const Name &known : kNames) {
    if (known.text == name) {
      *algorithm = known.algorithm;
      return true;
    }
  }
  return false;
}

std::string_view to_text(Algorithm algorithm) noexcept {
  for (const Name &known : kNames) {
    if (known.algorithm == algorithm) {
      return known.text;
    }
  }
  return {};
}

AlgorithmSet algorithms_of(KeyType type, std::size_t secret_bytes) noexcept {
  switch (type) {
    case KeyType::ed25519:
      return {Algorithm::eddsa};
    case KeyType::p256:
      return {Algorithm::es256};
    case KeyType::p384:
      return {Algorithm::es384};
    case KeyType::p521:
      return {Algorithm::es512};
    case KeyType::rsa:
      return {Algorithm::rs256, Algorithm::rs384, Algorithm::rs512,
              Algorithm::ps256, Algorithm::ps384, Algorithm::ps512};
    case KeyType::secret:
      break;
  }
  if (secret_bytes < kMinSecretBytes) {
    return {};
  }
  if (secret_bytes < 48) {
    return {Algorithm::hs256};
  }
  return secret_bytes < 64 ? AlgorithmSet{Algorithm::hs256, Algorithm::hs384}
                           : AlgorithmSet{Algorithm::hs256, Algorithm::hs384, Algorithm::hs512};
}

}  // namespace keyward::crypto
