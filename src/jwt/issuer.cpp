// Telling issuers apart.
#include "jwt/issuer.hpp"

#include <algorithm>
#include <set>
#include <string_view>
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

std::set<std::string_view> set_of(const std::vector<std::string> &texts) { return {texts.begin(), texts.end()}; }

bool have_distinct_rules(const Issuer &a, const Issuer &b) {
  return set_of(a.issuers) != set_of(b.issuers) || a.type.empty() != b.type.empty() || !is_same_type(a.type, b.type) ||
         meaning_of(a.require) != meaning_of(b.require);
}

bool have_distinct_audiences(const Issuer &a, const Issuer &b) noexcept {
  return !a.audiences.empty() && !b.audiences.empty() &&
         std::none_of(a.audiences.begin(), a.audiences.end(), [&b](const std::string &audience) {
           return std::find(b.audiences.begin(), b.audiences.end(), audience) != b.audiences.end();
         });
}

}  // namespace

bool differ_by_audience(const Issuer &a, const Issuer &b) {
  return have_distinct_audiences(a, b) && !have_distinct_rules(a, b);
}

bool are_distinct(const Issuer &a, const Issuer &b) {
  return have_distinct_audiences(a, b) || have_distinct_rules(a, b);
}

}  // namespace keyward::jwt
