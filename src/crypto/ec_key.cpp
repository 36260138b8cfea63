// ECDSA on P-256, P-384 and P-521.
#include <openssl/core_names.h>
#include <openssl/params.h>

#include <string>

#include "crypto/ec_signature.hpp"
#include "crypto/openssl.hpp"

namespace keyward::crypto {

namespace {

class EcKey final : public VerificationKey {
 public:
  EcKey(KeyType curve, std::string_view point, Pkey key, PkeyContext prepared)
      : VerificationKey(curve, algorithms_of(curve), {point}), key_(std::move(key)), prepared_(std::move(prepared)) {}

 private:
  Match check(Algorithm algorithm, std::string_view text, std::string_view signature) const noexcept override {
    DerSignature der = {};
    if (!to_der(type(), signature, &der)) {
      return Match::no;
    }
    // With r and s in range a wrong signature is no error to OpenSSL.
    return verify_prepared(prepared_.get(), true, hash(hash_of(algorithm), text), der.bytes.data(), der.size);
  }

  Pkey key_;
  PkeyContext prepared_;
};

const char *name_of(KeyType curve) noexcept {
  return curve == KeyType::p256 ? "P-256" : curve == KeyType::p384 ? "P-384" : "P-521";
}

}  // namespace

KeyPointer make_ec_key(KeyType curve, std::string_view x, std::string_view y, KeyProblem *problem) {
  if (x.size() != ec_bytes(curve) || y.size() != x.size()) {
    *problem = KeyProblem::wrong_length;
    return nullptr;
  }
  std::string group = name_of(curve);
  std::string point = "\x04";  // uncompressed (SEC 1, section 2.3.3)
  point.append(x).append(y);
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size()),
                         OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
                         OSSL_PARAM_construct_end()};
  Pkey key = make_pkey("EC", params, KeyProblem::point_off_curve, problem);
  if (!key) {
    return nullptr;
  }
  // Making it has looked at the curve's equation; this looks at the order too.
  PkeyContext prepared(EVP_PKEY_CTX_new(key.get(), nullptr));
  if (!prepared || EVP_PKEY_public_check(prepared.get()) != 1) {
    *problem = !prepared || openssl_out_of_memory() ? KeyProblem::crypto_failure : KeyProblem::point_off_curve;
    return nullptr;
  }
  if (EVP_PKEY_verify_init(prepared.get()) != 1) {
    openssl_out_of_memory();
    *problem = KeyProblem::crypto_failure;
    return nullptr;
  }
  return std::make_shared<const EcKey>(curve, point, std::move(key), std::move(prepared));
}

}  // namespace keyward::crypto
