// By the same rule as workers have.
#include "cli/balance.hpp"

#include "auth/plan_terms.hpp"
#include "store/environment/files.hpp"
#include "store/environment/layout.hpp"

namespace keyward::cli {
namespace {

Balance balance_under(const Context &context, Usage &usage, Counted kind, std::string_view who,
                      const CreditTerms *terms) {
  Bytes<kSecretBytes> secret = {};
  SecretStamp stamp;
  if (terms == nullptr || !read_secret(secret_file(context.store), &secret, &stamp).ok()) {
    return {};
  }
  DigestKey key = Seal(secret).window_key();
  wipe(secret.data(), secret.size());
  const Digest account = counted_name(key, kind, who);
  wipe(key.data(), key.size());
  CreditState state;
  if (!usage.find_credits(account, &state)) {
    return {};
  }
  const bool has_period = state.period_end_s != 0;
  credit_rule::catch_up(*terms, context.now_s, &state);
  return {true, credit_rule::balance(*terms, state),
          terms->allowance.window_s != 0 && has_period ? state.period_end_s : 0};
}

}  // namespace

Balance balance_in(const Context &context, CredentialReader &reader, Usage &usage, const SubjectRecord &subject) {
  Plan plan;
  bool missing = false;
  if (resolve_plan(&reader, subject.plan, Policy(), &plan, &missing) != StoreCode::ok) {
    return {};
  }
  return balance_under(context, usage, Counted::subject, subject.subject, credit_terms(plan, subject.credits).get());
}

Balance balance_of(const Context &context, CredentialReader &reader, Usage &usage, const SubjectRecord &subject) {
  const Snapshot snapshot(reader);
  return snapshot.status().ok() ? balance_in(context, reader, usage, subject) : Balance();
}

Balance balance_of(const Context &context, Usage &usage, const KeyRecord &key, const CreditTerms *terms) {
  const bool is_own = key.subject.empty();
  const std::string &counter = key.counter_id.empty() ? key.id : key.counter_id;
  return balance_under(context, usage, is_own ? Counted::key : Counted::subject, is_own ? counter : key.subject, terms);
}

void describe(Description *to, const Balance &balance) {
  const std::string text = std::to_string(balance.left);
  if (auto *json = to->json()) {
    json->key("credits");
    balance.known ? json->number(balance.left) : json->null();
  }
  to->for_people("credits", balance.known ? text : "-");
  to->time("credits_renew_at", balance.renews_s != 0 ? "credits renew" : "", balance.renews_s);
}

}  // namespace keyward::cli
