// keyward plan: named sets of scopes, limits, credits and a maximum number of keys.
#include <limits>
#include <memory>

#include "base/quote.hpp"
#include "cli/arguments.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"

namespace keyward::cli {
namespace {

struct SetOptions {
  Text name, max_keys, credits;
  TextList scopes, limits;
  bool no_access = false;
  bool is_default = false;
};

void write_plan(json::Writer &writer, const PlanRecord &plan) {
  writer.begin_object().member("name", plan.name);
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
  writer.end_object();
}

std::string max_keys_text(const PlanRecord &plan) { return plan.has_max_keys ? std::to_string(plan.max_keys) : "-"; }

// What a set has changed of a plan that was there: what isn't given is gone, which is easily forgotten.
void note_changes(Context &context, const PlanRecord &old, const PlanRecord &plan) {
  std::string changes;
  const auto compare = [&](const char *what, const std::string &before, const std::string &now) {
    if (before != now) {
      changes += (changes.empty() ? "" : ", ") + std::string(what) + " " + now + " (was " + before + ")";
    }
  };
  compare("scopes", scopes_text(old.scopes), scopes_text(plan.scopes));
  compare("limits", limits_text(old.limits), limits_text(plan.limits));
  compare("max keys", max_keys_text(old), max_keys_text(plan));
  compare("credits", text_of(to_text(old.credits)), text_of(to_text(plan.credits)));
  compare("no access", old.no_access ? "yes" : "no", plan.no_access ? "yes" : "no");
  compare("default", old.is_default ? "yes" : "no", plan.is_default ? "yes" : "no");
  if (!changes.empty()) {
    context.note("Plan " + plan.name + " was there and is replaced whole: " + changes + ".");
  }
}

void print_plan(Context &context, const PlanRecord &plan) {
  if (context.json) {
    auto writer = context.json_writer();
    write_plan(writer, plan);
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

Outcome read_plan(const SetOptions &options, PlanRecord *plan) {
  plan->name = options.name.value;
  plan->no_access = options.no_access;
  plan->is_default = options.is_default;
  if (auto outcome = check_plan_name(plan->name); !outcome.ok()) {
    return outcome;
  }
  if (auto outcome = parse_grants(options.scopes, &plan->scopes); !outcome.ok()) {
    return outcome;
  }
  if (auto outcome = parse_limits(options.limits, &plan->limits); !outcome.ok()) {
    return outcome;
  }
  if (options.max_keys.given) {
    std::uint64_t number = 0;
    if (auto outcome =
            parse_number("--max-keys", options.max_keys.value, 0, std::numeric_limits<std::uint32_t>::max(), &number);
        !outcome.ok()) {
      return outcome;
    }
    plan->has_max_keys = true;
    plan->max_keys = static_cast<std::uint32_t>(number);
  }
  std::string error;
  if (options.credits.given && !parse_allowance(options.credits.value, &plan->credits, &error)) {
    return wrong_usage("--credits: " + error);
  }
  return done();
}

Outcome set_plan(Context &context, const SetOptions &options) {
  PlanRecord plan;
  if (auto outcome = read_plan(options, &plan); !outcome.ok()) {
    return outcome;
  }
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  PlanRecord old;
  std::string old_default;
  auto outcome = change(writer, kWaitMs, [&](WriteTxn &txn, Outcome *) {
    old = {};
    auto status = txn.get_plan(plan.name, &old);
    status = status.code == StoreCode::not_found ? StoreStatus{} : status;
    status = status.ok() ? txn.get_default_plan(&old_default) : status;
    return status.ok() ? txn.put_plan(plan) : status;
  });
  if (!outcome.ok()) {
    return outcome;
  }
  print_plan(context, plan);
  if (!old.name.empty()) {
    note_changes(context, old, plan);
  }
  if (plan.is_default && !old_default.empty() && old_default != plan.name) {
    context.note("Plan " + old_default + " was the default one, and isn't any more.");
  }
  return done();
}

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
  print_plan(context, to_record(name.value, view));
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
          write_plan(writer, plan);
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
  auto outcome = change(writer, kWaitMs, [&](WriteTxn &txn, Outcome *refusal) {
    PlanRecord plan;
    if (auto status = txn.get_plan(name.value, &plan); !status.ok()) {
      return status.code == StoreCode::not_found
                 ? refused(refusal, no("there is no plan " + quote(name.value) + " in the store"))
                 : status;
    }
    PlanUser who;
    const auto used = txn.plan_in_use(name.value, &who);
    if (used.ok()) {
      return refused(refusal,
                     no("plan " + quote(name.value) + " is used by " + (who.is_subject ? "the subject " : "the key ") +
                        quote(who.name) + "; " +
                        (who.is_subject ? "give it another with `keyward subject set --plan`, or remove it, first"
                                        : "revoke it first, or leave the plan") +
                        "; there may be more"));
    }
    return used.code == StoreCode::not_found ? txn.remove_plan(name.value) : used;
  });
  if (!outcome.ok()) {
    return outcome;
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
  auto set = std::make_shared<SetOptions>();
  line.command(
          "plan set", "make a plan, or replace one whole",
          "A plan that is there is replaced as a whole: what isn't given is gone. Without --scope the plan narrows "
          "nothing;\n"
          "--scope '' is an empty list, which grants nothing. A plan of the same name in nginx's configuration wins.",
          "keyward plan set pro --scope 'posts:*,media:read' --limit 60r/m --limit 1000r/d --max-keys 5")
      .argument("NAME", &set->name, "the plan")
      .list("--scope", "SCOPE", &set->scopes, "posts:read, posts:* or *; repeatable, also a,b")
      .list("--limit", "RATE", &set->limits, "60r/m, 10r/s, 1000r/30d; repeatable: all hold")
      .option("--max-keys", "N", &set->max_keys, "keys that a subject may have, active and pending ones")
      .option("--credits", "N/PERIOD", &set->credits, "granted anew in every period: 1000/30d")
      .flag("--no-access", &set->no_access, "refuse every request of this plan")
      .flag("--default", &set->is_default, "the plan of whoever has no other")
      .action([set](Context &context) { return set_plan(context, *set); });
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
