// keyward key set: changes what is named of a key that lives.
#include <memory>
#include <utility>

#include "base/networks.hpp"
#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/arguments.hpp"
#include "cli/author.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "cli/new_key.hpp"
#include "keys/change.hpp"

namespace keyward::cli {
namespace {

struct Options {
  Text id, name, plan, expires, concurrency, meta;
  TextList scopes, limits, allow_from;
  bool no_plan = false, no_scopes = false, no_limits = false, no_concurrency = false, no_allow_from = false,
       no_meta = false;
};

Outcome check_contradictions(const Options &options) {
  struct Pair {
    const char *one, *other;
    bool both;
  };
  const Pair pairs[] = {
      {"--plan", "--no-plan", options.plan.given && options.no_plan},
      {"--scope", "--no-scopes", options.scopes.given && options.no_scopes},
      {"--limit", "--no-limits", options.limits.given && options.no_limits},
      {"--concurrency", "--no-concurrency", options.concurrency.given && options.no_concurrency},
      {"--allow-from", "--no-allow-from", options.allow_from.given && options.no_allow_from},
      {"--meta", "--no-meta", options.meta.given && options.no_meta},
  };
  for (const Pair &pair : pairs) {
    if (pair.both) {
      return contradiction(pair.one, pair.other);
    }
  }
  return done();
}

Outcome read_expiry(const Options &options, keys::ChangeRequest *request) {
  const auto &text = options.expires.value;
  auto &expires_at_s = request->expires_at_s.emplace(0);
  std::string error;
  if (text == "never") {
    return done();
  }
  if (!parse_deadline(text, request->now_s, &expires_at_s, &error)) {
    return wrong_usage("--expires: " + error + "; or never");
  }
  return expires_at_s > request->now_s
             ? done()
             : wrong_usage("--expires: " + quote(text) + " is past; to end the key now, write `keyward key revoke`");
}

Outcome read_owner(const Options &options, keys::ChangeRequest *request) {
  if (options.name.given) {
    request->name = options.name.value;
    if (request->name->empty() || !is_display_name(*request->name)) {
      return wrong_usage("--name: 1 to " + std::to_string(kMaxNameBytes) +
                         " bytes of UTF-8 without control characters");
    }
  }
  if (options.plan.given || options.no_plan) {
    request->plan = options.plan.value;
  }
  return options.plan.given ? check_plan_name(options.plan.value) : done();
}

Outcome read_request(const Options &options, std::int64_t now_s, keys::ChangeRequest *request) {
  request->id = options.id.value;
  request->now_s = now_s;
  auto outcome = check_contradictions(options);
  outcome = outcome.ok() ? read_owner(options, request) : outcome;
  if (outcome.ok() && (options.scopes.given || options.no_scopes)) {
    outcome = parse_grants(options.scopes, &request->scopes.emplace());
  }
  if (outcome.ok() && (options.limits.given || options.no_limits)) {
    outcome = parse_limits(options.limits, &request->limits.emplace());
  }
  if (outcome.ok() && options.expires.given) {
    outcome = read_expiry(options, request);
  }
  if (options.no_concurrency) {
    request->concurrency.emplace(0);
  }
  if (outcome.ok() && options.concurrency.given) {
    outcome = parse_concurrency(options.concurrency, &request->concurrency.emplace());
  }
  if (options.no_allow_from) {
    request->allow_from.emplace();
  }
  if (outcome.ok() && options.allow_from.given) {
    outcome = parse_networks(options.allow_from, &request->allow_from.emplace());
  }
  if (options.no_meta) {
    request->meta.emplace();
  }
  if (outcome.ok() && options.meta.given) {
    outcome = parse_meta(options.meta, &request->meta.emplace());
  }
  const bool names_any = request->name || request->plan || request->scopes || request->limits ||
                         request->expires_at_s || request->allow_from || request->meta || request->concurrency;
  return !outcome.ok() || names_any ? outcome : wrong_usage("nothing to change is named; `keyward key set --help`");
}

Outcome refusal(const keys::ChangeRequest &request, const keys::Changed &changed, const keys::Answer &answer) {
  const auto &key = changed.before;
  switch (answer.result) {
    case keys::Result::not_found:
      return no_such_key(request.id);
    case keys::Result::wrong_state:
      return no("key " + key.id + " is revoked, and that is final");
    case keys::Result::in_overlap:
      return no("key " + key.id + " was rotated, and lives for its overlap only; change its successor, " +
                key.successor);
    case keys::Result::too_many_keys:
      return no("subject " + quote(key.subject) + " has " + counted(changed.keys, "other key") + ", and plan " +
                quote(changed.plan) + " allows " + std::to_string(changed.max_keys) + "; revoke one first");
    default:
      return from_answer(answer);
  }
}

// For people: what it was.
void note_changes(const Context &context, const keys::Changed &changed) {
  const auto &was = changed.before, &is = changed.record;
  struct Line {
    const char *what;
    std::string before, after;
  };
  const Line lines[] = {
      {"name", text_of(was.name), text_of(is.name)},
      {"plan", text_of(was.plan), text_of(is.plan)},
      {"scopes", scopes_text(was.scopes), scopes_text(is.scopes)},
      {"limits", limits_text(was.limits), limits_text(is.limits)},
      {"expires", time_text(was.expires_at_s), time_text(is.expires_at_s)},
      {"concurrency", number_text(was.concurrency), number_text(is.concurrency)},
      {"allow from", text_of(networks_text(was.allow_from)), text_of(networks_text(is.allow_from))},
      {"meta", text_of(was.meta), text_of(is.meta)},
  };
  std::string changes;
  for (const auto &line : lines) {
    if (line.before != line.after) {
      changes +=
          (changes.empty() ? "" : ", ") + std::string(line.what) + " " + line.after + " (was " + line.before + ")";
    }
  }
  context.note(changes.empty() ? "Key " + is.id + " had these values already."
                               : "Key " + is.id + " is changed: " + changes + ".");
  for (const auto &other : changed.also) {
    context.note("Key " + other + ", which it had replaced, may do no more than this any more, either.");
  }
}

void describe(Description *to, const keys::Changed &changed, bool is_changed, std::int64_t now_s) {
  const auto &key = changed.record;
  to->text("id", "id", key.id);
  to->terms(key);
  to->text_as("state", "state", to_text(key.state), state_cell(key, now_s));
  to->time("changed_at", "changed", key.changed_at_s);
  to->time("expires_at", "expires", key.expires_at_s);
  to->flag("changed", {}, is_changed);
  if (auto *json = to->json()) {
    json->key("also_changed").begin_array();
    for (const auto &other : changed.also) {
      json->string(other);
    }
    json->end_array();
  }
}

Outcome set_key(Context &context, const Options &options) {
  keys::ChangeRequest request;
  if (auto outcome = read_request(options, context.now_s, &request); !outcome.ok()) {
    return outcome;
  }
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  keys::Changed changed;
  const auto answer = keys::in_transaction(writer, author(), kWaitMs,
                                           [&](WriteTxn &txn) { return keys::change(txn, {}, request, &changed); });
  if (!answer.ok()) {
    return refusal(request, changed, answer);
  }
  print_record(context,
               [&](Description *to) { describe(to, changed, answer.result == keys::Result::done, context.now_s); });
  note_changes(context, changed);
  return check_plans(context, writer.reader(), {options.plan.value});
}

}  // namespace

void add_key_set(CommandLine &line) {
  auto options = std::make_shared<Options>();
  auto command = line.command(
      "key set", "change a key that lives",
      "Only what is given changes; --no-scopes, --no-limits and so on remove. --scope, --limit and --allow-from "
      "replace "
      "the\n"
      "whole list: repeat what is to stay. Every worker goes by it from the moment that this command returns. A key "
      "that "
      "has\n"
      "expired can be renewed. One that was revoked can't be changed, nor one that was rotated: change its successor. "
      "What\n"
      "is taken from that is taken from the keys that it had replaced, too.",
      "keyward key set key_0Bq3dXk2mVYc8sTgL1nRzP --scope posts:read --expires 90d");
  command.argument("ID", &options->id, "the key's id")
      .option("--name", "NAME", &options->name, "what people call it")
      .option("--plan", "PLAN", &options->plan, "its plan")
      .flag("--no-plan", &options->no_plan, "its subject's plan, else the default one")
      .list("--scope", "SCOPE", &options->scopes, "posts:read, posts:* or *; repeatable, also a,b")
      .flag("--no-scopes", &options->no_scopes, "remove its list of scopes: then only its plan's narrow it")
      .list("--limit", "RATE", &options->limits, "60r/m, 1000r/30d; repeatable; instead of its plan's")
      .flag("--no-limits", &options->no_limits, "remove its own limits: then its plan's apply")
      .option("--expires", "90d|DATE|never", &options->expires, "a time from now, or a date");
  add_term_options(command, &options->concurrency, &options->allow_from, &options->meta);
  command.flag("--no-concurrency", &options->no_concurrency, "as many at once as its plan says")
      .flag("--no-allow-from", &options->no_allow_from, "let it be used from everywhere")
      .flag("--no-meta", &options->no_meta, "remove its meta")
      .action([options](Context &context) { return set_key(context, *options); });
}

}  // namespace keyward::cli
