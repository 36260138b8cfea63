// Who a credential turned out to be, as one snapshot of the store and one configuration say.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/scope.hpp"
#include "base/bytes.hpp"
#include "base/digest.hpp"
#include "base/rate.hpp"
#include "jwt/claim_path.hpp"
#include "limit/credit_rule.hpp"
#include "store/transactions/reader.hpp"

namespace keyward {

// A plan's terms, from the configuration or from the store; the configuration owns the names it has.
struct Plan {
  std::string name;
  bool has_scopes = false;
  std::string scopes;  // separated by single spaces
  bool has_limits = false;
  std::vector<Rate> limits;
  bool has_max_keys = false;
  std::uint32_t max_keys = 0;
  std::uint32_t concurrency = 0;  // how many requests at once; 0: no matter how many
  Allowance credits;
  bool no_access = false;
};

// What the configuration says about principals; const once it was read.
struct Policy {
  std::map<std::string, Plan, std::less<>> plans;
  std::string default_plan;  // a name in plans; empty: the store's default, if any
  Implications implications;
  std::vector<jwt::ClaimPath> claims;  // that variables are made of (keyward_claim); a place in it names one
};

enum class Kind : std::uint8_t { none, key, token, anonymous };
std::string_view to_text(Kind kind) noexcept;

// Whether a principal may come at all: one byte, so that whoever may always costs one look.
enum class Entry : std::uint8_t {
  open,
  by_address,  // from the networks of allow_from
  closed,      // its plan has no access, or is named and doesn't exist
};

// Immutable once built. Holds no secret: neither the key nor its verifier.
struct Principal {
  Kind kind = Kind::none;
  std::string key_id, subject, plan;
  std::string counter;  // whose limits `by=key` counts: the key's id, or that of the first of its rotations
  std::string issuer;   // of a token: the name of its keyward_issuer
  bool own_subject =
      false;  // the subject is the issuer's own: no key, no record and no other issuer has it (shared_subjects.hpp)
  bool provisioned = true;        // of a token: its subject is in the store
  bool pending = false;           // of a key: it can be activated, and nothing else may be asked of it
  Grants grants;                  // effective: own, within the plan's, within the subject's
  bool grants_are_roles = false;  // jwt::Identity::scopes_are_roles
  Entry entry = Entry::open;
  // The limits of the key's record, else of the plan; has_limits is false only where there is neither a list nor a
  // plan.
  bool has_limits = false;
  std::vector<Rate> limits;
  std::uint32_t concurrency = 0;               // the key's own, else the plan's
  std::shared_ptr<const CreditTerms> credits;  // nullptr: it has no balance
  std::string allow_from;                      // of a key: packed networks; empty: from everywhere
  Digest usage_name = {};
  // Whose counts are its own, by key and by subject (of whom has no subject: by key); name_counts() sets them.
  Digest counter_name = {}, subject_name = {};
  // The earliest Unix second at which anything of this changes by itself (expiry, end of an overlap): it stands before
  // that only. INT64_MAX: never.
  std::int64_t stands_until_s = 0;
};

// What one takes that std::make_shared() made.
std::size_t bytes_of(const Principal &principal) noexcept;

// Kinds of what limits count, kept apart; part of the names of windows.
enum class Counted : char {
  key = 'k',
  subject = 's',
  token = 't',
  address = 'a',
  failures = 'f',
  variable = 'v',
  repeat = 'r',
  tool = 'o'
};
Digest counted_name(const DigestKey &zone_secret, Counted kind, std::string_view who) noexcept;
// For a principal that will be counted in the zone of this secret.
void name_counts(const DigestKey &zone_secret, Principal *principal) noexcept;

enum class Built { ok, blocked_subject, damaged };

// What there is to spend, by a plan and what a subject's record says; nullptr: nothing.
std::shared_ptr<const CreditTerms> credit_terms(const Plan &plan, const CreditGrant &grant);

// The name of the plan that a key has: its own, else its subject's; empty: the default one. subject: nullptr where it
// has no record.
std::string_view plan_name_of(const KeyView &key, const SubjectView *subject) noexcept;
// The principal of a key, as its record, its subject's and its plan say: all of it but usage_name.
void fill_key_principal(std::string_view id, const KeyView &key, const SubjectView *subject, Plan &&plan,
                        bool plan_missing, const Implications &implications, Principal *principal);
// Builds the principal of a key whose verifier and state hold. Reads subject and plan in the reader's current snapshot.
Built build_key_principal(CredentialReader &reader, const CredentialReader::FoundKey &found, const Policy &policy,
                          Principal *principal);

}  // namespace keyward
