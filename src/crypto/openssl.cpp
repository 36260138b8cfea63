// Calls of OpenSSL whose failures must be told apart from a no.
#include "crypto/openssl.hpp"

#include <openssl/err.h>

namespace keyward::crypto {

bool openssl_out_of_memory() noexcept {
  bool exhausted = false;
  while (const unsigned long error = ERR_get_error()) {
    exhausted = exhausted || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
  }
  return exhausted;
}

Pkey make_pkey(const char *type, OSSL_PARAM *params, KeyProblem refused, KeyProblem *problem) noexcept {
  openssl_out_of_memory();
  const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1) {
    openssl_out_of_memory();
    *problem = KeyProblem::crypto_failure;
    return nullptr;
  }
  EVP_PKEY *key = nullptr;
  const bool made = EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params) == 1;
  Pkey owned(key);
  if (!made || !owned) {
    *problem = openssl_out_of_memory() ? KeyProblem::crypto_failure : refused;
    return nullptr;
  }
  return owned;
}

Match verify_prepared(const EVP_PKEY_CTX *prepared, const HashValue &hashed, const unsigned char *signature,
                      std::size_t size) noexcept {
  openssl_out_of_memory();
  const PkeyContext context(EVP_PKEY_CTX_dup(prepared));
  if (!context) {
    openssl_out_of_memory();
    return Match::failed;
  }
  // 0 and negative values both come for wrong signatures: only the queue of errors tells why.
  if (EVP_PKEY_verify(context.get(), signature, size, hashed.bytes.data(), hashed.size) == 1) {
    return Match::yes;
  }
  return openssl_out_of_memory() ? Match::failed : Match::no;
}

}  // namespace keyward::crypto
