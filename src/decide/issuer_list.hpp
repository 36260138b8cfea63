// Whose tokens are accepted somewhere, and for whom they have to be.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "jwt/issuer.hpp"

namespace keyward {

// Issuers in the order in which they are asked, each once, by their places among the configured ones. Equal lists are
// one object, whose address is what a remembered token is bound to.
struct IssuerList : std::vector<std::size_t> {
  using std::vector<std::size_t>::vector;

  // Where a resource is named: an issuer of the list that names no audience has these. rules: of all configured ones.
  void bind_to(const std::vector<std::string> &audiences, const std::vector<const jwt::Issuer *> &rules);

  // Of the i-th; configured: as it is everywhere else.
  const jwt::Issuer &rules_of(std::size_t i, const jwt::Issuer &configured) const noexcept {
    return i < bound_.size() && bound_[i] != nullptr ? *bound_[i] : configured;
  }

  friend bool operator==(const IssuerList &a, const IssuerList &b) noexcept;

 private:
  std::vector<std::string> audiences_;                     // that some of them have by bind_to()
  std::vector<std::shared_ptr<const jwt::Issuer>> bound_;  // by place in the list; nullptr: as configured
};

}  // namespace keyward
