// keyward key export: JSON lines that key import makes the same store of.
#include <memory>

#include "base/hex.hpp"
#include "base/time_text.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"

namespace keyward::cli {
namespace {

// How it is recognised, and by what it is found where the verifier doesn't say it.
void put_verifier(json::Writer *writer, const KeyRecord &record) {
  bool by_itself = false;
  switch (record.verifier_kind) {
    case VerifierKind::sha256:
      writer->member("sha256", to_hex(record.verifier));
      by_itself = true;
      break;
    case VerifierKind::sha512:
      writer->member("sha512", to_hex(record.verifier));
      by_itself = record.locator_kind == LocatorKind::sha512;
      break;
    case VerifierKind::hmac_sha256:
      writer->member("hmac_sha256", to_hex(record.verifier));
      by_itself = record.locator_kind == LocatorKind::hmac_sha256;
      break;
    case VerifierKind::bcrypt:
    case VerifierKind::legacy_prefix:
    case VerifierKind::hash:
      break;
  }
  if (record.indexed && !by_itself) {
    writer->member("locator", to_hex(view_of(record.locator)));
    if (record.locator_kind != LocatorKind::sha256) {
      writer->member("locator_kind", to_text(record.locator_kind));
    }
  }
  const bool is_hash = record.verifier_kind == VerifierKind::hash;
  if (is_hash || record.verifier_kind == VerifierKind::bcrypt || record.verifier_kind == VerifierKind::legacy_prefix) {
    writer->member(is_hash ? "hash" : "bcrypt", record.verifier);
  }
  if (!record.legacy_prefix.empty()) {
    writer->member("prefix", record.legacy_prefix);
  }
}

// The line that parse_import_line() makes the same record of.
std::string export_line(const KeyRecord &record, const UsageRecord &usage) {
  json::Writer writer;
  const auto text = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) {
      writer.member(name, value);
    }
  };
  const auto time = [&](std::string_view name, std::int64_t time_s) {
    if (time_s != 0) {
      writer.member(name, to_rfc3339(time_s));
    }
  };
  writer.begin_object().member("id", record.id);
  text("name", record.name);
  text("subject", record.subject);
  text("plan", record.plan);
  if (record.scopes.present) {
    put_scopes(writer, record.scopes);
  }
  if (record.limits.present) {
    put_limits(writer, record.limits);
  }
  if (record.concurrency != 0) {
    writer.key("concurrency").number(record.concurrency);
  }
  if (!record.allow_from.empty()) {
    put_networks(writer, "allow_from", record.allow_from);
  }
  if (!record.meta.empty()) {
    writer.key("meta").as_written(record.meta);
  }
  writer.member("state", to_text(record.state));
  time("created_at", record.created_at_s);
  time("expires_at", record.expires_at_s);
  time("last_used_at", usage.last_used_s);
  text("preview", record.preview);
  put_verifier(&writer, record);
  time("changed_at", record.changed_at_s);
  time("overlap_until", record.overlap_until_s);
  text("predecessor", record.predecessor);
  text("successor", record.successor);
  text("counter_id", record.counter_id);
  text("pkce_challenge", record.pkce_challenge);
  if (record.pkce_tries != 0) {
    writer.key("pkce_tries").number(record.pkce_tries);
  }
  if (usage.uses != 0) {
    writer.key("uses").number(static_cast<std::int64_t>(usage.uses));
  }
  writer.end_object();
  return writer.text();
}

Outcome export_keys(Context &context, bool force) {
  if (context.out.terminal() && !force) {
    return wrong_usage("this would show every key's hash on the terminal; redirect it to a file, or give --force");
  }
  CredentialReader reader;
  if (const auto status = reader.open(context.store); !status.ok()) {
    return from_store(status);
  }
  Usage usage(context);
  KeyWalk walk;
  walk.visit = [&](const CredentialReader::FoundKey &found) {
    context.out.line(export_line(to_record(found.id, found.key), usage.of(found.usage_name)));
    return true;
  };
  walk.between = [&] { return context.out.flush(); };
  return walk_keys(reader, {}, walk);
}

}  // namespace

void add_key_export(CommandLine &line) {
  auto force = std::make_shared<bool>(false);
  line.command("key export", "write all keys' records as JSON lines, hashes included",
               "What it writes can be imported elsewhere. It holds hashes: keep it as safe as the store. Plans, "
               "subjects and the\n"
               "reason of the last refusal are not in it. Keys that change meanwhile may be written before or after "
               "their change.",
               "keyward key export > keys.jsonl")
      .flag("--force", force.get(), "even to a terminal")
      .action([force](Context &context) { return export_keys(context, *force); });
}

}  // namespace keyward::cli
