// What a key, or a request about one, may have as members in the keys API.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keyward::api {

enum class Member : std::uint8_t {
  id,
  name,
  key,
  preview,
  subject,
  plan,
  scopes,
  limits,
  concurrency,
  allow_from,
  meta,
  state,
  is_active,
  verifier,
  created_at,
  expires_at,
  changed_at,
  last_used_at,
  uses,
  last_refusal,
  predecessor,
  successor,
  overlap_until,
  // Of requests only.
  overlap,
  pkce_challenge,
  code_verifier,
};
inline constexpr std::size_t kMemberCount = static_cast<std::size_t>(Member::code_verifier) + 1;
inline constexpr Member kLastShown = Member::overlap_until;

std::string_view to_text(Member member) noexcept;
std::optional<Member> member_by_name(std::string_view name) noexcept;

// A set of members.
using Members = std::uint32_t;
constexpr Members only(Member member) noexcept { return Members{1} << static_cast<unsigned>(member); }
constexpr bool has(Members members, Member member) noexcept { return (members & only(member)) != 0; }

// Which members keys have at one location, and under which names, in this order (fields=). Without a choice: all.
class Names {
 public:
  // false: it is there already, or another one has the name.
  bool add(Member member, std::string name);

  bool has_choice() const noexcept { return !chosen_.empty(); }
  const std::vector<std::pair<Member, std::string>> &shown() const noexcept;
  // Whether answers have it; and, of those that requests have too, whether requests may. What only requests have may
  // always be asked for.
  bool shows(Member member) const noexcept;
  std::string_view name_of(Member member) const noexcept;
  std::optional<Member> find(std::string_view name) const noexcept;

 private:
  std::vector<std::pair<Member, std::string>> chosen_;
};

}  // namespace keyward::api
