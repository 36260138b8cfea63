// Calls of OpenSSL whose failures must be told apart from a no.
#include "crypto/openssl.hpp"

#include <openssl/ecerr.h>
#include <openssl/err.h>
#include <openssl/evperr.h>

namespace keyward::crypto {

namespace {

// Since 3.5, EVP queues this for every signature that its provider doesn't take; 3.0's headers don't know it.
#ifndef EVP_R_PROVIDER_SIGNATURE_FAILURE
#define EVP_R_PROVIDER_SIGNATURE_FAILURE 234
#endif

// True of what only says that someone below said no: it says neither why nor, by itself, that anything failed.
bool is_repeated(unsigned long error) noexcept {
  const int reason = ERR_GET_REASON(error);
  return (ERR_GET_LIB(error) == ERR_LIB_PROV && reason == ERR_R_RSA_LIB) ||
         (ERR_GET_LIB(error) == ERR_LIB_EVP && reason == EVP_R_PROVIDER_SIGNATURE_FAILURE);
}

// RSA names what it found in the padding; ECDSA has a sum that is no point only for a signature made to give it.
bool is_about_signature(unsigned long error) noexcept {
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) == ERR_LIB_RSA) {
    return (static_cast<unsigned>(reason) & ERR_RFLAG_COMMON) == 0;  // not "an error in another library"
  }
  return ERR_GET_LIB(error) == ERR_LIB_EC && reason == EC_R_POINT_AT_INFINITY;
}

}  // namespace

Errors take_errors() noexcept {
  Errors errors;
  while (const unsigned long error = ERR_get_error()) {
    errors.any = errors.any || !is_repeated(error);
    errors.out_of_memory = errors.out_of_memory || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    errors.about_signature = errors.about_signature || is_about_signature(error);
  }
  return errors;
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
    // A key that is wrong is never refused without an error that says so.
    const Errors errors = take_errors();
    *problem = errors.any && !errors.out_of_memory ? refused : KeyProblem::crypto_failure;
    return nullptr;
  }
  return owned;
}

Match verify_prepared(const EVP_PKEY_CTX *prepared, bool silent_no, const HashValue &hashed,
                      const unsigned char *signature, std::size_t size) noexcept {
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
  const Errors errors = take_errors();
  const bool is_no = errors.any ? errors.about_signature && !errors.out_of_memory : silent_no;
  return is_no ? Match::no : Match::failed;
}

}  // namespace keyward::crypto
