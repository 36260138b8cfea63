// Asking the store about a token.
#include "cli/token_store.hpp"

#include <unistd.h>

#include "store/environment/layout.hpp"

namespace keyward::cli {

bool is_store_wanted(const Context &context) {
  return context.store != kDefaultStore || ::access(credentials_folder(context.store).c_str(), F_OK) == 0;
}

void look_up(CredentialReader &reader, const jwt::Issuer &issuer, const VerifiedToken &token, std::int64_t now_s,
             InStore *answer) {
  answer->looked = true;
  const jwt::Identity &identity = token.identity;
  if (identity.has_subject) {
    SubjectView subject;
    const StoreCode code = reader.find_subject(identity.subject, &subject);
    answer->subject_state = code == StoreCode::not_found                                      ? "none"
                            : code == StoreCode::ok && subject.state == SubjectState::blocked ? "blocked"
                                                                                              : "active";
  }
  reader.find_token_denial(issuer.name, identity.subject, identity.jti, now_s, &answer->denial);
  answer->denied = answer->denial.refuses(token.times.has_issued_at, token.times.issued_at_s, issuer.leeway_s);
}

}  // namespace keyward::cli
