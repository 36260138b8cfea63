// keyward key create: mints a key and shows it, once.
#include <memory>

#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/arguments.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "cli/known_names.hpp"
#include "cli/new_key.hpp"
#include "cli/revocation.hpp"
#include "cli/secret.hpp"

namespace keyward::cli {
namespace {

struct Options {
  Text name, subject, plan, expires, pkce_challenge;
  MintingOptions minting;
  TextList scopes, limits;
  bool quiet = false;
};

// What the options ask for, checked.
struct Request {
  KeyRecord record;
  Minting minting;
};

Outcome read_owner(const Options &options, KeyRecord *record) {
  record->name = options.name.value;
  if (record->name.empty() || !is_display_name(record->name)) {
    return wrong_usage("--name: 1 to " + std::to_string(kMaxNameBytes) + " bytes of UTF-8 without control characters");
  }
  record->subject = options.subject.value;
  if (options.subject.given) {
    if (auto outcome = check_subject(record->subject); !outcome.ok()) {
      return outcome;
    }
  }
  record->plan = options.plan.value;
  return options.plan.given ? check_plan_name(record->plan) : done();
}

Outcome read_request(const Options &options, std::int64_t now_s, Request *request) {
  auto &record = request->record;
  if (auto outcome = read_owner(options, &record); !outcome.ok()) {
    return outcome;
  }
  if (auto outcome = parse_grants(options.scopes, &record.scopes); !outcome.ok()) {
    return outcome;
  }
  if (auto outcome = parse_limits(options.limits, &record.limits); !outcome.ok()) {
    return outcome;
  }
  std::string error;
  if (options.expires.given) {
    if (!parse_deadline(options.expires.value, now_s, &record.expires_at_s, &error)) {
      return wrong_usage("--expires: " + error);
    }
    if (record.expires_at_s <= now_s) {
      return wrong_usage("--expires: " + quote(options.expires.value) +
                         " is past; write a later date, or a time from now such as 90d");
    }
  }
  if (options.pkce_challenge.given) {
    return wrong_usage(
        "--pkce-challenge: logins are not there yet, so that nothing could ever make this key active; leave it out");
  }
  record.state = KeyState::active;
  record.created_at_s = record.changed_at_s = now_s;
  return read_minting(options.minting, &request->minting);
}

// The name of the plan whose max_keys counts for this key: its own, else its subject's, else the default.
StoreStatus plan_for(WriteTxn &txn, const KeyRecord &key, const std::string &default_plan, std::string *name) {
  *name = key.plan;
  if (name->empty()) {
    SubjectRecord subject;
    auto status = txn.get_subject(key.subject, &subject);
    if (!status.ok() && status.code != StoreCode::not_found) {
      return status;
    }
    *name = status.ok() && !subject.plan.empty() ? subject.plan : default_plan;
  }
  return {};
}

StoreStatus count_keys(WriteTxn &txn, const std::string &subject, std::int64_t now_s, std::size_t *count) {
  std::vector<std::string> ids;
  if (auto status = txn.keys_of(subject, &ids); !status.ok() && status.code != StoreCode::not_found) {
    return status;
  }
  *count = 0;
  for (const auto &id : ids) {
    KeyRecord key;
    if (auto status = txn.get_key(id, &key); !status.ok()) {
      return status;
    }
    // A key in its overlap has left its place to its successor.
    const bool counts = (key.state == KeyState::active && key.overlap_until_s == 0) || key.state == KeyState::pending;
    if (counts && !is_expired(key, now_s)) {
      ++*count;
    }
  }
  return {};
}

// Refuses a key beyond its plan's max_keys.
StoreStatus check_max_keys(WriteTxn &txn, const KeyRecord &key, const std::string &default_plan, Outcome *refusal) {
  if (key.subject.empty()) {
    return {};
  }
  std::string name;
  if (auto status = plan_for(txn, key, default_plan, &name); !status.ok() || name.empty()) {
    return status;
  }
  PlanRecord plan;
  if (auto status = txn.get_plan(name, &plan); !status.ok()) {
    return status.code == StoreCode::not_found ? StoreStatus{} : status;
  }
  std::size_t count = 0;
  if (!plan.has_max_keys) {
    return {};
  }
  if (auto status = count_keys(txn, key.subject, key.created_at_s, &count); !status.ok()) {
    return status;
  }
  return count < plan.max_keys ? StoreStatus{}
                               : refused(refusal, no("subject " + quote(key.subject) + " has " + counted(count, "key") +
                                                     " already, and plan " + quote(name) + " allows " +
                                                     std::to_string(plan.max_keys) + "; revoke one first"));
}

// Warns of what makes the new key useless for now; finds the store's default plan, and whether neither scopes nor a plan narrow it.
Outcome look_around(const Context &context, CredentialReader &reader, const KeyRecord &record,
                    std::string *default_plan, bool *unlimited) {
  if (auto outcome = check_plans(context, reader, {record.plan}); !outcome.ok()) {
    return outcome;
  }
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return from_store(snapshot.status());
  }
  SubjectView subject;
  const bool has_subject = !record.subject.empty() && reader.find_subject(record.subject, &subject) == StoreCode::ok;
  if (has_subject && subject.state == SubjectState::blocked) {
    context.warn("subject " + quote(record.subject) + " is blocked: its keys are refused until it is active again");
  }
  std::string_view name;
  PlanView plan;
  if (reader.find_default_plan(&name, &plan) == StoreCode::ok) {
    *default_plan = name;
  }
  *unlimited = !record.scopes.present && record.plan.empty() && default_plan->empty() &&
               !(has_subject && (subject.has_scopes || !subject.plan.empty()));
  return done();
}

// Nobody has seen the key, but part of it may have been written somewhere: it must not stay active.
Outcome take_back(CredentialWriter &writer, std::int64_t now_s, KeyRecord *record, Outcome outcome) {
  const auto revoked = change(writer, kUrgentWaitMs, [&](WriteTxn &txn, Outcome *) {
    auto status = txn.get_key(std::string(record->id), record);
    return status.ok() && record->state != KeyState::revoked ? set_state(txn, KeyState::revoked, now_s, record)
                                                             : status;
  });
  outcome.error += revoked.ok() ? "; so it is revoked again"
                                : "; revoking it again failed, too (" + revoked.error +
                                      "): write `keyward key revoke " + record->id + "`";
  return outcome;
}

Outcome create(Context &context, const Options &options) {
  Request request;
  if (auto outcome = read_request(options, context.now_s, &request); !outcome.ok()) {
    return outcome;
  }
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  auto &record = request.record;
  std::string default_plan;
  bool unlimited = false;
  if (auto outcome = look_around(context, writer.reader(), record, &default_plan, &unlimited); !outcome.ok()) {
    return outcome;
  }
  const Secret key(request.minting.format.mint());
  if (auto outcome = fill_from_key(key.view(), request.minting, &record); !outcome.ok()) {
    return outcome;
  }
  bool new_subject = false;
  auto outcome = change(writer, kWaitMs, [&](WriteTxn &txn, Outcome *refusal) {
    SubjectUse use;
    auto status = record.subject.empty() ? StoreStatus{} : look_for_subject(txn, record.subject, &use);
    new_subject = !record.subject.empty() && !use.has_record && !use.has_key;
    status = status.ok() ? check_max_keys(txn, record, default_plan, refusal) : status;
    return status.ok() ? txn.add_key(record) : status;
  });
  if (!outcome.ok()) {
    return outcome;
  }
  if (unlimited && !options.quiet) {
    context.note(
        "Nothing narrows this key: it has neither scopes nor a plan, so it may do everything, unless nginx's "
        "configuration has a default plan. --scope or --plan narrows the next one.");
  }
  outcome = show_new_key(context, record, key.view(), {0, new_subject}, options.quiet);
  if (!outcome.ok()) {
    return take_back(writer, context.now_s, &record, std::move(outcome));
  }
  if (new_subject && !options.quiet) {
    note_new_subject(context, writer.reader(), record.subject);
  }
  return done();
}

}  // namespace

void add_key_create(CommandLine &line) {
  line.group("key", "API keys", "keyward key list");
  auto options = std::make_shared<Options>();
  auto command =
      line.command("key create", "mint a key and show it, once",
                   "Without --scope a key has its plan's scopes; --scope '' is an empty list, which grants nothing.\n"
                   "The key is on the disk before it is shown, and can't be shown again: only its hash is kept.",
                   "keyward key create --name laptop --subject alice --scope posts:read --expires 90d");
  command.required("--name", "NAME", &options->name, "what people call it (required)")
      .option("--subject", "SUBJECT", &options->subject, "whose it is")
      .option("--plan", "PLAN", &options->plan, "its plan (else its subject's, else the default one)")
      .list("--scope", "SCOPE", &options->scopes, "posts:read, posts:* or *; repeatable, also a,b")
      .list("--limit", "RATE", &options->limits, "60r/m, 1000r/30d; repeatable; instead of its plan's")
      .option("--expires", "90d|DATE", &options->expires, "a time from now, or 2027-01-31, or 2027-01-31T12:00:00Z");
  add_minting_options(command, &options->minting);
  command
      .option("--pkce-challenge", "S256", &options->pkce_challenge,
              "refused: logins, which would make the key active, are not there yet")
      .flag("-q,--quiet", &options->quiet, "print the key only")
      .action([options](Context &context) { return create(context, *options); });
}

}  // namespace keyward::cli
