// keyward key create: mints a key and shows it, once.
#include <sys/time.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/digest.hpp"
#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/arguments.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "cli/secret.hpp"
#include "key/key_format.hpp"

namespace keyward::cli {
namespace {

constexpr char kIdPrefix[] = "key_";

struct Options {
  Text name, subject, plan, expires, format, verifier, pkce_challenge;
  TextList scopes, limits;
  bool quiet = false;
};

// What the options ask for, checked.
struct Request {
  KeyRecord record;
  KeyFormat format;
  VerifierChoice verifier;
};

bool is_s256_challenge(std::string_view text) {
  return text.size() == 43 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

Outcome read_format(const Options &options, Request *request) {
  std::string error;
  request->format = default_key_format();
  if (options.format.given && !parse_key_format(options.format.value, &request->format, &error)) {
    return wrong_usage("--format: " + error);
  }
  request->verifier = request->format.verifier;
  if (options.verifier.given && !parse_verifier(options.verifier.value, &request->verifier, &error)) {
    return wrong_usage("--verifier: " + error);
  }
  if (request->verifier.kind == VerifierKind::bcrypt && request->format.length() > kMaxBcryptKeyBytes) {
    return wrong_usage("--verifier: bcrypt reads only " + std::to_string(kMaxBcryptKeyBytes) +
                       " bytes of a key, and this format has " + std::to_string(request->format.length()) +
                       "; use --verifier sha256");
  }
  request->record.verifier_kind = request->verifier.kind;
  return done();
}

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
  record.state = KeyState::active;
  if (options.pkce_challenge.given) {
    if (!is_s256_challenge(options.pkce_challenge.value)) {
      return wrong_usage(
          "--pkce-challenge: not an S256 challenge, which is 43 characters of base64url without padding");
    }
    record.state = KeyState::pending;
    record.pkce_challenge = options.pkce_challenge.value;
  }
  record.created_at_s = record.changed_at_s = now_s;
  return read_format(options, request);
}

// Fills in all that depends on the key's text. bcrypt takes its time here, outside the store's lock.
Outcome fill_from_key(std::string_view key, const Request &request, KeyRecord *record) {
  timeval now = {};
  gettimeofday(&now, nullptr);
  record->id = new_id(kIdPrefix, static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_usec / 1000);
  const auto sha = sha256(key);
  record->indexed = true;
  record->locator = locator_of(sha);
  record->verifier = request.verifier.kind == VerifierKind::sha256 ? std::string(view_of(sha))
                                                                   : bcrypt_hash(key, request.verifier.cost);
  record->preview = preview_of(key, request.format.prefix);
  return record->verifier.empty() ? store_failed("bcrypt could not run: memory is exhausted") : done();
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
    const bool counts = key.state == KeyState::active || key.state == KeyState::pending;
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
                               : refused(refusal, no("subject " + quote(key.subject) + " has " + std::to_string(count) +
                                                     " keys already, and plan " + quote(name) + " allows " +
                                                     std::to_string(plan.max_keys) + "; revoke one first"));
}

// Warns of what makes the new key useless for now; finds the store's default plan.
Outcome look_around(const Context &context, CredentialReader &reader, const KeyRecord &record,
                    std::string *default_plan) {
  if (auto outcome = check_plans(context, reader, {record.plan}); !outcome.ok()) {
    return outcome;
  }
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return from_store(snapshot.status());
  }
  SubjectView subject;
  if (!record.subject.empty() && reader.find_subject(record.subject, &subject) == StoreCode::ok &&
      subject.state == SubjectState::blocked) {
    context.warn("subject " + quote(record.subject) + " is blocked: its keys are refused until it is active again");
  }
  std::string_view name;
  PlanView plan;
  if (reader.find_default_plan(&name, &plan) == StoreCode::ok) {
    *default_plan = name;
  }
  return done();
}

void print_json(Context &context, const KeyRecord &record, std::string_view key) {
  auto writer = context.json_writer();
  writer.begin_object().member("id", record.id).member("key", key).member("preview", record.preview);
  put_text(writer, "name", record.name);
  put_text(writer, "subject", record.subject);
  put_text(writer, "plan", record.plan);
  put_scopes(writer, record.scopes);
  put_limits(writer, record.limits);
  writer.member("state", to_text(record.state));
  put_time(writer, "created_at", record.created_at_s);
  put_time(writer, "expires_at", record.expires_at_s);
  writer.end_object();
  context.print(writer);
}

void print_table(Context &context, const KeyRecord &record, std::string_view key) {
  Fields fields;
  fields.add("id", record.id);
  fields.add("key", {std::string(key), Colour::bold});
  fields.add("name", text_of(record.name));
  fields.add("subject", text_of(record.subject));
  fields.add("plan", text_of(record.plan));
  fields.add("scopes", scopes_text(record.scopes));
  fields.add("limits", limits_text(record.limits));
  fields.add("state", state_cell(record, record.created_at_s));
  fields.add("created", time_text(record.created_at_s));
  fields.add("expires", time_text(record.expires_at_s));
  fields.print(context.out);
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
  if (auto outcome = look_around(context, writer.reader(), record, &default_plan); !outcome.ok()) {
    return outcome;
  }
  const Secret key(request.format.mint());
  if (auto outcome = fill_from_key(key.view(), request, &record); !outcome.ok()) {
    return outcome;
  }
  auto outcome = change(writer, kWaitMs, [&](WriteTxn &txn, Outcome *refusal) {
    auto status = check_max_keys(txn, record, default_plan, refusal);
    return status.ok() ? txn.add_key(record) : status;
  });
  if (!outcome.ok()) {
    return outcome;
  }
  if (context.json) {
    print_json(context, record, key.view());
  } else if (options.quiet) {
    context.out.line(key.view());
  } else {
    print_table(context, record, key.view());
  }
  if (!context.out.flush()) {
    return store_failed("key " + record.id + " was made but could not be shown: " + std::strerror(context.out.error()) +
                        "; revoke it and create another");
  }
  if (!options.quiet) {
    context.note("This is the only time that the key is shown.");
  }
  return done();
}

}  // namespace

void add_key_create(CommandLine &line) {
  line.group("key", "API keys");
  auto options = std::make_shared<Options>();
  line.command("key create", "mint a key and show it, once",
               "Without --scope a key has its plan's scopes; --scope '' is an empty list, which grants nothing.\n"
               "The key is on the disk before it is shown, and can't be shown again: only its hash is kept.",
               "keyward key create --name laptop --subject alice --scope posts:read --expires 90d")
      .required("--name", "NAME", &options->name, "what people call it (required)")
      .option("--subject", "SUBJECT", &options->subject, "whose it is")
      .option("--plan", "PLAN", &options->plan, "its plan (else its subject's, else the default one)")
      .list("--scope", "SCOPE", &options->scopes, "posts:read, posts:* or *; repeatable, also a,b")
      .list("--limit", "RATE", &options->limits, "60r/m, 1000r/30d; repeatable; instead of its plan's")
      .option("--expires", "90d|DATE", &options->expires, "a time from now, or 2027-01-31, or 2027-01-31T12:00:00Z")
      .option("--format", "FORMAT", &options->format,
              "'PREFIX hex=N|base62=N|base64url=N [checksum] [verifier=...]', as keyward_key_format has it (default: "
              "'kw_ base62=43 checksum')")
      .option("--verifier", "bcrypt[:COST]|sha256", &options->verifier,
              "how it is stored (default: the format's, else bcrypt:10)")
      .option("--pkce-challenge", "S256", &options->pkce_challenge,
              "makes it pending until the verifier of this challenge is brought")
      .flag("-q,--quiet", &options->quiet, "print the key only")
      .action([options](Context &context) { return create(context, *options); });
}

}  // namespace keyward::cli
