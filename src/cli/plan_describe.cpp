// A plan's terms.
#include "cli/plan_describe.hpp"

namespace keyward::cli {

std::string max_keys_text(const PlanRecord &plan) { return plan.has_max_keys ? std::to_string(plan.max_keys) : "-"; }

void describe(Description *to, const PlanRecord &plan) {
  to->text("name", "name", plan.name);
  to->scopes(plan.scopes);
  to->limits(plan.limits);
  to->number("max_keys", "max keys", plan.max_keys, plan.has_max_keys);
  to->number("concurrency", "concurrency", plan.concurrency, plan.concurrency != 0);
  to->text("credits", "credits", to_text(plan.credits));
  to->flag("no_access", "no access", plan.no_access);
  to->flag("default", "default", plan.is_default);
}

}  // namespace keyward::cli
