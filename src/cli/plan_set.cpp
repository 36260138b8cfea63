// keyward plan set: makes a plan, or changes what is named of one.
#include <limits>
#include <memory>

#include "cli/arguments.hpp"
#include "cli/author.hpp"
#include "cli/command_line.hpp"
#include "cli/known_names.hpp"
#include "cli/plan_describe.hpp"
#include "keys/plans.hpp"

namespace keyward::cli {
namespace {

struct SetOptions {
  Text name, max_keys, concurrency, credits;
  TextList scopes, limits;
  bool no_scopes = false, no_limits = false, no_max_keys = false, no_concurrency = false, no_credits = false;
  bool no_access = false, access = false;
  bool is_default = false, no_default = false;
};

// What a set has changed of a plan that was there.
void note_changes(const Context &context, const PlanRecord &old, const PlanRecord &plan) {
  Fields before, now;
  Description of_old(&before), of_plan(&now);
  describe(&of_old, old);
  describe(&of_plan, plan);
  std::string changes;
  for (std::size_t i = 0; i < now.all().size(); ++i) {
    const auto &[what, cell] = now.all()[i];
    const auto &was = before.all()[i].second.text;
    if (cell.text != was) {
      changes += (changes.empty() ? "" : ", ") + what + " " + cell.text + " (was " + was + ")";
    }
  }
  context.note(changes.empty() ? "Plan " + plan.name + " had these values already."
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
      {"--concurrency", "--no-concurrency", options.concurrency.given && options.no_concurrency},
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

Outcome read_request(const SetOptions &options, keys::PlanRequest *request) {
  request->name = options.name.value;
  if (auto outcome = check_plan_name(request->name); !outcome.ok()) {
    return outcome;
  }
  if (auto outcome = check_contradictions(options); !outcome.ok()) {
    return outcome;
  }
  if (options.no_credits) {
    request->credits.emplace();
  }
  if (options.credits.given) {
    std::string error;
    if (!parse_allowance(options.credits.value, &request->credits.emplace(), &error)) {
      return wrong_usage("--credits: " + error);
    }
  }
  if (options.scopes.given || options.no_scopes) {
    if (auto outcome = parse_grants(options.scopes, &request->scopes.emplace()); !outcome.ok()) {
      return outcome;
    }
  }
  if (options.limits.given || options.no_limits) {
    if (auto outcome = parse_limits(options.limits, &request->limits.emplace()); !outcome.ok()) {
      return outcome;
    }
  }
  if (options.no_max_keys) {
    request->max_keys.emplace();
  }
  if (options.max_keys.given) {
    std::uint64_t number = 0;
    if (auto outcome =
            parse_number("--max-keys", options.max_keys.value, 0, std::numeric_limits<std::uint32_t>::max(), &number);
        !outcome.ok()) {
      return outcome;
    }
    request->max_keys.emplace(static_cast<std::uint32_t>(number));
  }
  if (options.no_concurrency) {
    request->concurrency = 0;
  }
  if (options.concurrency.given) {
    if (auto outcome = parse_concurrency(options.concurrency, &request->concurrency.emplace()); !outcome.ok()) {
      return outcome;
    }
  }
  if (options.access || options.no_access) {
    request->no_access = options.no_access;
  }
  if (options.is_default || options.no_default) {
    request->is_default = options.is_default;
  }
  return done();
}

// For people: whether the plan is a new one, what changed of it, and of the plan that was the default one.
void note_set(const Context &context, CredentialReader &reader, const keys::PlanSet &set) {
  if (context.json) {
    return;
  }
  const auto &plan = set.record;
  if (set.before.name.empty()) {
    const auto like = nearest_plan(reader, plan.name);
    context.note("Plan " + plan.name + " is new" + (like.empty() ? "." : did_you_mean(like)));
  } else {
    note_changes(context, set.before, plan);
  }
  if (plan.is_default && !set.old_default.empty() && set.old_default != plan.name) {
    context.note("Plan " + set.old_default + " is no longer the default plan.");
  }
}

Outcome set_plan(Context &context, const SetOptions &options) {
  keys::PlanRequest request;
  if (auto outcome = read_request(options, &request); !outcome.ok()) {
    return outcome;
  }
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  keys::PlanSet set;
  const auto answer = keys::in_transaction(writer, author(), kWaitMs,
                                           [&](WriteTxn &txn) { return keys::set_plan(txn, request, &set); });
  if (!answer.ok()) {
    return from_answer(answer);
  }
  print_record(context, [&](Description *to) {
    describe(to, set.record);
    to->flag("created", {}, set.before.name.empty());
  });
  note_set(context, writer.reader(), set);
  return done();
}

}  // namespace

void add_plan_set(CommandLine &line) {
  auto set = std::make_shared<SetOptions>();
  line.command(
          "plan set", "make a plan, or change one",
          "Only what is given changes; --no-scopes, --no-limits and so on remove. Without scopes a plan restricts "
          "nothing;\n"
          "--scope '' is an empty list, which grants nothing. --scope and --limit replace the whole list: repeat what "
          "is to stay.\n"
          "A plan of the same name in nginx's configuration is used instead.",
          "keyward plan set pro --scope 'posts:*,media:read' --limit 60r/m --limit 1000r/d --max-keys 5")
      .argument("NAME", &set->name, "the plan")
      .list("--scope", "SCOPE", &set->scopes, "posts:read, posts:* or *; repeatable, also a,b")
      .flag("--no-scopes", &set->no_scopes, "remove the list of scopes: then nothing is restricted")
      .list("--limit", "RATE", &set->limits, "60r/m, 10r/s, 1000r/30d; repeatable: all apply")
      .flag("--no-limits", &set->no_limits, "remove all limits")
      .option("--max-keys", "N", &set->max_keys, "keys that a subject may have: active, pending and suspended ones")
      .flag("--no-max-keys", &set->no_max_keys, "no maximum")
      .option("--concurrency", "N", &set->concurrency, "requests at once, where nginx has keyward_concurrency plan")
      .flag("--no-concurrency", &set->no_concurrency, "no matter how many at once")
      .option("--credits", "N/PERIOD", &set->credits,
              "what each of its subjects may spend in a period, such as 1000/30d; what is left over lapses")
      .flag("--no-credits", &set->no_credits, "no credits")
      .flag("--no-access", &set->no_access, "refuse every request of this plan")
      .flag("--access", &set->access, "end --no-access")
      .flag("--default", &set->is_default, "the plan of keys and tokens that have no other")
      .flag("--no-default", &set->no_default, "end --default")
      .action([set](Context &context) { return set_plan(context, *set); });
}

}  // namespace keyward::cli
