// Only counted, so that `nginx -t` finds a file that is none; libcurl reads them again for each connection.
#include "fetch/certificates.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

namespace keyward {

std::size_t count_certificates(std::string_view pem) noexcept {
  ERR_clear_error();
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                       BIO_free);
  std::size_t count = 0;
  bool whole = text != nullptr;
  while (whole) {
    X509 *certificate = PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr);
    if (certificate == nullptr) {
      break;
    }
    X509_free(certificate);
    ++count;
  }
  whole = whole && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;  // its end
  ERR_clear_error();
  return whole ? count : 0;
}

}  // namespace keyward
