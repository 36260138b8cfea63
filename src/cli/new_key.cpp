// A new key's record and its one showing.
#include "cli/new_key.hpp"

#include <cstring>

#include "cli/describe.hpp"

namespace keyward::cli {
namespace {

void describe(Description *to, const KeyRecord &record, std::string_view key, const KeyFacts &facts) {
  to->text("id", "id", record.id);
  if (auto *json = to->json()) {
    json->member("key", key);
  } else {
    to->for_people("key", {std::string(key), Colour::bold});
  }
  to->text("preview", {}, record.preview);
  to->terms(record);
  to->text_as("state", "state", to_text(record.state), state_cell(record, record.created_at_s));
  to->time("created_at", "created", record.created_at_s);
  to->time("expires_at", "expires", record.expires_at_s);
  if (record.predecessor.empty()) {
    to->flag("new_subject", {}, facts.new_subject);
    return;
  }
  to->text("predecessor", "predecessor", record.predecessor);
  to->time("overlap_until", {}, facts.overlap_until_s);
  to->for_people("which lives until", facts.overlap_until_s == 0 ? "it has ended" : time_text(facts.overlap_until_s));
}

}  // namespace

void add_minting_options(Command &command, MintingOptions *options) {
  command
      .option(
          "--format", "FORMAT", &options->format,
          "'PREFIX hex=N|base62=N|base64url=N|uuid [checksum] [verifier=...]', as keyward_key_format has it (default: "
          "'kw_ base62=43 checksum')")
      .option("--verifier", "bcrypt[:COST]|sha256", &options->verifier,
              "how it is stored (default: the format's, else bcrypt:10)");
}

void add_term_options(Command &command, Text *concurrency, TextList *allow_from, Text *meta) {
  command
      .option("--concurrency", "N", concurrency,
              "requests at once, where nginx has keyward_concurrency plan (default: its plan's)")
      .list("--allow-from", "NET", allow_from,
            "192.0.2.0/24, 2001:db8::7: from where it may be used; repeatable, also a,b (default: everywhere)")
      .option("--meta", "JSON", meta, "an object of your own, which is kept and shown and decides nothing");
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
  if (quiet && !context.json) {
    context.out.line(key);
  } else {
    print_record(context, [&](Description *to) { describe(to, record, key, facts); });
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
