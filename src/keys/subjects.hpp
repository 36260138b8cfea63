// Subjects' records: made, changed, blocked, removed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "keys/caller.hpp"

namespace keyward::keys {

// Whether a record or a key, of whatever state, has this subject.
struct SubjectUse {
  bool has_record = false, has_key = false;
};
Answer look_for_subject(WriteTxn &txn, const std::string &subject, SubjectUse *use);

// Visits a subject's keys, in order of id; whatever isn't done ends it.
Answer for_each_key_of(WriteTxn &txn, const std::string &subject,
                       const std::function<Answer(const KeyRecord &)> &visit);

// What becomes of a balance: it is set to `amount`, that is added (or, below 0, taken), or what was set and added is
// taken away, so that the plan's alone is left.
struct CreditChange {
  enum class Kind : std::uint8_t { set, add, remove };
  Kind kind = Kind::set;
  std::int64_t amount = 0;
};
// false: out of bounds.
bool change_credits(const CreditChange &change, std::int64_t now_s, CreditGrant *grant) noexcept;

// What is named of a subject changes; the rest stays, and one that isn't there is made.
struct SubjectRequest {
  std::string subject;
  std::optional<std::string> plan;  // empty: takes it away
  std::optional<OptionalList<std::string>> scopes;
  std::optional<SubjectState> state;
  std::optional<CreditChange> credits;
  std::int64_t now_s = 0;
};
struct SubjectSet {
  SubjectRecord record;
  SubjectUse use;  // before
};
// For the operator, and for administrators: of other subjects than their own, and no further than what the caller may
// do itself.
Answer set_subject(WriteTxn &txn, const Caller &caller, const SubjectRequest &request, SubjectSet *set);

// blocked: all its keys and tokens are refused. not_found where neither a record nor a key has it, unless `create` says
// otherwise: it may be misspelt. An active subject needs no record, so that none is made to unblock one.
struct StateRequest {
  std::string subject;
  SubjectState state = SubjectState::blocked;
  bool create = false;
  std::int64_t now_s = 0;
};
struct StateSet {
  bool changed = false, created = false;
};
Answer set_subject_state(WriteTxn &txn, const Caller &caller, const StateRequest &request, StateSet *set);

// in_use, and a key of it, while it has one that isn't revoked: a blocked subject's keys would work again.
Answer remove_subject(WriteTxn &txn, const Caller &caller, const std::string &subject, std::int64_t now_s,
                      std::string *key);

}  // namespace keyward::keys
