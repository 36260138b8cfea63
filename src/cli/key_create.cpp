// keyward key create: mints a key and shows it, once.
#include <memory>

#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/arguments.hpp"
#include "cli/author.hpp"
#include "cli/command_line.hpp"
#include "cli/known_names.hpp"
#include "cli/new_key.hpp"
#include "keys/activate.hpp"
#include "keys/change.hpp"
#include "keys/create.hpp"

namespace keyward::cli {
namespace {

struct Options {
  Text name, subject, plan, expires, pkce_challenge, concurrency, meta;
  MintingOptions minting;
  TextList scopes, limits, allow_from;
  bool quiet = false;
};

// What the options ask for, checked.
struct Request {
  keys::CreateRequest key;
  keys::Minting minting;
};

Outcome read_owner(const Options &options, keys::CreateRequest *key) {
  key->name = options.name.value;
  if (key->name.empty() || !is_display_name(key->name)) {
    return wrong_usage("--name: 1 to " + std::to_string(kMaxNameBytes) + " bytes of UTF-8 without control characters");
  }
  key->subject = options.subject.value;
  if (options.subject.given) {
    if (auto outcome = check_subject(key->subject); !outcome.ok()) {
      return outcome;
    }
  }
  key->plan = options.plan.value;
  return options.plan.given ? check_plan_name(key->plan) : done();
}

Outcome read_request(const Options &options, std::int64_t now_s, Request *request) {
  auto &key = request->key;
  if (auto outcome = read_owner(options, &key); !outcome.ok()) {
    return outcome;
  }
  if (auto outcome = parse_grants(options.scopes, &key.scopes); !outcome.ok()) {
    return outcome;
  }
  if (auto outcome = parse_limits(options.limits, &key.limits); !outcome.ok()) {
    return outcome;
  }
  if (options.concurrency.given) {
    if (auto outcome = parse_concurrency(options.concurrency, &key.concurrency); !outcome.ok()) {
      return outcome;
    }
  }
  if (options.allow_from.given) {
    if (auto outcome = parse_networks(options.allow_from, &key.allow_from); !outcome.ok()) {
      return outcome;
    }
  }
  if (options.meta.given) {
    if (auto outcome = parse_meta(options.meta, &key.meta); !outcome.ok()) {
      return outcome;
    }
  }
  std::string error;
  if (options.expires.given) {
    if (!parse_deadline(options.expires.value, now_s, &key.expires_at_s, &error)) {
      return wrong_usage("--expires: " + error);
    }
    if (key.expires_at_s <= now_s) {
      return wrong_usage("--expires: " + quote(options.expires.value) +
                         " is past; write a later date, or a time from now such as 90d");
    }
  }
  key.pkce_challenge = options.pkce_challenge.value;
  if (options.pkce_challenge.given && !keys::is_s256_challenge(key.pkce_challenge)) {
    return wrong_usage(
        "--pkce-challenge: it has to be the SHA-256 of the code verifier in base64url, 43 characters (S256)");
  }
  key.now_s = now_s;
  return read_minting(options.minting, &request->minting);
}

// Nobody has seen the key, but part of it may have been written somewhere: it must not stay active.
Outcome take_back(CredentialWriter &writer, std::int64_t now_s, const std::string &id, Outcome outcome) {
  keys::Revoked revoked;
  const auto answer = keys::in_transaction(writer, author(), kUrgentWaitMs,
                                           [&](WriteTxn &txn) { return keys::revoke(txn, {}, id, now_s, &revoked); });
  outcome.error += answer.ok() ? "; so it is revoked again"
                               : "; revoking it again failed, too (" + from_answer(answer).error +
                                     "): write `keyward key revoke " + id + "`";
  return outcome;
}

Outcome refusal(const keys::CreateRequest &request, const keys::Created &created, const keys::Answer &answer) {
  return answer.result == keys::Result::too_many_keys
             ? no("subject " + quote(request.subject) + " has " + counted(created.keys, "key") + " already, and plan " +
                  quote(created.plan) + " allows " + std::to_string(created.max_keys) + "; revoke one first")
             : from_answer(answer);
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
  if (auto outcome = check_plans(context, writer.reader(), {request.key.plan}); !outcome.ok()) {
    return outcome;
  }
  keys::MintedKey minted;
  if (auto outcome = mint_key(request.minting, &minted); !outcome.ok()) {
    return outcome;
  }
  keys::Created created;
  const auto answer = keys::in_transaction(
      writer, author(), kWaitMs, [&](WriteTxn &txn) { return keys::create(txn, {}, request.key, minted, &created); });
  if (created.subject_blocked) {
    context.warn("subject " + quote(request.key.subject) +
                 " is blocked: its keys are refused until it is active again");
  }
  if (!answer.ok()) {
    return refusal(request.key, created, answer);
  }
  if (created.is_unlimited && !options.quiet) {
    context.note(
        "This key may do everything: it has neither scopes nor a plan. Only a default plan in nginx's "
        "configuration would restrict it. For the next key, write --scope or --plan.");
  }
  const auto &record = created.record;
  auto outcome = show_new_key(context, record, minted.text.view(), {0, created.new_subject}, options.quiet);
  if (!outcome.ok()) {
    return take_back(writer, context.now_s, record.id, std::move(outcome));
  }
  if (created.new_subject && !options.quiet) {
    note_new_subject(context, writer.reader(), record.subject);
  }
  return done();
}

}  // namespace

void add_key_create(CommandLine &line) {
  line.group("key", "API keys", "keyward key list");
  auto options = std::make_shared<Options>();
  auto command =
      line.command("key create", "create a key and show it, once",
                   "Without --scope a key has its plan's scopes; --scope '' is an empty list, which grants nothing.\n"
                   "The key is on the disk before it is shown, and can't be shown again: only its hash is kept.",
                   "keyward key create --name laptop --subject alice --scope posts:read --expires 90d");
  command.required("--name", "NAME", &options->name, "what people call it (required)")
      .option("--subject", "SUBJECT", &options->subject, "the user or company that it belongs to")
      .option("--plan", "PLAN", &options->plan, "its plan (else its subject's, else the default one)")
      .list("--scope", "SCOPE", &options->scopes, "posts:read, posts:* or *; repeatable, also a,b")
      .list("--limit", "RATE", &options->limits, "60r/m, 1000r/30d; repeatable; instead of its plan's")
      .option("--expires", "90d|DATE", &options->expires, "a time from now, or 2027-01-31, or 2027-01-31T12:00:00Z");
  add_term_options(command, &options->concurrency, &options->allow_from, &options->meta);
  add_minting_options(command, &options->minting);
  command
      .option("--pkce-challenge", "S256", &options->pkce_challenge,
              "the key is pending until POST /activate of the keys API brings the code verifier, within ten minutes")
      .flag("-q,--quiet", &options->quiet, "print the key only")
      .action([options](Context &context) { return create(context, *options); });
}

}  // namespace keyward::cli
