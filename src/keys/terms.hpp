// What a key may do by its own record, its plan's and its subject's, as a write transaction finds them.
#pragma once

#include "auth/principal.hpp"
#include "keys/answer.hpp"

namespace keyward::keys {

struct KeyTerms {
  Principal principal;
  Plan plan;  // its own, its subject's or the default one; without a name: none
  SubjectRecord subject;
  bool has_subject = false;  // a record of it
};
// invalid: of what no record can be made.
Answer find_terms(WriteTxn &txn, const KeyRecord &key, const Policy &policy, KeyTerms *terms);

// Whether a record may have this name, subject and plan, and these lists.
bool has_valid_terms(const KeyRecord &key);
// Of a list of its own: scopes, wildcards of them, "*".
bool are_grants(const OptionalList<std::string> &scopes);

}  // namespace keyward::keys
