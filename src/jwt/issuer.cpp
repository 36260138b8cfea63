// Telling issuers apart.
#include "jwt/issuer.hpp"

#include <set>
#include <utility>

#include "jwt/jws.hpp"

namespace keyward::jwt {

namespace {

// What is asked for, however it was written: in whatever order, and however often.
auto meaning_of(const std::vector<Requirement> &require) {
  std::set<std::pair<std::vector<std::string>, std::set<std::string>>> all;
  for (const Requirement &one : require) {
    all.insert({one.claim.names(), std::set<std::string>(one.values.begin(), one.values.end())});
  }
  return all;
}

}  // namespace

bool are_distinct(const Issuer &a, const Issuer &b) {
  return a.issuer != b.issuer || a.type.empty() != b.type.empty() || !is_same_type(a.type, b.type) ||
         meaning_of(a.require) != meaning_of(b.require);
}

}  // namespace keyward::jwt
