// The issuers of a configuration, as decisions see them.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "auth/shared_subjects.hpp"
#include "cli/issuer_config.hpp"
#include "decide/deciding.hpp"

namespace keyward::cli {

// Keys are those that were loaded; none is fetched.
class ListedIssuers final : public TokenIssuers {
 public:
  ListedIssuers() = default;
  // all: as the configuration has them. chosen: some of these, perhaps with other keys, in the order in which they are
  // asked. Both outlive this object.
  ListedIssuers(const std::vector<ConfiguredIssuer> &all, const std::vector<ConfiguredIssuer> &chosen);

  // Those that were chosen, by their places.
  const IssuerList &accepted() const noexcept { return accepted_; }

  const jwt::Issuer &rules(std::size_t place) const noexcept override { return issuers_[place]->rules; }
  const SharedSubjects &shared_subjects(std::size_t place) const noexcept override { return shared_subjects_[place]; }
  const std::shared_ptr<const jwt::KeySet> &keys(std::size_t place) const noexcept override {
    return issuers_[place]->keys;
  }
  std::string_view fetched_from(std::size_t place) const noexcept override {
    const ConfiguredIssuer &issuer = *issuers_[place];
    return issuer.is_fetched() ? std::string_view(issuer.where) : std::string_view();
  }
  std::int64_t fetched_at_s(std::size_t, std::int64_t) const noexcept override { return jwt::kNeverFetched; }
  std::uint64_t changes() const noexcept override { return 0; }

 private:
  std::vector<const ConfiguredIssuer *> issuers_;
  std::vector<SharedSubjects> shared_subjects_;
  IssuerList accepted_;
};

}  // namespace keyward::cli
