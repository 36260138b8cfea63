// keyward key list and show: everything about keys but the keys.
#include <memory>
#include <utility>

#include "auth/principal.hpp"
#include "auth/reason.hpp"
#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/arguments.hpp"
#include "cli/balance.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "keys/key_filter.hpp"
#include "keys/key_state.hpp"

namespace keyward::cli {
namespace {

struct Options {
  Text subject, state, plan, name, expiring, unused;
};

// What a list's elements have, and a table of one key.
void describe(Description *to, const KeyRecord &key, const UsageRecord &usage, std::int64_t now_s) {
  to->text("id", "id", key.id);
  to->terms(key);
  to->text_as("state", "state", to_text(key.state), state_cell(key, now_s));
  to->flag("expired", {}, has_ended(key, now_s));
  to->flag("is_active", {}, keys::is_active(key, now_s));
  to->text("verifier", "verifier", to_text(key.verifier_kind));
  to->text("preview", "preview", key.preview);
  to->time("created_at", "created", key.created_at_s);
  to->time({}, "changed", key.changed_at_s);
  to->time("expires_at", "expires", key.expires_at_s);
  if (!key.predecessor.empty() || !key.successor.empty()) {
    to->text({}, "predecessor", key.predecessor);
    to->text({}, "successor", key.successor);
    to->time({}, "overlap until", key.overlap_until_s);
    to->text({}, "counts with", key.counter_id);
  }
  to->time("last_used_at", {}, usage.last_used_s);
  to->for_people("last used", ago_text(usage.last_used_s, now_s));
  to->number("uses", "uses", usage.uses);
}

// The rest of what is known of one key.
void describe_more(Description *to, const KeyRecord &key, const UsageRecord &usage, std::int64_t now_s) {
  to->time("changed_at", {}, key.changed_at_s);
  to->time("overlap_until", {}, key.overlap_until_s);
  to->text("predecessor", {}, key.predecessor);
  to->text("successor", {}, key.successor);
  to->text("counter_id", {}, key.counter_id);
  to->text("prefix", {}, key.legacy_prefix);
  const bool is_refused = usage.refused_s != 0 && usage.refusal < kReasonCount;
  const std::string_view reason = is_refused ? info(static_cast<Reason>(usage.refusal)).name : std::string_view();
  to->for_people("last refusal",
                 is_refused ? std::string(reason) + ", " + ago_text(usage.refused_s, now_s) : text_of({}));
  auto *json = to->json();
  if (json != nullptr && is_refused) {
    json->key("last_refusal").begin_object().member("reason", reason);
    put_time(*json, "at", usage.refused_s);
    json->end_object();
  } else if (json != nullptr) {
    json->key("last_refusal").null();
  }
}

// What the options leave.
Outcome read_filter(const Options &options, std::int64_t now_s, keys::KeyFilter *filter) {
  filter->now_s = now_s;
  filter->state = options.state.value;
  filter->plan = options.plan.value;
  filter->name = options.name.value;
  if (options.state.given && !keys::is_state_in_effect(options.state.value)) {
    return wrong_usage("--state: " + quote(options.state.value) +
                       " is not a key's state; write active, suspended, pending, revoked or expired");
  }
  for (const auto &[option, text] :
       {std::pair("--subject", &options.subject), {"--plan", &options.plan}, {"--name", &options.name}}) {
    if (text->given && text->value.empty()) {
      return wrong_usage(std::string(option) + " needs a name");
    }
  }
  std::string error;
  if (options.expiring.given && !parse_deadline(options.expiring.value, now_s, &filter->expires_before_s, &error)) {
    return wrong_usage("--expiring: " + error);
  }
  return options.unused.given ? read_ago("--unused", options.unused.value, now_s, &filter->unused_since_s) : done();
}

// Rows of a table, or elements of an array, as they are found.
class Listing {
 public:
  Listing(Context &context, keys::KeyFilter filter)
      : context_(context),
        filter_(std::move(filter)),
        usage_(context),
        table_(context.out, {"ID", "NAME", "SUBJECT", "PLAN", "SCOPES", "STATE", "PREVIEW", "CREATED", "EXPIRES",
                             "LAST USED", "USES"}) {}

  bool add(const CredentialReader::FoundKey &found) {
    if (!filter_.fits(found.key)) {
      return true;
    }
    const auto usage = usage_.of(found.usage_name);
    if (!filter_.fits(found.key, usage)) {
      return true;
    }
    const auto key = to_record(found.id, found.key);
    if (context_.json) {
      json::Writer writer;
      writer.begin_object();
      Description members(&writer);
      describe(&members, key, usage, context_.now_s);
      writer.end_object();
      context_.out.write(any_ ? ",\n" : "[\n");
      context_.out.write(writer.text());
    } else {
      table_.row({key.id, text_of(key.name), text_of(key.subject), text_of(key.plan), scopes_text(key.scopes),
                  state_cell(key, context_.now_s), text_of(key.preview), time_text(key.created_at_s),
                  time_text(key.expires_at_s), ago_text(usage.last_used_s, context_.now_s),
                  std::to_string(usage.uses)});
    }
    any_ = true;
    return true;
  }

  void finish() {
    table_.finish();
    if (context_.json) {
      context_.out.write(any_ ? "\n]\n" : "[]\n");
    }
  }

 private:
  Context &context_;
  keys::KeyFilter filter_;
  Usage usage_;
  Table table_;
  bool any_ = false;
};

Outcome list(Context &context, const Options &options) {
  keys::KeyFilter filter;
  if (auto outcome = read_filter(options, context.now_s, &filter); !outcome.ok()) {
    return outcome;
  }
  CredentialReader reader;
  if (const auto status = reader.open(context.store); !status.ok()) {
    return from_store(status);
  }
  Listing listing(context, std::move(filter));
  KeyWalk walk;
  walk.visit = [&](const CredentialReader::FoundKey &found) { return listing.add(found); };
  walk.between = [&] { return context.out.flush(); };
  auto outcome = walk_keys(reader, options.subject.value, walk);
  listing.finish();
  return outcome;
}

Outcome show(Context &context, const Text &id) {
  StoreLook look(context);
  if (auto outcome = look.outcome(); !outcome.ok()) {
    return outcome;
  }
  CredentialReader::FoundKey found;
  const auto code = look.reader().find_key_by_id(id.value, &found);
  if (code == StoreCode::not_found) {
    return no_such_key(id.value);
  }
  if (code != StoreCode::ok) {
    return damaged_record("key", quote(id.value));
  }
  const auto key = to_record(found.id, found.key);
  Usage uses(context);
  const auto usage = uses.of(found.usage_name);
  Principal principal;
  build_key_principal(look.reader(), found, Policy(), &principal);  // of one that is refused: no balance
  const auto balance = balance_of(context, uses, key, principal.credits.get());
  print_record(context, [&](Description *to) {
    describe(to, key, usage, context.now_s);
    describe_more(to, key, usage, context.now_s);
    describe(to, balance);
  });
  return done();
}

}  // namespace

void add_key_list(CommandLine &line) {
  auto options = std::make_shared<Options>();
  line.command("key list", "list keys, never the keys themselves",
               "Listed by id, which sorts keys by when they were made. With --json an array, however long.",
               "keyward key list --subject alice --state active")
      .option("--subject", "SUBJECT", &options->subject, "only this subject's")
      .option("--state", "active|suspended|pending|revoked|expired", &options->state, "only those in this state")
      .option("--plan", "PLAN", &options->plan, "only those with this plan of their own")
      .option("--name", "PART", &options->name, "only those whose name has this in it, in capitals or not")
      .option("--expiring", "30d|DATE", &options->expiring, "only those that will have expired by then")
      .option("--unused", "90d|DATE", &options->unused, "only those that were neither made nor used since then")
      .action([options](Context &context) { return list(context, *options); });
  auto id = std::make_shared<Text>();
  line.command("key show", "show all that is known of a key", "", "keyward key show key_0Bq3dXk2mVYc8sTgL1nRzP")
      .argument("ID", id.get(), "the key's id")
      .action([id](Context &context) { return show(context, *id); });
}

}  // namespace keyward::cli
