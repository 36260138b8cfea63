// RSASSA-PKCS1-v1_5 and RSASSA-PSS.
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <array>
#include <string>

#include "crypto/openssl.hpp"

namespace keyward::crypto {

namespace {

constexpr int kMinModulusBits = 2048;
constexpr int kMaxModulusBits = 8192;  // beyond, one signature takes most of a millisecond
constexpr int kMaxExponentBits = 64;   // OpenSSL's own bound for long moduli

constexpr std::array<Algorithm, 6> kAlgorithms = {Algorithm::rs256, Algorithm::rs384, Algorithm::rs512,
                                                  Algorithm::ps256, Algorithm::ps384, Algorithm::ps512};
using Contexts = std::array<PkeyContext, kAlgorithms.size()>;

bool is_pss(Algorithm algorithm) noexcept {
  return algorithm == Algorithm::ps256 || algorithm == Algorithm::ps384 || algorithm == Algorithm::ps512;
}

class RsaKey final : public VerificationKey {
 public:
  RsaKey(std::string_view modulus, std::string_view exponent, Pkey key, Contexts prepared)
      : VerificationKey(KeyType::rsa, algorithms_of(KeyType::rsa), {modulus, exponent}),
        size_(modulus.size()),
        key_(std::move(key)),
        prepared_(std::move(prepared)) {}

 private:
  Match check(Algorithm algorithm, std::string_view text, std::string_view signature) const noexcept override {
    if (signature.size() != size_) {
      return Match::no;
    }
    for (std::size_t i = 0; i < kAlgorithms.size(); ++i) {
      if (kAlgorithms[i] == algorithm) {
        // PKCS #1 with nothing after the padding is refused in silence; of PSS a silent no was a lack of memory.
        return verify_prepared(prepared_[i].get(), !is_pss(algorithm), hash(hash_of(algorithm), text),
                               bytes_of(signature), signature.size());
      }
    }
    return Match::no;
  }

  std::size_t size_;  // of the modulus, and so of each signature, in bytes
  Pkey key_;
  Contexts prepared_;
};

const EVP_MD *digest_of(Algorithm algorithm) noexcept {
  const Hash kind = hash_of(algorithm);
  return kind == Hash::sha256 ? EVP_sha256() : kind == Hash::sha384 ? EVP_sha384() : EVP_sha512();
}

PkeyContext prepare(EVP_PKEY *key, Algorithm algorithm) noexcept {
  PkeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  const EVP_MD *digest = digest_of(algorithm);
  const bool pss = is_pss(algorithm);
  const bool prepared =
      context && EVP_PKEY_verify_init(context.get()) == 1 &&
      EVP_PKEY_CTX_set_rsa_padding(context.get(), pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1 &&
      EVP_PKEY_CTX_set_signature_md(context.get(), digest) == 1 &&
      // RFC 7518, section 3.5: the salt is as long as the hash, and MGF1 uses the same.
      (!pss || (EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), RSA_PSS_SALTLEN_DIGEST) == 1 &&
                EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), digest) == 1));
  return prepared ? std::move(context) : nullptr;
}

KeyProblem problem_of(const BIGNUM *modulus, const BIGNUM *exponent) noexcept {
  if (BN_num_bits(modulus) < kMinModulusBits) {
    return KeyProblem::short_modulus;
  }
  if (BN_num_bits(modulus) > kMaxModulusBits) {
    return KeyProblem::long_modulus;
  }
  if (BN_is_odd(modulus) == 0) {
    return KeyProblem::bad_modulus;
  }
  const bool sane = BN_is_odd(exponent) != 0 && BN_is_one(exponent) == 0 && BN_num_bits(exponent) <= kMaxExponentBits;
  return sane ? KeyProblem::none : KeyProblem::bad_exponent;
}

std::string_view without_zeros(std::string_view number) noexcept {
  const std::size_t first = number.find_first_not_of('\0');
  return first == std::string_view::npos ? std::string_view() : number.substr(first);
}

Pkey make_rsa_pkey(const BIGNUM *modulus, const BIGNUM *exponent, KeyProblem *problem) noexcept {
  const std::unique_ptr<OSSL_PARAM_BLD, OpensslFree<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent) != 1) {
    *problem = KeyProblem::crypto_failure;
    return nullptr;
  }
  const std::unique_ptr<OSSL_PARAM, OpensslFree<OSSL_PARAM_free>> params(OSSL_PARAM_BLD_to_param(builder.get()));
  if (!params) {
    *problem = KeyProblem::crypto_failure;
    return nullptr;
  }
  return make_pkey("RSA", params.get(), KeyProblem::bad_modulus, problem);
}

}  // namespace

KeyPointer make_rsa_key(std::string_view modulus, std::string_view exponent, KeyProblem *problem) {
  modulus = without_zeros(modulus);
  exponent = without_zeros(exponent);
  // Looked at first, so that no megabyte becomes a number.
  if (modulus.size() > kMaxModulusBits / 8 || exponent.size() > kMaxExponentBits / 8) {
    *problem = modulus.size() > kMaxModulusBits / 8 ? KeyProblem::long_modulus : KeyProblem::bad_exponent;
    return nullptr;
  }
  const BigNumber n(BN_bin2bn(bytes_of(modulus), static_cast<int>(modulus.size()), nullptr));
  const BigNumber e(BN_bin2bn(bytes_of(exponent), static_cast<int>(exponent.size()), nullptr));
  *problem = n && e ? problem_of(n.get(), e.get()) : KeyProblem::crypto_failure;
  if (*problem != KeyProblem::none) {
    return nullptr;
  }
  Pkey key = make_rsa_pkey(n.get(), e.get(), problem);
  if (!key) {
    return nullptr;
  }
  Contexts prepared;
  for (std::size_t i = 0; i < kAlgorithms.size(); ++i) {
    prepared[i] = prepare(key.get(), kAlgorithms[i]);
    if (!prepared[i]) {
      openssl_out_of_memory();
      *problem = KeyProblem::crypto_failure;
      return nullptr;
    }
  }
  return std::make_shared<const RsaKey>(modulus, exponent, std::move(key), std::move(prepared));
}

}  // namespace keyward::crypto
