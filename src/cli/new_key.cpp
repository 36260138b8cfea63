// A new key's record and its one showing.
#include "cli/new_key.hpp"

#include <cstring>

#include "cli/describe.hpp"

namespace keyward::cli {
namespace {

void print_json(Context &context, const KeyRecord &record, std::string_view key, const KeyFacts &facts) {
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
  if (!record.predecessor.empty()) {
    writer.member("predecessor", record.predecessor);
    put_time(writer, "overlap_until", facts.overlap_until_s);
  } else {
    writer.key("new_subject").boolean(facts.new_subject);
  }
  writer.end_object();
  context.print(writer);
}

void print_table(Context &context, const KeyRecord &record, std::string_view key, const KeyFacts &facts) {
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
  if (!record.predecessor.empty()) {
    fields.add("predecessor", record.predecessor);
    fields.add("which lives until", facts.overlap_until_s == 0 ? "it has ended" : time_text(facts.overlap_until_s));
  }
  fields.print(context.out);
}

}  // namespace

void add_minting_options(Command &command, MintingOptions *options) {
  command
      .option("--format", "FORMAT", &options->format,
              "'PREFIX hex=N|base62=N|base64url=N [checksum] [verifier=...]', as keyward_key_format has it (default: "
              "'kw_ base62=43 checksum')")
      .option("--verifier", "bcrypt[:COST]|sha256", &options->verifier,
              "how it is stored (default: the format's, else bcrypt:10)");
}

Outcome read_minting(const MintingOptions &options, keys::Minting *minting) {
  std::string error;
  minting->format = default_key_format();
  if (options.format.given && !parse_key_format(options.format.value, &minting->format, &error)) {
    return wrong_usage("--format: " + error);
  }
  minting->verifier = minting->format.verifier;
  if (options.verifier.given && !parse_verifier(options.verifier.value, &minting->verifier, &error)) {
    return wrong_usage("--verifier: " + error);
  }
  if (!keys::is_possible(*minting)) {
    return wrong_usage("--verifier: bcrypt reads only " + std::to_string(kMaxBcryptKeyBytes) +
                       " bytes of a key, and this format has " + std::to_string(minting->format.length()) +
                       "; use --verifier sha256");
  }
  return done();
}

Outcome mint_key(const keys::Minting &minting, keys::MintedKey *minted) {
  return keys::mint(minting, minted) ? done() : store_failed("bcrypt could not run: memory is exhausted");
}

Outcome show_new_key(Context &context, const KeyRecord &record, std::string_view key, const KeyFacts &facts,
                     bool quiet) {
  if (context.json) {
    print_json(context, record, key, facts);
  } else if (quiet) {
    context.out.line(key);
  } else {
    print_table(context, record, key, facts);
  }
  if (!context.out.flush()) {
    return store_failed("key " + record.id + " was made but could not be shown: " + std::strerror(context.out.error()));
  }
  if (!quiet) {
    context.note("This is the only time that the key is shown.");
  }
  return done();
}

}  // namespace keyward::cli
