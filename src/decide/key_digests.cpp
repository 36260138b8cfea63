// Digests of keys.
#include "decide/key_digests.hpp"

#include "base/digest.hpp"

namespace keyward {

StoreStatus KeyDigests::find(LocatorKind kind, std::string_view *digest) {
  StoreStatus status;
  switch (kind) {
    case LocatorKind::sha256:
      sha256_ = sha256_ ? sha256_ : sha256(key_);
      *digest = view_of(*sha256_);
      break;
    case LocatorKind::sha512:
      sha512_ = sha512_ ? sha512_ : sha512(key_);
      *digest = view_of(*sha512_);
      break;
    case LocatorKind::hmac_sha256:
      if (!hmac_) {
        Sha256 computed = {};
        status = store_.hmac(key_, &computed);
        hmac_ = status.ok() ? std::optional<Sha256>(computed) : std::nullopt;
      }
      *digest = hmac_ ? view_of(*hmac_) : std::string_view();
      break;
  }
  return status;
}

bool digest_matches(std::string_view digest, std::string_view verifier) noexcept {
  return digest.size() == verifier.size() && equal_constant_time(digest.data(), verifier.data(), digest.size());
}

}  // namespace keyward
