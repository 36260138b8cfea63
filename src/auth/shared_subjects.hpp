// Which subjects an issuer's tokens share with the store, with keys and with other issuers.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "jwt/issuer.hpp"

namespace keyward {

// Subjects are texts, and two issuers may come to the same one: by a claim that both have, or by a prefix that one of
// them writes into its claim. They mean the same subject only where both say `shared`. Of any two that don't, a text
// belongs to the one with the longer prefix; of equal ones to the one that says `shared`, else `required`, else to the
// one that was written first. What doesn't belong to an issuer is a subject of that issuer's own: no record, no key and
// no other issuer's token has anything to do with it.
class SharedSubjects {
 public:
  SharedSubjects() = default;  // of an only issuer: everything
  SharedSubjects(const std::vector<const jwt::Issuer *> &issuers, std::size_t which);

  // subject: as a token of this issuer names it, with its prefix.
  bool has(std::string_view subject) const noexcept;
  // Whether no subject of this issuer can be in the store: `required` could never be met.
  bool is_nowhere() const noexcept { return nowhere_; }

 private:
  std::vector<std::string> foreign_;  // what begins with one of these isn't this issuer's
  bool nowhere_ = false;
};

}  // namespace keyward
