// Issuers with the audience of a resource.
#include "decide/issuer_list.hpp"

namespace keyward {

void IssuerList::bind_to(const std::vector<std::string> &audiences, const std::vector<const jwt::Issuer *> &rules) {
  for (const std::size_t place : *this) {
    bound_.push_back(nullptr);
    if (rules[place]->audiences.empty()) {
      auto bound = std::make_shared<jwt::Issuer>(*rules[place]);
      bound->audiences = audiences;
      bound_.back() = std::move(bound);
      audiences_ = audiences;
    }
  }
}

bool operator==(const IssuerList &a, const IssuerList &b) noexcept {
  const std::vector<std::size_t> &places = a;
  return places == static_cast<const std::vector<std::size_t> &>(b) && a.audiences_ == b.audiences_;
}

}  // namespace keyward
