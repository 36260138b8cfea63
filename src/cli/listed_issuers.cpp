// Places of issuers among all that are configured.
#include "cli/listed_issuers.hpp"

#include <algorithm>

namespace keyward::cli {

ListedIssuers::ListedIssuers(const std::vector<ConfiguredIssuer> &all, const std::vector<ConfiguredIssuer> &chosen) {
  std::vector<const jwt::Issuer *> rules;
  for (const auto &issuer : all) {
    issuers_.push_back(&issuer);
    rules.push_back(&issuer.rules);
  }
  for (const auto &issuer : chosen) {
    const auto place = static_cast<std::size_t>(
        std::find_if(all.begin(), all.end(),
                     [&](const ConfiguredIssuer &one) { return one.rules.name == issuer.rules.name; }) -
        all.begin());
    issuers_[place] = &issuer;
    accepted_.push_back(place);
  }
  for (std::size_t place = 0; place < rules.size(); ++place) {
    shared_subjects_.emplace_back(rules, place);
  }
}

}  // namespace keyward::cli
