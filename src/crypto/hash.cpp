// SHA-2 by OpenSSL's plain functions; see base/digest.cpp for why.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/hash.hpp"

#include <openssl/sha.h>

namespace keyward::crypto {

Hash hash_of(Algorithm algorithm) noexcept {
  switch (algorithm) {
    case Algorithm::eddsa:
    case Algorithm::es256:
    case Algorithm::rs256:
    case Algorithm::ps256:
    case Algorithm::hs256:
      return Hash::sha256;
    case Algorithm::es384:
    case Algorithm::rs384:
    case Algorithm::ps384:
    case Algorithm::hs384:
      return Hash::sha384;
    case Algorithm::es512:
    case Algorithm::rs512:
    case Algorithm::ps512:
    case Algorithm::hs512:
      break;
  }
  return Hash::sha512;
}

HashValue hash(Hash kind, std::string_view text) noexcept {
  HashValue value = {};
  if (kind == Hash::sha256) {
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, text.data(), text.size());
    SHA256_Final(value.bytes.data(), &context);
    value.size = SHA256_DIGEST_LENGTH;
    return value;
  }
  SHA512_CTX context;
  if (kind == Hash::sha384) {
    SHA384_Init(&context);
  } else {
    SHA512_Init(&context);
  }
  SHA512_Update(&context, text.data(), text.size());
  SHA512_Final(value.bytes.data(), &context);  // writes as many bytes as the context was made for
  value.size = kind == Hash::sha384 ? std::size_t{SHA384_DIGEST_LENGTH} : std::size_t{SHA512_DIGEST_LENGTH};
  return value;
}

}  // namespace keyward::crypto
