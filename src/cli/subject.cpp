// keyward subject: the users and companies that keys and tokens belong to.
#include <map>
#include <memory>

#include "base/quote.hpp"
#include "cli/arguments.hpp"
#include "cli/author.hpp"
#include "cli/balance.hpp"
#include "cli/command_line.hpp"
#include "cli/known_names.hpp"
#include "cli/store_readers.hpp"
#include "cli/subject_describe.hpp"
#include "keys/key_state.hpp"
#include "keys/subjects.hpp"

namespace keyward::cli {
namespace {

struct SetOptions {
  Text id, plan, state, credits;
  TextList scopes;
  bool no_scopes = false;
  bool no_credits = false;
};

Outcome read_credits(const SetOptions &options, std::optional<keys::CreditChange> *change) {
  using Kind = keys::CreditChange::Kind;
  if (options.no_credits) {
    change->emplace().kind = Kind::remove;
  }
  if (!options.credits.given) {
    return done();
  }
  const std::string &text = options.credits.value;
  const bool adds = !text.empty() && (text.front() == '+' || text.front() == '-');
  std::uint64_t number = 0;
  if (!parse_number("--credits", adds ? text.substr(1) : text, adds ? 1 : 0, kMaxCredits, &number).ok()) {
    return wrong_usage("--credits: " + quote(text) +
                       " is not a balance; write 1000 to set it, +100 to add to it, -100 " +
                       "to take from it: numbers up to " + std::to_string(kMaxCredits));
  }
  const auto amount = static_cast<std::int64_t>(number);
  *change = {adds ? Kind::add : Kind::set, text.front() == '-' ? -amount : amount};
  return done();
}

Outcome read_request(const SetOptions &options, std::int64_t now_s, keys::SubjectRequest *request) {
  request->subject = options.id.value;
  request->now_s = now_s;
  if (auto outcome = check_subject(options.id.value); !outcome.ok()) {
    return outcome;
  }
  if (options.plan.given) {
    request->plan = options.plan.value;
  }
  if (!options.plan.value.empty()) {
    if (auto outcome = check_plan_name(options.plan.value); !outcome.ok()) {
      return outcome;
    }
  }
  if (options.scopes.given && options.no_scopes) {
    return contradiction("--scope", "--no-scopes");
  }
  if (options.scopes.given || options.no_scopes) {
    if (auto outcome = parse_grants(options.scopes, &request->scopes.emplace()); !outcome.ok()) {
      return outcome;
    }
  }
  if (options.credits.given && options.no_credits) {
    return contradiction("--credits", "--no-credits");
  }
  if (auto outcome = read_credits(options, &request->credits); !outcome.ok()) {
    return outcome;
  }
  if (!options.state.given) {
    return done();
  }
  request->state = options.state.value == "blocked" ? SubjectState::blocked : SubjectState::active;
  return options.state.value == to_text(*request->state)
             ? done()
             : wrong_usage("--state: " + quote(options.state.value) +
                           " is not a subject's state; write active or blocked");
}

Outcome set_subject(Context &context, const SetOptions &options) {
  keys::SubjectRequest request;
  if (auto outcome = read_request(options, context.now_s, &request); !outcome.ok()) {
    return outcome;
  }
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  keys::SubjectSet set;
  const bool blocks = request.state == SubjectState::blocked;
  const auto answer = keys::in_transaction(writer, author(), blocks ? kUrgentWaitMs : kWaitMs,
                                           [&](WriteTxn &txn) { return keys::set_subject(txn, {}, request, &set); });
  if (!answer.ok()) {
    return from_answer(answer);
  }
  const bool created = !set.use.has_record;
  Usage usage(context);
  const auto balance = balance_of(context, writer.reader(), usage, set.record);
  print_record(context, [&](Description *to) {
    describe(to, set.record);
    describe(to, balance);
    to->flag("created", {}, created);
  });
  if (created && !set.use.has_key) {
    note_new_subject(context, writer.reader(), request.subject);
  } else if (created) {
    context.note("Subject " + request.subject + " had keys, but no record of its own; now it has one.");
  }
  if (blocks) {
    warn_without_workers(context, writer.reader(), "the subject's keys and tokens are");
  }
  return check_plans(context, writer.reader(), {options.plan.value});
}

// How many there are in each state.
void describe_keys(Description *to, const std::map<std::string, std::size_t> &keys) {
  std::string text;
  for (const auto &[state, count] : keys) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + state;
  }
  to->for_people("keys", text_of(text));
  if (auto *json = to->json()) {
    json->key("keys").begin_object();
    for (const auto &[state, count] : keys) {
      json->key(state).number(static_cast<std::int64_t>(count));
    }
    json->end_object();
  }
}

Outcome show_subject(Context &context, const Text &id) {
  CredentialReader reader;
  if (const auto status = reader.open(context.store); !status.ok()) {
    return from_store(status);
  }
  SubjectRecord record;
  {
    Snapshot snapshot(reader);
    if (!snapshot.status().ok()) {
      return from_store(snapshot.status());
    }
    SubjectView view;
    const auto code = reader.find_subject(id.value, &view);
    if (code == StoreCode::not_found) {
      return no("there is no subject " + quote(id.value) +
                " in the store (a key's subject needs no record of its own)");
    }
    if (code != StoreCode::ok) {
      return damaged_record("subject", quote(id.value));
    }
    record = to_record(id.value, view);
  }
  std::map<std::string, std::size_t> keys;
  KeyWalk walk;
  walk.visit = [&](const CredentialReader::FoundKey &found) {
    ++keys[std::string(keys::effective_state(to_record(found.id, found.key), context.now_s))];
    return true;
  };
  auto outcome = walk_keys(reader, id.value, walk);
  Usage usage(context);
  const auto balance = balance_of(context, reader, usage, record);
  print_record(context, [&](Description *to) {
    describe(to, record);
    describe(to, balance);
    describe_keys(to, keys);
  });
  return outcome;
}

Outcome list_subjects(Context &context) {
  StoreLook look(context);
  if (auto outcome = look.outcome(); !outcome.ok()) {
    return outcome;
  }
  Table table(context.out, {"ID", "STATE", "PLAN", "SCOPES", "CREDITS", "CREATED"});
  std::string damaged;
  Usage usage(context);
  const char *separator = "[\n";
  look.reader().for_each_subject(
      {},
      [&](std::string_view name, const SubjectView &view) {
        const auto subject = to_record(name, view);
        const auto balance = balance_in(context, look.reader(), usage, subject);
        if (context.json) {
          json::Writer writer;
          writer.begin_object();
          Description members(&writer);
          describe(&members, subject);
          describe(&members, balance);
          writer.end_object();
          context.out.write(separator);
          context.out.write(writer.text());
          separator = ",\n";
        } else {
          table.row({subject.subject, state_cell(subject), text_of(subject.plan), scopes_text(subject.scopes),
                     balance.known ? std::to_string(balance.left) : "-", time_text(subject.created_at_s)});
        }
        return !context.out.failed();
      },
      [&](std::string_view name) { damaged = name; });
  table.finish();
  if (context.json) {
    context.out.write(*separator == '[' ? "[]\n" : "\n]\n");
  }
  return damaged.empty() ? done() : damaged_record("subject", quote(damaged));
}

Outcome remove_subject(Context &context, const Text &id) {
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  std::string key;
  const auto answer = keys::in_transaction(writer, author(), kWaitMs, [&](WriteTxn &txn) {
    return keys::remove_subject(txn, {}, id.value, context.now_s, &key);
  });
  switch (answer.result) {
    case keys::Result::done:
      break;
    case keys::Result::not_found:
      return no("there is no subject " + quote(id.value) + " in the store");
    case keys::Result::in_use:
      return no("subject " + quote(id.value) + " has a key that isn't revoked, " + key +
                "; revoke its keys first (`keyward key revoke --subject`), or block it with " +
                "`keyward subject block`");
    default:
      return from_answer(answer);
  }
  if (context.json) {
    auto json = context.json_writer();
    json.begin_object().member("id", id.value).key("removed").boolean(true).end_object();
    context.print(json);
  } else {
    context.out.line("subject " + printable(id.value) + " is removed");
  }
  return done();
}

}  // namespace

void add_subject_commands(CommandLine &line) {
  line.group("subject", "users and companies that keys belong to", "keyward subject list");
  auto set = std::make_shared<SetOptions>();
  line.command("subject set", "make a subject, or change one",
               "Only what is given changes: --state blocked keeps plan and scopes. --plan '' removes the plan,\n"
               "--scope '' sets a list that grants nothing, --no-scopes removes the list: then nothing is restricted.\n"
               "A new subject is made, with a note; `keyward subject block` makes one only with --create.",
               "keyward subject set alice --plan pro --scope 'posts:*'")
      .argument("ID", &set->id, "the subject")
      .option("--plan", "PLAN", &set->plan, "the plan of its keys that have none; '' removes it")
      .list("--scope", "SCOPE", &set->scopes, "no key of it has more than these; repeatable, also a,b")
      .flag("--no-scopes", &set->no_scopes, "remove the list of scopes")
      .option("--state", "active|blocked", &set->state, "blocked refuses all its keys and tokens")
      .option("--credits", "N|+N|-N", &set->credits, "set its balance to N, add N to it, or take N from it")
      .flag("--no-credits", &set->no_credits, "take away what was set and added: its plan's credits alone count")
      .action([set](Context &context) { return set_subject(context, *set); });
  add_subject_block(line);
  line.command("subject list", "list all subjects", "", "keyward subject list").action(list_subjects);
  auto shown = std::make_shared<Text>();
  line.command("subject show", "show a subject, and how many keys it has", "", "keyward subject show alice")
      .argument("ID", shown.get(), "the subject")
      .action([shown](Context &context) { return show_subject(context, *shown); });
  auto removed = std::make_shared<Text>();
  line.command("subject remove", "remove a subject's record",
               "Refused while it has keys that aren't revoked: otherwise a blocked subject's keys would work again.",
               "keyward subject remove alice")
      .argument("ID", removed.get(), "the subject")
      .action([removed](Context &context) { return remove_subject(context, *removed); });
}

}  // namespace keyward::cli
