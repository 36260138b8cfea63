// keyward key list and show: everything about keys but the keys.
#include <memory>
#include <optional>

#include "auth/reason.hpp"
#include "base/quote.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "keys/key_state.hpp"

namespace keyward::cli {
namespace {

struct Options {
  Text subject, state;
};

void write_members(json::Writer &writer, const KeyRecord &key, const UsageRecord &usage, std::int64_t now_s) {
  writer.member("id", key.id);
  put_text(writer, "name", key.name);
  put_text(writer, "subject", key.subject);
  put_text(writer, "plan", key.plan);
  put_scopes(writer, key.scopes);
  put_limits(writer, key.limits);
  writer.member("state", to_text(key.state));
  writer.key("expired").boolean(keys::is_expired(key, now_s));
  writer.key("is_active").boolean(keys::is_active(key, now_s));
  writer.member("verifier", to_text(key.verifier_kind));
  put_text(writer, "preview", key.preview);
  put_time(writer, "created_at", key.created_at_s);
  put_time(writer, "expires_at", key.expires_at_s);
  put_time(writer, "last_used_at", usage.last_used_s);
  writer.key("uses").number(static_cast<std::int64_t>(usage.uses));
}

bool is_listed_state(std::string_view state) {
  return state == "active" || state == "suspended" || state == "pending" || state == "revoked" || state == "expired";
}

// Rows of a table, or elements of an array, as they are found.
class Listing {
 public:
  Listing(Context &context, const Options &options)
      : context_(context),
        options_(options),
        usage_(context),
        table_(context.out, {"ID", "NAME", "SUBJECT", "PLAN", "SCOPES", "STATE", "PREVIEW", "CREATED", "EXPIRES",
                             "LAST USED", "USES"}) {}

  bool add(const CredentialReader::FoundKey &found) {
    const auto key = to_record(found.id, found.key);
    if (options_.state.given && keys::effective_state(key, context_.now_s) != options_.state.value) {
      return true;
    }
    const auto usage = usage_.of(found.usage_name);
    if (context_.json) {
      json::Writer writer;
      writer.begin_object();
      write_members(writer, key, usage, context_.now_s);
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
  const Options &options_;
  Usage usage_;
  Table table_;
  bool any_ = false;
};

Outcome list(Context &context, const Options &options) {
  if (options.state.given && !is_listed_state(options.state.value)) {
    return wrong_usage("--state: " + quote(options.state.value) +
                       " is not a key's state; write active, suspended, pending, revoked or expired");
  }
  if (options.subject.given && options.subject.value.empty()) {
    return wrong_usage("--subject needs a subject's name");
  }
  CredentialReader reader;
  if (const auto status = reader.open(context.store); !status.ok()) {
    return from_store(status);
  }
  Listing listing(context, options);
  KeyWalk walk;
  walk.visit = [&](const CredentialReader::FoundKey &found) { return listing.add(found); };
  walk.between = [&] { return context.out.flush(); };
  auto outcome = walk_keys(reader, options.subject.value, walk);
  listing.finish();
  return outcome;
}

void print_json(Context &context, const KeyRecord &key, const UsageRecord &usage) {
  auto writer = context.json_writer();
  writer.begin_object();
  write_members(writer, key, usage, context.now_s);
  put_time(writer, "changed_at", key.changed_at_s);
  put_time(writer, "overlap_until", key.overlap_until_s);
  put_text(writer, "predecessor", key.predecessor);
  put_text(writer, "successor", key.successor);
  put_text(writer, "counter_id", key.counter_id);
  put_text(writer, "prefix", key.legacy_prefix);
  writer.key("last_refusal");
  if (usage.refused_s == 0) {
    writer.null();
  } else {
    writer.begin_object().member("reason", info(static_cast<Reason>(usage.refusal)).name);
    put_time(writer, "at", usage.refused_s);
    writer.end_object();
  }
  writer.end_object();
  context.print(writer);
}

void print_fields(Context &context, const KeyRecord &key, const UsageRecord &usage) {
  Fields fields;
  fields.add("id", key.id);
  fields.add("name", text_of(key.name));
  fields.add("subject", text_of(key.subject));
  fields.add("plan", text_of(key.plan));
  fields.add("scopes", scopes_text(key.scopes));
  fields.add("limits", limits_text(key.limits));
  fields.add("state", state_cell(key, context.now_s));
  fields.add("verifier", std::string(to_text(key.verifier_kind)));
  fields.add("preview", text_of(key.preview));
  fields.add("created", time_text(key.created_at_s));
  fields.add("changed", time_text(key.changed_at_s));
  fields.add("expires", time_text(key.expires_at_s));
  if (!key.predecessor.empty() || !key.successor.empty()) {
    fields.add("predecessor", text_of(key.predecessor));
    fields.add("successor", text_of(key.successor));
    fields.add("overlap until", time_text(key.overlap_until_s));
    fields.add("counts with", text_of(key.counter_id));
  }
  fields.add("last used", ago_text(usage.last_used_s, context.now_s));
  fields.add("uses", std::to_string(usage.uses));
  fields.add("last refusal", usage.refused_s == 0 ? "-"
                                                  : std::string(info(static_cast<Reason>(usage.refusal)).name) + ", " +
                                                        ago_text(usage.refused_s, context.now_s));
  fields.print(context.out);
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
  auto usage = Usage(context).of(found.usage_name);
  if (usage.refusal >= kReasonCount) {
    usage.refused_s = 0;
  }
  if (context.json) {
    print_json(context, key, usage);
  } else {
    print_fields(context, key, usage);
  }
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
      .action([options](Context &context) { return list(context, *options); });
  auto id = std::make_shared<Text>();
  line.command("key show", "show all that is known of a key", "", "keyward key show key_0Bq3dXk2mVYc8sTgL1nRzP")
      .argument("ID", id.get(), "the key's id")
      .action([id](Context &context) { return show(context, *id); });
}

}  // namespace keyward::cli
