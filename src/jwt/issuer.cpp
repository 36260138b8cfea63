// Telling issuers apart.
#include "jwt/issuer.hpp"

#include "jwt/jws.hpp"

namespace keyward::jwt {

bool are_distinct(const Issuer &a, const Issuer &b) {
  return a.issuer != b.issuer || a.type.empty() != b.type.empty() || !is_same_type(a.type, b.type) ||
         !(a.require == b.require);
}

}  // namespace keyward::jwt
