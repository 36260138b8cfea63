// What the keys that OpenSSL checks have in common: owners of its objects, and its answers as ours.
#pragma once

#include <openssl/bn.h>
#include <openssl/core.h>
#include <openssl/evp.h>

#include <memory>

#include "crypto/hash.hpp"
#include "crypto/verification_key.hpp"

namespace keyward::crypto {

template <auto Free>
struct OpensslFree {
  template <typename T>
  void operator()(T *object) const noexcept {
    Free(object);
  }
};
using Pkey = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, OpensslFree<EVP_PKEY_CTX_free>>;
using BigNumber = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;

inline const unsigned char *bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char *>(text.data());
}

// What OpenSSL's queue of errors held. Not every failed allocation is in it.
struct Errors {
  bool any = false;
  bool out_of_memory = false;
  bool about_signature = false;  // an error that says what is wrong with a signature, rather than that something failed
};
// Empties the queue.
Errors take_errors() noexcept;
inline bool openssl_out_of_memory() noexcept { return take_errors().out_of_memory; }

// A public key of this type ("EC", "RSA"); nullptr and the problem: refused, or crypto_failure where memory ran out.
Pkey make_pkey(const char *type, OSSL_PARAM *params, KeyProblem refused, KeyProblem *problem) noexcept;

// Verifies with a copy of prepared, which stays as it is: threads may share it, and the copy costs less than 3 us where
// setting up costs 4. signature is in OpenSSL's form.
// silent_no: a wrong signature may be no error. Otherwise a no is believed only with an error that says why.
Match verify_prepared(const EVP_PKEY_CTX *prepared, bool silent_no, const HashValue &hashed,
                      const unsigned char *signature, std::size_t size) noexcept;

}  // namespace keyward::crypto
