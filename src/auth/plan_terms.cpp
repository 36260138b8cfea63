// Plans of the configuration and of the store.
#include "auth/plan_terms.hpp"

namespace keyward {

std::vector<Rate> unpack_limits(std::string_view packed) {
  std::vector<Rate> limits;
  const std::size_t count = limit_count(packed);
  limits.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    limits.push_back(limit_at(packed, i));
  }
  return limits;
}

namespace {

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

}  // namespace

StoreCode resolve_plan(CredentialReader *reader, std::string_view name, const Policy &policy, Plan *plan,
                       bool *missing) {
  *missing = false;
  if (name.empty()) {
    name = policy.default_plan;
  }
  PlanView view;
  if (name.empty()) {
    const StoreCode code = reader == nullptr ? StoreCode::not_found : reader->find_default_plan(&name, &view);
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
  const StoreCode code = reader == nullptr ? StoreCode::not_found : reader->find_plan(name, &view);
  if (code == StoreCode::ok) {
    *plan = to_plan(name, view);
  } else if (code == StoreCode::not_found) {
    plan->name = name;
    *missing = true;
    return StoreCode::ok;
  }
  return code;
}

}  // namespace keyward
