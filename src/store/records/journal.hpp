// The store's journal: who changed which key, subject, plan or denial, when, and what changed. An entry is written in
// the transaction of its change. It names the record, which another host can fetch, and says what was there before and
// after, as far as that is no secret: never a key or a part of one, a verifier or a locator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "store/records/denial.hpp"
#include "store/records/record.hpp"

namespace keyward {

// Its numbers are on disk.
enum class Operation : std::uint8_t {
  key_created = 1,
  keys_imported,  // many at once: the entry lists their ids
  key_changed,
  key_suspended,
  key_resumed,
  key_activated,
  key_rotated,  // got a successor
  key_revoked,
  key_refiled,  // a key that was known by its plain prefix is found by its hash from now on
  key_removed,
  key_purged,
  subject_created,
  subject_changed,
  subject_blocked,
  subject_unblocked,
  subject_removed,
  plan_created,
  plan_changed,
  plan_removed,
  token_denied,    // by its jti
  subject_denied,  // all tokens of a subject that were issued until then
  store_restored,  // any record may be another one since
  store_upgraded,
  journal_trimmed,  // entries that were too old have ended
  limits_reset,     // a key's windows, which no record tells of
};
inline constexpr Operation kLastOperation = Operation::limits_reset;
std::string_view to_text(Operation operation) noexcept;  // "key_created"
// What `name` names: "key", "subject", "plan" or "jti"; empty: the store as a whole.
std::string_view target_of(Operation operation) noexcept;

enum class AuthorKind : std::uint8_t {
  command = 1,  // keyward(1)
  api,          // a key or a token, over HTTP
  worker,       // nginx by itself
};
std::string_view to_text(AuthorKind kind) noexcept;

inline constexpr std::size_t kMaxAuthorBytes = 255;

// Who makes a change. What isn't of its kind is empty.
struct Author {
  AuthorKind kind = AuthorKind::worker;
  // The command as "key revoke", and its user when it was started. The login user behind sudo or su, where the system
  // tells one.
  std::string command, user, login;
  std::uint32_t uid = 0, login_uid = 0;
  bool has_login = false;
  // A key's id; or a token's issuer, and either's subject. The client's address.
  std::string key_id, subject, issuer, address;

  static Author worker() { return {}; }
};

enum class Field : std::uint8_t {
  state = 1,
  name,
  subject,
  plan,
  scopes,
  limits,
  expires_at,
  overlap_until,
  predecessor,
  successor,
  verifier,  // its kind
  credits,
  max_keys,
  no_access,
  is_default,
  issuer,
  not_before,
  until,
  count,    // of records: of a backup that was restored, of entries that have ended
  version,  // the store's format
  before,   // the number of the oldest entry that was kept
  concurrency,
  allow_from,
  meta,  // that there is one, and that it changed
};
inline constexpr Field kLastField = Field::meta;
std::string_view to_text(Field field) noexcept;  // "expires_at"

// In the form in which people read it; nullopt: there is none (no list of scopes, no expiry, no record).
struct FieldChange {
  Field field = Field::state;
  std::optional<std::string> before, after;
};

inline constexpr std::size_t kMaxEntryIds = 2000;
// Ids as they are listed take no more, so that an entry fills few pages.
inline constexpr std::size_t kMaxEntryIdBytes = std::size_t{1} << 15;

struct JournalEntry {
  std::uint64_t number = 0;  // the record's key: rises with every entry, and is never given twice
  std::uint32_t position =
      0;  // in its transaction: 0 is the first entry of one, and all until the next 0 were committed at once
  std::int64_t at_s = 0;
  Author author;
  Operation operation = Operation::key_changed;
  std::string name;                  // of the record
  std::string owner;                 // of a key: its subject
  std::vector<FieldChange> changes;  // in the order of their fields
  std::vector<std::string> ids;      // keys_imported: in order
};

// The record's key in the table: numbers sort as they rise.
Bytes<8> journal_key(std::uint64_t number) noexcept;
bool parse_journal_key(std::string_view key, std::uint64_t *number) noexcept;
std::string encode(const JournalEntry &entry);  // empty: it can't be written
// Leaves the number as it is. false for anything that encode() would not have written.
bool decode(std::string_view content, JournalEntry *entry);

// What `meta` says of the journal. Numbers go on where they were although the entries behind them have ended.
struct JournalState {
  std::uint64_t next = 1;     // the number of the next entry
  std::uint64_t entries = 0;  // how many the table has
};
std::string encode(const JournalState &state);
bool decode(std::string_view content, JournalState *state) noexcept;
// Where it isn't known which numbers were given: one that is larger than all of these, as long as there were fewer than
// a million changes a second.
std::uint64_t number_by_time(std::int64_t now_s) noexcept;

// What differs, in fields that may be shown; either may be nullptr.
std::vector<FieldChange> changes_between(const KeyRecord *before, const KeyRecord *after);
std::vector<FieldChange> changes_between(const SubjectRecord *before, const SubjectRecord *after);
std::vector<FieldChange> changes_between(const PlanRecord *before, const PlanRecord *after);
std::vector<FieldChange> changes_between(const DenialEntry *before, const DenialEntry &after);
// What a change of a key's record is.
Operation operation_of(const KeyRecord &before, const KeyRecord &after) noexcept;

}  // namespace keyward
