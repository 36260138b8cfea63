// Telling issuers' subjects apart by their beginnings.
#include "auth/shared_subjects.hpp"

#include <algorithm>

namespace keyward {
namespace {

bool begins_with(std::string_view text, std::string_view beginning) noexcept {
  return text.substr(0, beginning.size()) == beginning;
}

// Whose a text is that both come to with the same prefix; they don't share it.
bool comes_before(const jwt::Issuer &a, std::size_t place_of_a, const jwt::Issuer &b, std::size_t place_of_b) noexcept {
  if (a.subject_shared != b.subject_shared) {
    return a.subject_shared;
  }
  return a.subject_required != b.subject_required ? a.subject_required : place_of_a < place_of_b;
}

}  // namespace

SharedSubjects::SharedSubjects(const std::vector<const jwt::Issuer *> &issuers, std::size_t which) {
  const jwt::Issuer &own = *issuers[which];
  for (std::size_t i = 0; i < issuers.size(); ++i) {
    const jwt::Issuer &other = *issuers[i];
    if (i == which || (own.subject_shared && other.subject_shared) ||
        !begins_with(other.subject_prefix, own.subject_prefix)) {
      continue;
    }
    // Its prefix goes further than ours, or is ours.
    const bool same = other.subject_prefix.size() == own.subject_prefix.size();
    if (!same || comes_before(other, i, own, which)) {
      foreign_.push_back(other.subject_prefix);
      nowhere_ = nowhere_ || same;
    }
  }
}

bool SharedSubjects::has(std::string_view subject) const noexcept {
  return std::none_of(foreign_.begin(), foreign_.end(),
                      [subject](const std::string &beginning) { return begins_with(subject, beginning); });
}

}  // namespace keyward
