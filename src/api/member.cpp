// Members and their names.
#include "api/member.hpp"

#include <algorithm>
#include <iterator>

namespace keyward::api {
namespace {

// In the order of the enum.
constexpr std::string_view kNames[] = {
    "id",         "name",          "key",        "preview",        "subject",      "plan",         "scopes",
    "limits",     "concurrency",   "allow_from", "meta",           "state",        "is_active",    "verifier",
    "created_at", "expires_at",    "changed_at", "last_used_at",   "uses",         "last_refusal", "predecessor",
    "successor",  "overlap_until", "overlap",    "pkce_challenge", "code_verifier"};
static_assert(std::size(kNames) == kMemberCount);

}  // namespace

std::string_view to_text(Member member) noexcept { return kNames[static_cast<std::size_t>(member)]; }

std::optional<Member> member_by_name(std::string_view name) noexcept {
  const auto *found = std::find(std::begin(kNames), std::end(kNames), name);
  return found == std::end(kNames) ? std::nullopt : std::optional(static_cast<Member>(found - std::begin(kNames)));
}

bool Names::add(Member member, std::string name) {
  const bool taken = std::any_of(chosen_.begin(), chosen_.end(), [&](const std::pair<Member, std::string> &other) {
    return other.first == member || other.second == name;
  });
  if (!taken) {
    chosen_.emplace_back(member, std::move(name));
  }
  return !taken;
}

const std::vector<std::pair<Member, std::string>> &Names::shown() const noexcept {
  static const auto kAll = [] {
    std::vector<std::pair<Member, std::string>> all;
    for (std::size_t i = 0; i <= static_cast<std::size_t>(kLastShown); ++i) {
      all.emplace_back(static_cast<Member>(i), std::string(kNames[i]));
    }
    return all;
  }();
  return chosen_.empty() ? kAll : chosen_;
}

bool Names::shows(Member member) const noexcept {
  const auto &all = shown();
  return std::any_of(all.begin(), all.end(), [member](const auto &one) { return one.first == member; });
}

std::string_view Names::name_of(Member member) const noexcept {
  for (const auto &[one, name] : chosen_) {
    if (one == member) {
      return name;
    }
  }
  return to_text(member);
}

std::optional<Member> Names::find(std::string_view name) const noexcept {
  for (const auto &[member, own] : shown()) {
    if (own == name) {
      return member;
    }
  }
  const std::optional<Member> member = member_by_name(name);
  return member && *member > kLastShown && name_of(*member) == name ? member : std::nullopt;
}

}  // namespace keyward::api
