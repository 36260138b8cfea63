// keyward plan set: makes a plan, or changes what is named of one.
#include <limits>
#include <memory>

#include "cli/arguments.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "cli/known_names.hpp"
#include "cli/plan_describe.hpp"

namespace keyward::cli {
namespace {

struct SetOptions {
  Text name, max_keys, credits;
  TextList scopes, limits;
  bool no_scopes = false, no_limits = false, no_max_keys = false, no_credits = false;
  bool no_access = false, access = false;
  bool is_default = false, no_default = false;
};

// What the options change; the rest of a plan stays as it is.
struct Change {
  bool set_scopes = false, set_limits = false, set_max_keys = false, set_access = false, set_default = false;
  bool take_credits = false;
  PlanRecord to;
};

// What a set has changed of a plan that was there.
void note_changes(const Context &context, const PlanRecord &old, const PlanRecord &plan) {
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
  context.note(changes.empty() ? "Plan " + plan.name + " was so already."
                               : "Plan " + plan.name + " is changed: " + changes + ".");
}

Outcome check_contradictions(const SetOptions &options) {
  struct Pair {
    const char *one, *other;
    bool both;
  };
  const Pair pairs[] = {
      {"--scope", "--no-scopes", options.scopes.given && options.no_scopes},
      {"--limit", "--no-limits", options.limits.given && options.no_limits},
      {"--max-keys", "--no-max-keys", options.max_keys.given && options.no_max_keys},
      {"--credits", "--no-credits", options.credits.given && options.no_credits},
      {"--access", "--no-access", options.access && options.no_access},
      {"--default", "--no-default", options.is_default && options.no_default},
  };
  for (const Pair &pair : pairs) {
    if (pair.both) {
      return contradiction(pair.one, pair.other);
    }
  }
  return done();
}

Outcome read_change(const SetOptions &options, Change *change) {
  PlanRecord &to = change->to;
  to.name = options.name.value;
  if (auto outcome = check_plan_name(to.name); !outcome.ok()) {
    return outcome;
  }
  if (auto outcome = check_contradictions(options); !outcome.ok()) {
    return outcome;
  }
  if (options.credits.given) {
    return credits_are_missing("--credits");
  }
  if (auto outcome = parse_grants(options.scopes, &to.scopes); !outcome.ok()) {
    return outcome;
  }
  if (auto outcome = parse_limits(options.limits, &to.limits); !outcome.ok()) {
    return outcome;
  }
  if (options.max_keys.given) {
    std::uint64_t number = 0;
    if (auto outcome =
            parse_number("--max-keys", options.max_keys.value, 0, std::numeric_limits<std::uint32_t>::max(), &number);
        !outcome.ok()) {
      return outcome;
    }
    to.has_max_keys = true;
    to.max_keys = static_cast<std::uint32_t>(number);
  }
  to.no_access = options.no_access;
  to.is_default = options.is_default;
  change->set_scopes = options.scopes.given || options.no_scopes;
  change->set_limits = options.limits.given || options.no_limits;
  change->set_max_keys = options.max_keys.given || options.no_max_keys;
  change->set_access = options.access || options.no_access;
  change->set_default = options.is_default || options.no_default;
  change->take_credits = options.no_credits;
  return done();
}

void apply(const Change &change, PlanRecord *plan) {
  const PlanRecord &to = change.to;
  plan->name = to.name;
  if (change.set_scopes) {
    plan->scopes = to.scopes;
  }
  if (change.set_limits) {
    plan->limits = to.limits;
  }
  if (change.set_max_keys) {
    plan->has_max_keys = to.has_max_keys;
    plan->max_keys = to.max_keys;
  }
  if (change.set_access) {
    plan->no_access = to.no_access;
  }
  if (change.set_default) {
    plan->is_default = to.is_default;
  }
  if (change.take_credits) {
    plan->credits = {};
  }
}

// For people: whether the plan is a new one, what changed of it, and of the plan that was the default one.
void note_set(const Context &context, CredentialReader &reader, const PlanRecord &old, const PlanRecord &plan,
              const std::string &old_default) {
  if (context.json) {
    return;
  }
  if (old.name.empty()) {
    const auto like = nearest_plan(reader, plan.name);
    context.note("Plan " + plan.name + " is new" + (like.empty() ? "." : did_you_mean(like)));
  } else {
    note_changes(context, old, plan);
  }
  if (plan.is_default && !old_default.empty() && old_default != plan.name) {
    context.note("Plan " + old_default + " was the default one, and isn't any more.");
  }
}

Outcome set_plan(Context &context, const SetOptions &options) {
  Change wanted;
  if (auto outcome = read_change(options, &wanted); !outcome.ok()) {
    return outcome;
  }
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  PlanRecord old, plan;
  std::string old_default;
  auto outcome = change(writer, kWaitMs, [&](WriteTxn &txn, Outcome *) {
    old = {};
    auto status = txn.get_plan(wanted.to.name, &old);
    status = status.code == StoreCode::not_found ? StoreStatus{} : status;
    status = status.ok() ? txn.get_default_plan(&old_default) : status;
    plan = old;
    apply(wanted, &plan);
    return status.ok() ? txn.put_plan(plan) : status;
  });
  if (!outcome.ok()) {
    return outcome;
  }
  const bool created = old.name.empty();
  print_plan(context, plan, &created);
  note_set(context, writer.reader(), old, plan, old_default);
  return done();
}

}  // namespace

void add_plan_set(CommandLine &line) {
  auto set = std::make_shared<SetOptions>();
  line.command(
          "plan set", "make a plan, or change what is given of one",
          "Only what is given changes; --no-scopes, --no-limits and the like take away. Without scopes a plan narrows "
          "nothing;\n"
          "--scope '' is an empty list, which grants nothing. --scope and --limit are whole lists: what was in them "
          "before goes.\n"
          "A plan of the same name in nginx's configuration wins.",
          "keyward plan set pro --scope 'posts:*,media:read' --limit 60r/m --limit 1000r/d --max-keys 5")
      .argument("NAME", &set->name, "the plan")
      .list("--scope", "SCOPE", &set->scopes, "posts:read, posts:* or *; repeatable, also a,b")
      .flag("--no-scopes", &set->no_scopes, "take the list of scopes away: then nothing is narrowed")
      .list("--limit", "RATE", &set->limits, "60r/m, 10r/s, 1000r/30d; repeatable: all hold")
      .flag("--no-limits", &set->no_limits, "take all limits away")
      .option("--max-keys", "N", &set->max_keys, "keys that a subject may have, active and pending ones")
      .flag("--no-max-keys", &set->no_max_keys, "as many as it likes")
      .option("--credits", "N/PERIOD", &set->credits, "refused: credits are not there yet")
      .flag("--no-credits", &set->no_credits, "take the credits away that an older version took")
      .flag("--no-access", &set->no_access, "refuse every request of this plan")
      .flag("--access", &set->access, "don't, after --no-access")
      .flag("--default", &set->is_default, "the plan of whoever has no other")
      .flag("--no-default", &set->no_default, "not any more")
      .action([set](Context &context) { return set_plan(context, *set); });
}

}  // namespace keyward::cli
