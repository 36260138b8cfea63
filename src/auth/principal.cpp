// Principals: a key's own terms, its subject's and its plan's, made one.
#include "auth/principal.hpp"

#include <limits>

namespace keyward {
namespace {

std::vector<Rate> unpack_limits(std::string_view packed) {
  std::vector<Rate> limits;
  const std::size_t count = limit_count(packed);
  limits.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    limits.push_back(limit_at(packed, i));
  }
  return limits;
}

Plan to_plan(std::string_view name, const PlanView &view) {
  Plan plan;
  plan.name = name;
  plan.has_scopes = view.has_scopes;
  plan.scopes = view.scopes;
  plan.has_limits = view.has_limits;
  plan.limits = unpack_limits(view.limits);
  plan.has_max_keys = view.has_max_keys;
  plan.max_keys = view.max_keys;
  plan.credits = view.credits;
  plan.no_access = view.no_access;
  return plan;
}

// The plan that applies when `name` was named (empty: the default one). `missing` is set when it is named and nowhere.
StoreCode resolve_plan(CredentialReader &reader, std::string_view name, const Policy &policy, Plan *plan,
                       bool *missing) {
  *missing = false;
  if (name.empty()) {
    name = policy.default_plan;
  }
  PlanView view;
  if (name.empty()) {
    const StoreCode code = reader.find_default_plan(&name, &view);
    if (code == StoreCode::ok) {
      // The configuration owns the names it has, the store's default included.
      const auto owned = policy.plans.find(name);
      *plan = owned != policy.plans.end() ? owned->second : to_plan(name, view);
    }
    return code == StoreCode::not_found ? StoreCode::ok : code;
  }
  if (const auto owned = policy.plans.find(name); owned != policy.plans.end()) {
    *plan = owned->second;
    return StoreCode::ok;
  }
  const StoreCode code = reader.find_plan(name, &view);
  if (code == StoreCode::ok) {
    *plan = to_plan(name, view);
  } else if (code == StoreCode::not_found) {
    plan->name = name;
    *missing = true;
    return StoreCode::ok;
  }
  return code;
}

}  // namespace

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

Digest counted_name(const DigestKey &zone_secret, Counted kind, std::string_view who) noexcept {
  const char first = static_cast<char>(kind);
  return keyed_digest(zone_secret, {&first, 1}, who);
}

void name_counts(const DigestKey &zone_secret, Principal *principal) noexcept {
  principal->counter_name = counted_name(zone_secret, Counted::key, principal->counter);
  principal->subject_name = principal->subject.empty()
                                ? principal->counter_name
                                : counted_name(zone_secret, Counted::subject, principal->subject);
}

Built build_key_principal(CredentialReader &reader, const CredentialReader::FoundKey &found, const Policy &policy,
                          Principal *principal) {
  const KeyView &key = found.key;
  principal->kind = Kind::key;
  principal->key_id = found.id;
  principal->subject = key.subject;
  principal->counter = key.counter_id.empty() ? found.id : key.counter_id;
  principal->usage_name = found.usage_name;
  principal->stands_until_s = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t end_s : {key.expires_at_s, key.overlap_until_s}) {
    if (end_s != 0 && end_s < principal->stands_until_s) {
      principal->stands_until_s = end_s;
    }
  }

  SubjectView subject;
  bool has_subject = false;
  if (!key.subject.empty()) {
    const StoreCode code = reader.find_subject(key.subject, &subject);
    if (code != StoreCode::ok && code != StoreCode::not_found) {
      return Built::damaged;
    }
    has_subject = code == StoreCode::ok;
    if (has_subject && subject.state != SubjectState::active) {
      return Built::blocked_subject;
    }
  }

  Plan plan;
  bool plan_missing = false;
  const std::string_view plan_name = !key.plan.empty() ? key.plan : (has_subject ? subject.plan : std::string_view());
  if (resolve_plan(reader, plan_name, policy, &plan, &plan_missing) != StoreCode::ok) {
    return Built::damaged;
  }
  principal->plan = plan.name;
  principal->no_access = plan.no_access || plan_missing;

  const Implications &implications = policy.implications;
  Grants grants = key.has_scopes ? Grants(key.scopes, implications) : Grants::all();
  if (plan.has_scopes) {
    grants = grants.intersect(Grants(plan.scopes, implications), implications);
  }
  if (has_subject && subject.has_scopes) {
    grants = grants.intersect(Grants(subject.scopes, implications), implications);
  }
  principal->grants = std::move(grants);

  if (key.has_limits) {
    principal->has_limits = true;
    principal->limits = unpack_limits(key.limits);
  } else if (!plan.name.empty()) {
    principal->has_limits = true;
    principal->limits = std::move(plan.limits);
  }
  return Built::ok;
}

}  // namespace keyward
