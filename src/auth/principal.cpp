// Principals: a key's own terms, its subject's and its plan's, made one.
#include "auth/principal.hpp"

#include <limits>

#include "auth/plan_terms.hpp"

namespace keyward {

std::string_view to_text(Kind kind) noexcept {
  switch (kind) {
    case Kind::key:
      return "key";
    case Kind::token:
      return "token";
    case Kind::anonymous:
      return "anonymous";
    case Kind::none:
      break;
  }
  return "";
}

std::size_t bytes_of(const Principal &who) noexcept {
  return shared_bytes<Principal>() + heap_bytes(who.key_id) + heap_bytes(who.subject) + heap_bytes(who.plan) +
         heap_bytes(who.counter) + heap_bytes(who.issuer) + who.grants.heap_bytes() + heap_bytes(who.limits) +
         heap_bytes(who.allow_from) + (who.credits ? shared_bytes<CreditTerms>() : 0);
}

Digest counted_name(const DigestKey &zone_secret, Counted kind, std::string_view who) noexcept {
  const char first = static_cast<char>(kind);
  return keyed_digest(zone_secret, {&first, 1}, who);
}

void name_counts(const DigestKey &zone_secret, Principal *principal) noexcept {
  if (principal->kind == Kind::token) {
    // Tokens of an issuer that name nobody are counted as one: whoever could get a new token for each request must not
    // get a new window with it. No subject is empty, so that nobody has this name.
    const DigestKey of_issuer = counted_name(zone_secret, Counted::token, principal->issuer);
    principal->counter_name = keyed_digest(of_issuer, principal->subject);
    principal->subject_name = principal->subject.empty() || principal->own_subject
                                  ? principal->counter_name
                                  : counted_name(zone_secret, Counted::subject, principal->subject);
    return;
  }
  principal->counter_name = counted_name(zone_secret, Counted::key, principal->counter);
  principal->subject_name = principal->subject.empty()
                                ? principal->counter_name
                                : counted_name(zone_secret, Counted::subject, principal->subject);
}

std::shared_ptr<const CreditTerms> credit_terms(const Plan &plan, const CreditGrant &grant) {
  const bool any = plan.credits.window_s != 0 || grant.changed != 0;
  return any ? std::make_shared<const CreditTerms>(CreditTerms{plan.credits, grant}) : nullptr;
}

std::string_view plan_name_of(const KeyView &key, const SubjectView *subject) noexcept {
  return !key.plan.empty() || subject == nullptr ? key.plan : subject->plan;
}

void fill_key_principal(std::string_view id, const KeyView &key, const SubjectView *subject, Plan &&plan,
                        bool plan_missing, const Implications &implications, Principal *principal) {
  principal->kind = Kind::key;
  principal->key_id = id;
  principal->subject = key.subject;
  principal->counter = key.counter_id.empty() ? id : key.counter_id;
  principal->stands_until_s = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t end_s : {key.expires_at_s, key.overlap_until_s}) {
    if (end_s != 0 && end_s < principal->stands_until_s) {
      principal->stands_until_s = end_s;
    }
  }
  principal->plan = plan.name;
  principal->concurrency = key.concurrency != 0 ? key.concurrency : plan.concurrency;
  principal->credits = credit_terms(plan, subject != nullptr ? subject->credits : CreditGrant());
  principal->allow_from = key.allow_from;
  principal->entry = plan.no_access || plan_missing ? Entry::closed
                     : key.allow_from.empty()       ? Entry::open
                                                    : Entry::by_address;

  Grants grants = key.has_scopes ? Grants(key.scopes, implications) : Grants::all();
  if (plan.has_scopes) {
    grants = grants.intersect(Grants(plan.scopes, implications), implications);
  }
  if (subject != nullptr && subject->has_scopes) {
    grants = grants.intersect(Grants(subject->scopes, implications), implications);
  }
  principal->grants = std::move(grants);

  if (key.has_limits) {
    principal->has_limits = true;
    principal->limits = unpack_limits(key.limits);
  } else if (!plan.name.empty()) {
    principal->has_limits = true;
    principal->limits = std::move(plan.limits);
  }
}

Built build_key_principal(CredentialReader &reader, const CredentialReader::FoundKey &found, const Policy &policy,
                          Principal *principal) {
  const KeyView &key = found.key;
  SubjectView record;
  const SubjectView *subject = nullptr;
  if (!key.subject.empty()) {
    const StoreCode code = reader.find_subject(key.subject, &record);
    if (code != StoreCode::ok && code != StoreCode::not_found) {
      return Built::damaged;
    }
    subject = code == StoreCode::ok ? &record : nullptr;
    if (subject != nullptr && subject->state != SubjectState::active) {
      return Built::blocked_subject;
    }
  }
  Plan plan;
  bool plan_missing = false;
  if (resolve_plan(&reader, plan_name_of(key, subject), policy, &plan, &plan_missing) != StoreCode::ok) {
    return Built::damaged;
  }
  fill_key_principal(found.id, key, subject, std::move(plan), plan_missing, policy.implications, principal);
  principal->usage_name = found.usage_name;
  return Built::ok;
}

}  // namespace keyward
