// A plan's terms.
#include "cli/plan_describe.hpp"

#include "cli/describe.hpp"

namespace keyward::cli {

void write_members(json::Writer &writer, const PlanRecord &plan) {
  writer.member("name", plan.name);
  put_scopes(writer, plan.scopes);
  put_limits(writer, plan.limits);
  writer.key("max_keys");
  if (plan.has_max_keys) {
    writer.number(plan.max_keys);
  } else {
    writer.null();
  }
  put_text(writer, "credits", to_text(plan.credits));
  writer.key("no_access").boolean(plan.no_access);
  writer.key("default").boolean(plan.is_default);
}

std::string max_keys_text(const PlanRecord &plan) { return plan.has_max_keys ? std::to_string(plan.max_keys) : "-"; }

void print_plan(Context &context, const PlanRecord &plan, const bool *created) {
  if (context.json) {
    auto writer = context.json_writer();
    writer.begin_object();
    write_members(writer, plan);
    if (created != nullptr) {
      writer.key("created").boolean(*created);
    }
    writer.end_object();
    context.print(writer);
    return;
  }
  Fields fields;
  fields.add("name", plan.name);
  fields.add("scopes", scopes_text(plan.scopes));
  fields.add("limits", limits_text(plan.limits));
  fields.add("max keys", max_keys_text(plan));
  fields.add("credits", text_of(to_text(plan.credits)));
  fields.add("no access", plan.no_access ? "yes" : "no");
  fields.add("default", plan.is_default ? "yes" : "no");
  fields.print(context.out);
}

}  // namespace keyward::cli
