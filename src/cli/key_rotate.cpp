// keyward key rotate: a successor with the same terms, and an end for the key that it replaces.
#include <memory>

#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/author.hpp"
#include "cli/command_line.hpp"
#include "cli/new_key.hpp"
#include "cli/store_readers.hpp"
#include "keys/create.hpp"
#include "keys/key_state.hpp"

namespace keyward::cli {
namespace {

constexpr std::size_t kPreviewHead = 8;

struct Options {
  Text id, overlap;
  MintingOptions minting;
  bool quiet = false;
};

Outcome read_overlap(const Text &option, std::int64_t *overlap_s) {
  const auto &text = option.value;
  const bool bare = !text.empty() && text.back() >= '0' && text.back() <= '9';
  if (option.given && (!parse_duration(text, overlap_s) || (bare && *overlap_s != 0))) {
    return wrong_usage("--overlap: " + quote(text) + " is not a time; write one such as 24h or 30m, or 0 for none");
  }
  return done();
}

Outcome refusal(const keys::Answer &answer, const std::string &id, const KeyRecord &key, std::int64_t now_s) {
  switch (answer.result) {
    case keys::Result::not_found:
      return no_such_key(id);
    case keys::Result::rotated_already:
      return no("key " + key.id + " was rotated already; its successor is " + key.successor);
    case keys::Result::wrong_state:
      return no("key " + key.id + " is " + std::string(keys::effective_state(key, now_s)) +
                ", and only an active one can be rotated");
    default:
      return answer.result == keys::Result::store_failed && answer.status.text.empty()
                 ? damaged_record("key", quote(id))
                 : from_answer(answer);
  }
}

// nginx refuses a prefix that its configuration doesn't have.
void warn_of_another_prefix(const Context &context, const KeyRecord &old, const KeyFormat &format) {
  const auto dots = old.preview.rfind("...");
  if (dots == std::string::npos || dots < kPreviewHead) {
    return;
  }
  const auto prefix = old.preview.substr(0, dots - kPreviewHead);
  if (prefix != format.prefix) {
    context.warn("the old key begins with " + quote(prefix) + ", the new one with " + quote(format.prefix) +
                 ": nginx needs a keyward_key_format for it; --format chooses another");
  }
}

Outcome rotate(Context &context, const Options &options) {
  keys::RotateRequest request;
  keys::Minting minting;
  if (auto outcome = read_overlap(options.overlap, &request.overlap_s); !outcome.ok()) {
    return outcome;
  }
  if (auto outcome = read_minting(options.minting, &minting); !outcome.ok()) {
    return outcome;
  }
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  request.id = options.id.value;
  request.now_s = context.now_s;
  KeyRecord old;
  if (const auto answer = keys::look_ahead(writer.reader(), request.id, request.now_s, &old); !answer.ok()) {
    return refusal(answer, request.id, old, request.now_s);
  }
  if (!options.minting.verifier.given && !options.minting.format.given) {
    keys::follow(old, &minting);
  }
  keys::MintedKey minted;
  if (auto outcome = mint_key(minting, &minted); !outcome.ok()) {
    return outcome;
  }
  keys::Rotated rotated;
  const auto answer = keys::in_transaction(
      writer, author(), kWaitMs, [&](WriteTxn &txn) { return keys::rotate(txn, {}, request, minted, &rotated); });
  if (!answer.ok()) {
    return refusal(answer, request.id, rotated.old, request.now_s);
  }
  warn_of_another_prefix(context, rotated.old, minting.format);
  if (request.overlap_s == 0) {
    warn_without_workers(context, writer.reader(), "the old key is");
  }
  auto outcome =
      show_new_key(context, rotated.record, minted.text.view(), {rotated.old.overlap_until_s, false}, options.quiet);
  if (!outcome.ok()) {
    // To revoke it would end the old key, too, which is in use.
    outcome.error += "; rotate it to get one that is shown: that ends neither of the two";
  }
  return outcome;
}

}  // namespace

void add_key_rotate(CommandLine &line) {
  auto options = std::make_shared<Options>();
  auto command = line.command(
      "key rotate", "replace a key by a successor with the same rights; both work for a while",
      "The successor has the same subject, plan, scopes, limits, name and expiry, and shares the old key's counts.\n"
      "The old key works until the overlap ends; revoking the successor ends both. Only an active key that was "
      "not\n"
      "rotated before can be rotated. A plan's max_keys doesn't count the old key, so it never refuses a rotation.",
      "keyward key rotate key_0Bq3dXk2mVYc8sTgL1nRzP --overlap 7d");
  command.argument("ID", &options->id, "the key's id")
      .option("--overlap", "24h", &options->overlap, "how long the old key works (default 24h); 0 ends it at once");
  add_minting_options(command, &options->minting);
  command.flag("-q,--quiet", &options->quiet, "print the key only").action([options](Context &context) {
    return rotate(context, *options);
  });
}

}  // namespace keyward::cli
