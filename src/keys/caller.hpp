// Who asks for a change, and the one rule about that: no result may exceed its caller.
#pragma once

#include <cstdint>
#include <string>

#include "auth/principal.hpp"
#include "keys/answer.hpp"
#include "keys/terms.hpp"

namespace keyward::keys {

// Of a caller that is a token: what the denylist is asked by.
struct CallersToken {
  std::string issuer, subject, jti;
  bool has_issued_at = false;
  std::int64_t issued_at_s = 0;
  std::int64_t leeway_s = 0;  // of its issuer
};

// Plain input: what it says is looked at again inside the transaction (see Bound).
struct Caller {
  const Principal *principal = nullptr;  // nullptr: the operator, whom nothing bounds
  bool all_subjects = true;              // an administrator; else only the keys of its own subject
  const Policy *policy = nullptr;        // the configuration's plans and implied scopes; nullptr: it has none
  const CallersToken *token = nullptr;   // of a token; nullptr: it is none

  bool is_operator() const noexcept { return principal == nullptr; }
  const Policy &rules() const noexcept;
};

// Whether it may know of this subject's keys.
bool reaches(const Caller &caller, std::string_view subject) noexcept;

// In what `result` may do more than `caller`: a scope (implied ones included); a rate of the caller's that it has none
// as small of, in the same window; more requests at once; an address, where the caller has a list of them; and, where the caller is a key, its
// expiry: the end of a session isn't that of its keys.
Excess excess_of(const Principal &result, const Principal &caller);

// What the caller may do and hand on, as the transaction finds it. A key's own record and the denylist of tokens
// are read again: who was revoked or replaced meanwhile changes nothing any more.
class Bound {
 public:
  Answer find(WriteTxn &txn, const Caller &caller, std::int64_t now_s);

  bool is_operator() const noexcept { return caller_.is_operator(); }
  bool all_subjects() const noexcept { return caller_.all_subjects; }
  // Whether it may know of this key.
  bool reaches(const KeyRecord &key) const noexcept;
  // Whether it may change this subject: administrators, all but their own.
  bool rules_subject(std::string_view subject) const noexcept;

  // exceeds_caller, where the key would come to more than the caller has.
  Answer check(WriteTxn &txn, const KeyRecord &key) const;
  // The same of scopes that are written down: a plan that narrows them today may be a wider one tomorrow.
  Answer check_written(const OptionalList<std::string> &scopes) const;

  // Of a caller that isn't the operator.
  const Principal &principal() const noexcept { return principal_; }
  bool has_own_limits() const noexcept { return has_own_limits_; }
  std::uint32_t own_concurrency() const noexcept { return own_concurrency_; }

 private:
  Caller caller_;
  Principal principal_;
  bool has_own_limits_ = false;        // in its key's record, not by its plan
  std::uint32_t own_concurrency_ = 0;  // likewise; 0: it has none there
};

// A key that this caller may know of; not_found.
Answer find_key(WriteTxn &txn, const Bound &bound, std::string_view id, KeyRecord *key);

}  // namespace keyward::keys
