// Asking the store about a token.
#include "cli/token_store.hpp"

#include <unistd.h>

#include "store/layout.hpp"

namespace keyward::cli {

bool is_store_wanted(const Context &context) {
  return context.store != kDefaultStore || ::access(credentials_folder(context.store).c_str(), F_OK) == 0;
}

Outcome ask_store(const Context &context, const jwt::Issuer &issuer, const SubjectReach &reach,
                  const VerifiedToken &token, const Policy &policy, std::int64_t now_s, InStore *answer, Reason *reason,
                  Principal *principal) {
  StoreLook look(context);
  if (auto outcome = look.outcome(); !outcome.ok()) {
    return outcome;
  }
  answer->looked = true;
  const jwt::Identity &identity = token.identity;
  if (identity.has_subject) {
    SubjectView subject;
    const StoreCode code = look.reader().find_subject(identity.subject, &subject);
    answer->subject_state = code == StoreCode::not_found                                      ? "none"
                            : code == StoreCode::ok && subject.state == SubjectState::blocked ? "blocked"
                                                                                              : "active";
  }
  look.reader().find_token_denial(issuer.name, identity.subject, identity.jti, now_s, &answer->denial);
  answer->denied = answer->denial.refuses(token.times.has_issued_at, token.times.issued_at_s, issuer.leeway_s);
  switch (build_token_principal(&look.reader(), token, issuer, reach, policy, now_s, principal)) {
    case BuiltToken::ok:
      *reason = !principal->provisioned && issuer.subject_required ? Reason::unprovisioned : Reason::none;
      return done();
    case BuiltToken::blocked_subject:
      *reason = Reason::blocked_subject;
      return done();
    case BuiltToken::revoked:
      *reason = Reason::revoked_token;
      return done();
    case BuiltToken::damaged:
      break;
  }
  return store_failed("what the store has about this token is damaged; `keyward store check` names it");
}

}  // namespace keyward::cli
