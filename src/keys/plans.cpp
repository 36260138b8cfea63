// Plans.
#include "keys/plans.hpp"

#include <utility>

#include "base/text_rules.hpp"
#include "keys/terms.hpp"

namespace keyward::keys {

Answer set_plan(WriteTxn &txn, const PlanRequest &request, PlanSet *set) {
  *set = {};
  StoreStatus status = txn.get_plan(request.name, &set->before);
  if (!status.ok() && status.code != StoreCode::not_found) {
    return status;
  }
  if (Answer answer = txn.get_default_plan(&set->old_default); !answer.ok()) {
    return answer;
  }
  PlanRecord &plan = set->record;
  plan = set->before;
  plan.name = request.name;
  plan.scopes = request.scopes.value_or(plan.scopes);
  plan.limits = request.limits.value_or(plan.limits);
  if (request.max_keys) {
    plan.has_max_keys = request.max_keys->has_value();
    plan.max_keys = request.max_keys->value_or(0);
  }
  plan.concurrency = request.concurrency.value_or(plan.concurrency);
  plan.no_access = request.no_access.value_or(plan.no_access);
  plan.is_default = request.is_default.value_or(plan.is_default);
  plan.credits = request.credits.value_or(plan.credits);
  PlanView view;
  const std::string content = encode(plan);
  if (!is_plan_name(plan.name) || !are_grants(plan.scopes) || !decode(content, &view)) {
    return Result::invalid;
  }
  return txn.put_plan(plan);
}

Answer remove_plan(WriteTxn &txn, const std::string &name, PlanUser *user) {
  PlanRecord plan;
  if (Answer answer = txn.get_plan(name, &plan); !answer.ok()) {
    return answer;
  }
  StoreStatus status = txn.plan_in_use(name, user);
  return status.ok() ? Answer(Result::in_use)
                     : Answer(status.code == StoreCode::not_found ? txn.remove_plan(name) : std::move(status));
}

}  // namespace keyward::keys
