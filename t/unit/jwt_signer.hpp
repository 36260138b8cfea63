// The other side of a token, for tests: keys made at run time by OpenSSL, and signatures in the form of JWS.
#pragma once

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/base64url.hpp"
#include "base/digest.hpp"
#include "crypto/algorithm.hpp"
#include "crypto/ec_signature.hpp"

namespace keyward::test {

using crypto::Algorithm;
using crypto::KeyType;

inline void need(bool done) {
  if (!done) {
    throw std::runtime_error("OpenSSL failed in a test");
  }
}

inline const unsigned char *bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char *>(text.data());
}

// How a signature is made; the defaults are what JWS wants, others are for forgeries.
struct SignOptions {
  int salt_length = RSA_PSS_SALTLEN_DIGEST;
  const EVP_MD *mgf_digest = nullptr;  // that of the algorithm
  bool der = false;                    // ECDSA as OpenSSL writes it
};

class Signer {
 public:
  static Signer make(KeyType type, unsigned rsa_bits = 2048) {
    Signer signer(type);
    EVP_PKEY *key = type == KeyType::ed25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                    : type == KeyType::rsa   ? EVP_RSA_gen(rsa_bits)
                    : type == KeyType::p256  ? EVP_EC_gen("P-256")
                    : type == KeyType::p384  ? EVP_EC_gen("P-384")
                                             : EVP_EC_gen("P-521");
    need(key != nullptr);
    signer.key_.reset(key, EVP_PKEY_free);
    return signer;
  }

  static Signer secret(std::string bytes) {
    Signer signer(KeyType::secret);
    signer.secret_ = std::move(bytes);
    return signer;
  }

  // One for each process and type: RSA keys take long to make.
  static const Signer &shared(KeyType type) {
    static const std::vector<Signer> signers = {make(KeyType::ed25519), make(KeyType::p256),
                                                make(KeyType::p384),    make(KeyType::p521),
                                                make(KeyType::rsa),     secret(std::string(64, 's'))};
    init_crypto();
    return signers[static_cast<std::size_t>(type)];
  }

  KeyType type() const { return type_; }
  EVP_PKEY *key() const { return key_.get(); }
  const std::string &secret_bytes() const { return secret_; }

  static const EVP_MD *digest_of(Algorithm algorithm) {
    const std::string_view name = crypto::to_text(algorithm);
    const std::string_view bits = name.substr(name.size() - 3);
    return bits == "384" ? EVP_sha384() : bits == "512" ? EVP_sha512() : EVP_sha256();
  }

  std::string number(const char *name, std::size_t size = 0) const {
    BIGNUM *raw = nullptr;
    need(EVP_PKEY_get_bn_param(key_.get(), name, &raw) == 1);
    std::string bytes(size != 0 ? size : static_cast<std::size_t>(BN_num_bytes(raw)), '\0');
    need(BN_bn2binpad(raw, reinterpret_cast<unsigned char *>(bytes.data()), static_cast<int>(bytes.size())) >= 0);
    BN_free(raw);
    return bytes;
  }

  std::string ed25519_point() const {
    std::string point(32, '\0');
    std::size_t size = point.size();
    need(EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char *>(point.data()), &size) == 1);
    return point;
  }

  // The public key (or the secret) as a JWK; members such as R"("kid":"a")" go before the key's own.
  std::string jwk(const std::string &members = "") const {
    const auto part = [](const char *name, const std::string &bytes) {
      return std::string(",\"") + name + "\":\"" + to_base64url(bytes) + '"';
    };
    std::string text = "{" + members + (members.empty() ? "" : ",");
    switch (type_) {
      case KeyType::ed25519:
        return text + R"("kty":"OKP","crv":"Ed25519")" + part("x", ed25519_point()) + "}";
      case KeyType::rsa:
        return text + R"("kty":"RSA")" + part("n", number(OSSL_PKEY_PARAM_RSA_N)) +
               part("e", number(OSSL_PKEY_PARAM_RSA_E)) + "}";
      case KeyType::secret:
        return text + R"("kty":"oct")" + part("k", secret_) + "}";
      default:
        break;
    }
    const std::size_t size = crypto::ec_bytes(type_);
    const char *curve = type_ == KeyType::p256 ? "P-256" : type_ == KeyType::p384 ? "P-384" : "P-521";
    return text + R"("kty":"EC","crv":")" + curve + '"' + part("x", number(OSSL_PKEY_PARAM_EC_PUB_X, size)) +
           part("y", number(OSSL_PKEY_PARAM_EC_PUB_Y, size)) + "}";
  }

  std::string pem(bool with_private = false) const {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    need((with_private ? PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr)
                       : PEM_write_bio_PUBKEY(bio.get(), key_.get())) == 1);
    char *data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }

  std::string sign(Algorithm algorithm, std::string_view text, const SignOptions &options = {}) const {
    const EVP_MD *digest = digest_of(algorithm);
    if (type_ == KeyType::secret) {
      std::string tag(EVP_MAX_MD_SIZE, '\0');
      unsigned size = 0;
      HMAC(digest, secret_.data(), static_cast<int>(secret_.size()), bytes_of(text), text.size(),
           reinterpret_cast<unsigned char *>(tag.data()), &size);
      tag.resize(size);
      return tag;
    }
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_PKEY_CTX *settings = nullptr;
    need(EVP_DigestSignInit(context.get(), &settings, type_ == KeyType::ed25519 ? nullptr : digest, nullptr,
                            key_.get()) == 1);
    if (type_ == KeyType::rsa && algorithm >= Algorithm::ps256) {
      need(EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, options.salt_length) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(settings, options.mgf_digest != nullptr ? options.mgf_digest : digest) == 1);
    }
    std::size_t size = 0;
    need(EVP_DigestSign(context.get(), nullptr, &size, bytes_of(text), text.size()) == 1);
    std::string signature(size, '\0');
    need(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char *>(signature.data()), &size, bytes_of(text),
                        text.size()) == 1);
    signature.resize(size);
    return crypto::ec_bytes(type_) == 0 || options.der ? signature : from_der(signature);
  }

  // A whole token. header holds the members beside alg, each with a comma before it: R"(,"kid":"a")".
  std::string token(Algorithm algorithm, std::string_view claims, const std::string &header = "",
                    const SignOptions &options = {}) const {
    const std::string alg(crypto::to_text(algorithm));
    return raw_token(R"({"alg":")" + alg + '"' + header + "}", algorithm, claims, options);
  }

  // With a header as it stands, whatever it says.
  std::string raw_token(std::string_view header, Algorithm algorithm, std::string_view claims,
                        const SignOptions &options = {}) const {
    const std::string text = to_base64url(header) + '.' + to_base64url(claims);
    return text + '.' + to_base64url(sign(algorithm, text, options));
  }

 private:
  explicit Signer(KeyType type) : type_(type) {}

  std::string from_der(const std::string &der) const {
    const unsigned char *at = bytes_of(der);
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> signature(
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())), ECDSA_SIG_free);
    need(signature != nullptr);
    const std::size_t size = crypto::ec_bytes(type_);
    std::string out(2 * size, '\0');
    auto *to = reinterpret_cast<unsigned char *>(out.data());
    need(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), to, static_cast<int>(size)) >= 0 &&
         BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), to + size, static_cast<int>(size)) >= 0);
    return out;
  }

  KeyType type_;
  std::shared_ptr<EVP_PKEY> key_;
  std::string secret_;
};

struct AlgorithmOfKey {
  Algorithm algorithm;
  KeyType type;
};
inline constexpr AlgorithmOfKey kEveryAlgorithm[] = {
    {Algorithm::eddsa, KeyType::ed25519}, {Algorithm::es256, KeyType::p256},   {Algorithm::es384, KeyType::p384},
    {Algorithm::es512, KeyType::p521},    {Algorithm::rs256, KeyType::rsa},    {Algorithm::rs384, KeyType::rsa},
    {Algorithm::rs512, KeyType::rsa},     {Algorithm::ps256, KeyType::rsa},    {Algorithm::ps384, KeyType::rsa},
    {Algorithm::ps512, KeyType::rsa},     {Algorithm::hs256, KeyType::secret}, {Algorithm::hs384, KeyType::secret},
    {Algorithm::hs512, KeyType::secret}};

}  // namespace keyward::test
