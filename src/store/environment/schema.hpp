// The record that makes an LMDB environment a store of ours, and the names of what lies in `meta` beside it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace keyward {

inline constexpr std::string_view kSchemaKey = "schema";
// Last committed into an environment that another has taken the place of: whoever meets it opens the path anew.
inline constexpr std::string_view kRetiredKey = "retired";
// The name of the default plan.
inline constexpr std::string_view kDefaultPlanKey = "default_plan";
// How many entries of `prefixes` have each length: u64, 64 times.
inline constexpr std::string_view kPrefixLengthsKey = "prefix_lengths";
inline constexpr std::size_t kPrefixLengths = 64;
// How many keys the index finds by each digest other than SHA-256: u64 for each LocatorKind but the first. A store that
// never had such a key has no such record.
inline constexpr std::string_view kLocatorKindsKey = "locator_kinds";
inline constexpr std::size_t kOtherLocators = 2;
// A digest of the pepper (pepper.hpp), where keys were imported with one.
inline constexpr std::string_view kPepperKey = "pepper";
// How many entries `denials` has: u64. A store in which no token was ever denied has no such record, and an older one
// not even the table.
inline constexpr std::string_view kDenialsKey = "denials";
// Where the journal stands: see JournalState.
inline constexpr std::string_view kJournalKey = "journal";

struct Schema {
  std::uint32_t version = 0;
  Bytes<16> instance = {};  // random: another for every store that init makes
  std::int64_t created_at_s = 0;
};

std::string encode(const Schema &schema);
bool decode(std::string_view content, Schema *schema) noexcept;
// The version stands first in every version's record, so that another's can be told before its seal is looked at.
bool schema_version(std::string_view stored, std::uint32_t *version) noexcept;

}  // namespace keyward
