// A key's terms.
#include "keys/terms.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "auth/plan_terms.hpp"
#include "base/text_rules.hpp"

namespace keyward::keys {

Answer find_terms(WriteTxn &txn, const KeyRecord &key, const Policy &policy, KeyTerms *terms) {
  *terms = {};
  const std::string content = encode(key);
  KeyView view;
  if (!decode(content, &view)) {
    return Result::invalid;
  }
  std::string subject_content;
  SubjectView subject;
  if (!key.subject.empty()) {
    StoreStatus status = txn.get_subject(key.subject, &terms->subject);
    if (!status.ok() && status.code != StoreCode::not_found) {
      return status;
    }
    subject_content = encode(terms->subject);
    terms->has_subject = status.ok() && decode(subject_content, &subject);
  }
  const SubjectView *record = terms->has_subject ? &subject : nullptr;
  bool missing = false;
  if (Answer answer = resolve_plan(txn, plan_name_of(view, record), policy, &terms->plan, &missing); !answer.ok()) {
    return answer;
  }
  fill_key_principal(key.id, view, record, Plan(terms->plan), missing, policy.implications, &terms->principal);
  return {};
}

bool are_grants(const OptionalList<std::string> &scopes) {
  return std::all_of(scopes.items.begin(), scopes.items.end(), [](const std::string &text) { return is_grant(text); });
}

bool has_valid_terms(const KeyRecord &key) {
  KeyView view;
  const std::string content = encode(key);
  return are_grants(key.scopes) && decode(content, &view);
}

}  // namespace keyward::keys
