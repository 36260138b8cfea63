// A public key in PEM: read by OpenSSL, then made anew from its numbers, so that it is checked as a JWK is.
#include <openssl/core_names.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/digest.hpp"
#include "crypto/openssl.hpp"

namespace keyward::crypto {

namespace {

constexpr std::size_t kMaxPemBytes = 1 << 16;
constexpr std::string_view kBegin = "-----BEGIN ";

using Bio = std::unique_ptr<BIO, OpensslFree<BIO_free>>;

// One block of a PEM file; wiped, as it may hold a private key.
struct Block {
  Block() = default;
  ~Block() {
    if (data != nullptr) {
      wipe(data, static_cast<std::size_t>(size));
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
  }
  Block(const Block &) = delete;
  Block &operator=(const Block &) = delete;

  bool read(BIO *from) noexcept { return PEM_read_bio(from, &name, &header, &data, &size) == 1; }

  char *name = nullptr;
  char *header = nullptr;
  unsigned char *data = nullptr;
  long size = 0;
};

Pkey parse_block(const Block &block, KeyProblem *problem) noexcept {
  const std::string_view name = block.name;
  const unsigned char *at = block.data;
  Pkey key;
  if (name == "PUBLIC KEY") {
    key.reset(d2i_PUBKEY(nullptr, &at, block.size));
  } else if (name == "RSA PUBLIC KEY") {
    key.reset(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, block.size));
  } else {
    const bool is_private = name.find("PRIVATE KEY") != std::string_view::npos;
    const bool is_certificate =
        name == PEM_STRING_X509 || name == PEM_STRING_X509_OLD || name == PEM_STRING_X509_TRUSTED;
    *problem = is_private       ? KeyProblem::private_key
               : is_certificate ? KeyProblem::certificate
                                : KeyProblem::not_one_key;
    return nullptr;
  }
  if (!key || at != block.data + block.size) {
    *problem = openssl_out_of_memory() ? KeyProblem::crypto_failure : KeyProblem::bad_encoding;
    return nullptr;
  }
  return key;
}

// A number of the key, big-endian; empty if it has none.
std::string number_of(const EVP_PKEY *key, const char *name, std::size_t size = 0) {
  BIGNUM *raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) {
    return {};
  }
  const BigNumber number(raw);
  std::string bytes(std::max(size, static_cast<std::size_t>(BN_num_bytes(raw))), '\0');
  const int written =
      BN_bn2binpad(raw, reinterpret_cast<unsigned char *>(bytes.data()), static_cast<int>(bytes.size()));
  return written < 0 ? std::string() : bytes;
}

KeyPointer remake_ed25519(const EVP_PKEY *key, KeyProblem *problem) {
  std::array<unsigned char, 32> point = {};
  std::size_t size = point.size();
  if (EVP_PKEY_get_raw_public_key(key, point.data(), &size) != 1) {
    *problem = KeyProblem::crypto_failure;
    return nullptr;
  }
  return make_ed25519_key({reinterpret_cast<const char *>(point.data()), size}, problem);
}

KeyPointer remake_ec(const EVP_PKEY *key, KeyProblem *problem) {
  std::array<char, 32> group = {};
  std::size_t size = 0;
  const bool named =
      EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), &size) == 1;
  const std::string_view name = named ? std::string_view(group.data(), size) : std::string_view();
  struct Curve {
    std::string_view name;
    KeyType type;
    std::size_t bytes;
  };
  constexpr Curve kCurves[] = {
      {"prime256v1", KeyType::p256, 32}, {"secp384r1", KeyType::p384, 48}, {"secp521r1", KeyType::p521, 66}};
  for (const Curve &curve : kCurves) {
    if (curve.name == name) {
      return make_ec_key(curve.type, number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, curve.bytes),
                         number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, curve.bytes), problem);
    }
  }
  *problem = KeyProblem::unknown_curve;
  return nullptr;
}

KeyPointer remake(const EVP_PKEY *key, KeyProblem *problem) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519:
      return remake_ed25519(key, problem);
    case EVP_PKEY_EC:
      return remake_ec(key, problem);
    case EVP_PKEY_RSA:
      return make_rsa_key(number_of(key, OSSL_PKEY_PARAM_RSA_N), number_of(key, OSSL_PKEY_PARAM_RSA_E), problem);
    default:
      *problem = KeyProblem::unknown_type;
      return nullptr;
  }
}

}  // namespace

KeyPointer make_pem_key(std::string_view pem, KeyProblem *problem) {
  if (pem.size() > kMaxPemBytes) {
    *problem = KeyProblem::not_one_key;
    return nullptr;
  }
  openssl_out_of_memory();
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) {
    *problem = KeyProblem::crypto_failure;
    return nullptr;
  }
  Block block;
  if (!block.read(bio.get())) {
    *problem = openssl_out_of_memory() ? KeyProblem::crypto_failure : KeyProblem::not_one_key;
    return nullptr;
  }
  const Pkey key = parse_block(block, problem);
  if (!key) {
    openssl_out_of_memory();
    return nullptr;
  }
  // Readable or not: which of two keys was meant is not ours to choose.
  if (pem.find(kBegin) != pem.rfind(kBegin)) {
    *problem = KeyProblem::not_one_key;
    return nullptr;
  }
  KeyPointer made = remake(key.get(), problem);
  openssl_out_of_memory();
  return made;
}

}  // namespace keyward::crypto
