// What the store keeps about keys, subjects and plans, and its form on disk (little-endian, with a version in front).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/credit_grant.hpp"
#include "base/rate.hpp"
#include "base/text_rules.hpp"
#include "key/locator.hpp"
#include "key/verifier.hpp"

namespace keyward {

// Of all records; and of a key's, subject's or plan's that has what the first version has no place for. Stores of the first format
// hold none of the second.
inline constexpr std::uint8_t kRecordVersion = 1, kTaggedRecordVersion = 2;

// In bytes; base/text_rules.hpp has the other texts' longest.
inline constexpr std::size_t kMaxPreviewBytes = 64;
inline constexpr std::size_t kMaxLimits = 8;
inline constexpr std::size_t kMaxMetaBytes = 4096;

enum class KeyState : std::uint8_t { active = 1, suspended = 2, pending = 3, revoked = 4 };
std::string_view to_text(KeyState state) noexcept;
bool parse_key_state(std::string_view text, KeyState *state) noexcept;

// A list that may be absent: "no list" (not narrowed) differs from "an empty list" (grants nothing).
template <typename T>
struct OptionalList {
  bool present = false;
  std::vector<T> items;
};

// Times are Unix seconds; 0 is "none".
struct KeyRecord {
  std::string id;  // the record's key in the table, not part of its content
  KeyState state = KeyState::active;
  VerifierKind verifier_kind = VerifierKind::bcrypt;
  std::string verifier;  // bcrypt and legacy_prefix: 60 characters; hash: its text; the others: 32 or 64 bytes
  bool indexed = false;  // has an entry in `index` under locator; without it, it is found by its plain prefix
  Locator locator = {};
  LocatorKind locator_kind = LocatorKind::sha256;  // another one until the key's first success
  std::string legacy_prefix;                       // legacy_prefix, and hash where no digest is known
  std::string subject, plan;                       // empty: none
  OptionalList<std::string> scopes;
  OptionalList<Rate> limits;
  std::int64_t created_at_s = 0;
  std::int64_t expires_at_s = 0;
  std::int64_t changed_at_s = 0;       // when its state or its terms last changed
  std::int64_t overlap_until_s = 0;    // rotated: lives until then
  std::string predecessor, successor;  // ids, by rotation
  std::string counter_id;              // whose counters it shares (the first of its rotations); empty: its own
  std::string pkce_challenge;          // pending keys
  std::uint8_t pkce_tries = 0;
  std::string name, preview;
  std::string allow_from;             // from where it may be used, packed (base/networks.hpp); empty: from everywhere
  std::string meta;                   // a JSON object of its owner's, which is shown and decides nothing; empty: none
  std::uint32_t concurrency = 0;      // requests at once, instead of its plan's; 0: its plan's
  bool suspended_by_subject = false;  // suspended by the subject itself, which may then resume it; else by others
};

// The same as it lies in the store: views into the transaction's snapshot. Nothing is copied.
struct KeyView {
  KeyState state = KeyState::active;
  VerifierKind verifier_kind = VerifierKind::bcrypt;
  bool indexed = false;
  bool has_scopes = false;
  bool has_limits = false;
  bool suspended_by_subject = false;
  std::uint8_t pkce_tries = 0;
  std::int64_t created_at_s = 0, expires_at_s = 0, changed_at_s = 0, overlap_until_s = 0;
  LocatorKind locator_kind = LocatorKind::sha256;
  std::string_view locator;  // 16 bytes
  std::string_view verifier, subject, plan;
  std::string_view scopes;  // separated by single spaces
  std::string_view limits;  // count u32, window_s u32, repeated
  std::string_view name, preview, legacy_prefix, predecessor, successor, counter_id, pkce_challenge;
  std::string_view allow_from, meta;
  std::uint32_t concurrency = 0;
};

// Whether a key's time is over: past its expiry, or, rotated, past its overlap. Of a KeyRecord or a KeyView.
template <typename Key>
bool has_ended(const Key &key, std::int64_t now_s) noexcept {
  const auto is_past = [now_s](std::int64_t end_s) { return end_s != 0 && end_s <= now_s; };
  return is_past(key.expires_at_s) || is_past(key.overlap_until_s);
}

std::string encode(const KeyRecord &record);
// false for anything that encode() would not have written: other versions, lengths that don't add up, an
// unknown state or verifier, a verifier that isn't one (a DES, MD5 or $2x$ hash, one of cost 31), bad
// scopes, rates out of range, unknown fields, trailing bytes. Never reads out of bounds.
bool decode(std::string_view content, KeyView *view) noexcept;
bool is_tagged_record(std::string_view content) noexcept;
// Whether a record, as it lies in the store, is one that only stores of the second format may hold: a tagged one, or
// one with a rate by the calendar.
bool is_newer_key(std::string_view content) noexcept;
bool is_newer_plan(std::string_view content) noexcept;
bool is_newer_subject(std::string_view content) noexcept;
KeyRecord to_record(std::string_view id, const KeyView &view);
// The i-th limit of a packed list; 0 <= i < limit_count().
std::size_t limit_count(std::string_view packed) noexcept;
bool has_calendar_rate(std::string_view packed) noexcept;
Rate limit_at(std::string_view packed, std::size_t i) noexcept;

enum class SubjectState : std::uint8_t { active = 1, blocked = 2 };

struct SubjectRecord {
  std::string subject;  // the record's key
  SubjectState state = SubjectState::active;
  std::string plan;
  OptionalList<std::string> scopes;
  CreditGrant credits;
  std::int64_t created_at_s = 0, changed_at_s = 0;
};
struct SubjectView {
  SubjectState state = SubjectState::active;
  bool has_scopes = false;
  CreditGrant credits;
  std::int64_t created_at_s = 0, changed_at_s = 0;
  std::string_view plan, scopes;
};
std::string encode(const SubjectRecord &record);
bool decode(std::string_view content, SubjectView *view) noexcept;
SubjectRecord to_record(std::string_view subject, const SubjectView &view);

struct PlanRecord {
  std::string name;  // the record's key
  OptionalList<std::string> scopes;
  OptionalList<Rate> limits;
  std::uint32_t max_keys = 0;  // with has_max_keys
  bool has_max_keys = false;
  std::uint32_t concurrency = 0;  // requests at once; 0: no matter how many
  Allowance credits;
  bool no_access = false;
  bool is_default = false;  // at most one in a store
};
struct PlanView {
  bool has_scopes = false, has_limits = false, has_max_keys = false, no_access = false, is_default = false;
  std::uint32_t max_keys = 0, concurrency = 0;
  Allowance credits;
  std::string_view scopes, limits;
};
std::string encode(const PlanRecord &record);
bool decode(std::string_view content, PlanView *view) noexcept;
PlanRecord to_record(std::string_view name, const PlanView &view);

// What the usage environment keeps of a key.
struct UsageRecord {
  std::uint64_t uses = 0;
  std::int64_t last_used_s = 0;
  std::uint8_t refusal = 0;  // a Reason
  std::int64_t refused_s = 0;
};
std::string encode(const UsageRecord &record);
bool decode(std::string_view content, UsageRecord *record) noexcept;

// What is kept of a key that was purged, under the first 16 bytes of SHA-256(id): when, and nothing of what it was.
Locator purge_name(std::string_view id) noexcept;
std::string encode_purge(std::int64_t purged_at_s);
bool decode_purge(std::string_view content, std::int64_t *purged_at_s) noexcept;

inline constexpr std::size_t kNewIdDigits = 22;  // of base 62 hold 128 bits
// A new id: `prefix` and so many base62 characters: 6 bytes of time, 10 of chance, so that ids sort by creation.
std::string new_id(std::string_view prefix, std::int64_t now_ms);
// The same with given bytes, of which the last 10 count, in the place of chance.
std::string make_id(std::string_view prefix, std::int64_t now_ms, const Bytes<16> &chance);

}  // namespace keyward
