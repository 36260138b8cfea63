// keyward plan: named sets of scopes, limits and a maximum number of keys.
#include <memory>

#include "base/quote.hpp"
#include "cli/author.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "cli/plan_describe.hpp"
#include "keys/plans.hpp"

namespace keyward::cli {
namespace {

Outcome show_plan(Context &context, const Text &name) {
  StoreLook look(context);
  if (auto outcome = look.outcome(); !outcome.ok()) {
    return outcome;
  }
  PlanView view;
  const auto code = look.reader().find_plan(name.value, &view);
  if (code == StoreCode::not_found) {
    return no("there is no plan " + quote(name.value) +
              " in the store; `keyward plan list` shows those that there are");
  }
  if (code != StoreCode::ok) {
    return damaged_record("plan", quote(name.value));
  }
  print_record(context, [&](Description *to) { describe(to, to_record(name.value, view)); });
  return done();
}

Outcome list_plans(Context &context) {
  StoreLook look(context);
  if (auto outcome = look.outcome(); !outcome.ok()) {
    return outcome;
  }
  auto writer = context.json_writer();
  writer.begin_array();
  Table table(context.out, {"NAME", "SCOPES", "LIMITS", "MAX KEYS", "CREDITS", "NO ACCESS", "DEFAULT"});
  std::string damaged;
  look.reader().for_each_plan(
      [&](std::string_view name, const PlanView &view) {
        const auto plan = to_record(name, view);
        if (context.json) {
          writer.begin_object();
          Description members(&writer);
          describe(&members, plan);
          writer.end_object();
        } else {
          table.row({plan.name, scopes_text(plan.scopes), limits_text(plan.limits), max_keys_text(plan),
                     text_of(to_text(plan.credits)), plan.no_access ? "yes" : "-", plan.is_default ? "yes" : "-"});
        }
        return true;
      },
      [&](std::string_view name) { damaged = name; });
  table.finish();
  if (context.json) {
    writer.end_array();
    context.print(writer);
  }
  return damaged.empty() ? done() : damaged_record("plan", quote(damaged));
}

Outcome remove_plan(Context &context, const Text &name) {
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  PlanUser who;
  const auto answer = keys::in_transaction(writer, author(), kWaitMs,
                                           [&](WriteTxn &txn) { return keys::remove_plan(txn, name.value, &who); });
  switch (answer.result) {
    case keys::Result::done:
      break;
    case keys::Result::not_found:
      return no("there is no plan " + quote(name.value) + " in the store");
    case keys::Result::in_use:
      return no("plan " + quote(name.value) + " is used by " + (who.is_subject ? "the subject " : "the key ") +
                quote(who.name) + "; " +
                (who.is_subject ? "give it another with `keyward subject set --plan`, or remove it, first"
                                : "revoke it first, or leave the plan") +
                "; there may be more");
    default:
      return from_answer(answer);
  }
  if (context.json) {
    auto json = context.json_writer();
    json.begin_object().member("name", name.value).key("removed").boolean(true).end_object();
    context.print(json);
  } else {
    context.out.line("plan " + name.value + " is removed");
  }
  return done();
}

}  // namespace

void add_plan_commands(CommandLine &line) {
  line.group("plan", "named sets of scopes, limits and credits", "keyward plan list");
  add_plan_set(line);
  line.command("plan list", "list all plans", "", "keyward plan list").action(list_plans);
  auto shown = std::make_shared<Text>();
  line.command("plan show", "show a plan", "", "keyward plan show pro")
      .argument("NAME", shown.get(), "the plan")
      .action([shown](Context &context) { return show_plan(context, *shown); });
  auto removed = std::make_shared<Text>();
  line.command("plan remove", "remove a plan that nobody uses",
               "Refused while a key that isn't revoked, or a subject, names it.", "keyward plan remove trial")
      .argument("NAME", removed.get(), "the plan")
      .action([removed](Context &context) { return remove_plan(context, *removed); });
}

}  // namespace keyward::cli
