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
  plan.concurrency = view.concurrency;
  plan.credits = view.credits;
  plan.no_access = view.no_access;
  return plan;
}

// find(name, plan) looks into the store: for a plan, or, where no name is given, for its default one.
template <typename Find>
StoreCode choose_plan(std::string_view name, const Policy &policy, Plan *plan, bool *missing, Find &&find) {
  *missing = false;
  if (name.empty()) {
    name = policy.default_plan;
  }
  // The configuration owns the names it has, the store's default included.
  const auto owned = policy.plans.find(name);
  if (owned != policy.plans.end()) {
    *plan = owned->second;
    return StoreCode::ok;
  }
  const StoreCode code = find(name, plan);
  if (code == StoreCode::not_found) {
    plan->name = name;
    *missing = !name.empty();
    return StoreCode::ok;
  }
  const auto owned_default = policy.plans.find(plan->name);
  if (code == StoreCode::ok && owned_default != policy.plans.end()) {
    *plan = owned_default->second;
  }
  return code;
}

}  // namespace

StoreCode resolve_plan(CredentialReader *reader, std::string_view name, const Policy &policy, Plan *plan,
                       bool *missing) {
  return choose_plan(name, policy, plan, missing, [reader](std::string_view wanted, Plan *found) {
    PlanView view;
    const StoreCode code = reader == nullptr ? StoreCode::not_found
                           : wanted.empty()  ? reader->find_default_plan(&wanted, &view)
                                             : reader->find_plan(wanted, &view);
    if (code == StoreCode::ok) {
      *found = to_plan(wanted, view);
    }
    return code;
  });
}

StoreStatus resolve_plan(WriteTxn &txn, std::string_view name, const Policy &policy, Plan *plan, bool *missing) {
  StoreStatus status;
  status.code = choose_plan(name, policy, plan, missing, [&](std::string_view wanted, Plan *found) {
    std::string named(wanted);
    status = named.empty() ? txn.get_default_plan(&named) : StoreStatus();
    if (!status.ok() || named.empty()) {
      return status.ok() ? StoreCode::not_found : status.code;
    }
    PlanRecord record;
    status = txn.get_plan(named, &record);
    if (status.code == StoreCode::not_found && wanted.empty()) {
      status = {StoreCode::damaged, "the default plan " + named + " is not there"};
    }
    const std::string content = encode(record);
    PlanView view;
    if (status.ok() && decode(content, &view)) {
      *found = to_plan(named, view);
    }
    return status.code;
  });
  return status;
}

}  // namespace keyward
