// keyward key rotate: a successor with the same terms, and an end for the key that it replaces.
#include <memory>

#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "cli/new_key.hpp"
#include "cli/revocation.hpp"
#include "cli/secret.hpp"
#include "cli/store_readers.hpp"

namespace keyward::cli {
namespace {

constexpr std::int64_t kDefaultOverlapSeconds = 86400;
constexpr std::size_t kPreviewHead = 8;

struct Options {
  Text id, overlap;
  MintingOptions minting;
  bool quiet = false;
};

Outcome read_overlap(const Text &option, std::int64_t *overlap_s) {
  *overlap_s = kDefaultOverlapSeconds;
  const auto &text = option.value;
  const bool bare = !text.empty() && text.back() >= '0' && text.back() <= '9';
  if (option.given && (!parse_duration(text, overlap_s) || (bare && *overlap_s != 0))) {
    return wrong_usage("--overlap: " + quote(text) + " is not a time; write one such as 24h or 30m, or 0 for none");
  }
  return done();
}

// Only what works now can be replaced, and only once: a second successor would have to be handed out instead of the first.
Outcome check_rotatable(const KeyRecord &key, std::int64_t now_s) {
  if (!key.successor.empty()) {
    return no("key " + key.id + " was rotated already; its successor is " + key.successor);
  }
  return is_active(key, now_s) ? done()
                               : no("key " + key.id + " is " + std::string(effective_state(key, now_s)) +
                                    ", and only an active one can be rotated");
}

StoreStatus find_rotatable(WriteTxn &txn, const std::string &id, std::int64_t now_s, KeyRecord *key, Outcome *refusal) {
  auto status = txn.get_key(id, key);
  if (status.code == StoreCode::not_found) {
    return refused(refusal, no_such_key(id));
  }
  if (!status.ok()) {
    return status;
  }
  auto outcome = check_rotatable(*key, now_s);
  return outcome.ok() ? StoreStatus{} : refused(refusal, std::move(outcome));
}

// Looks before it mints, which takes a while. What counts is looked at again when it is written.
Outcome look_ahead(CredentialReader &reader, const std::string &id, std::int64_t now_s, KeyRecord *key) {
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return from_store(snapshot.status());
  }
  CredentialReader::FoundKey found;
  const auto code = is_id(id) ? reader.find_key_by_id(id, &found) : StoreCode::not_found;
  if (code != StoreCode::ok) {
    return code == StoreCode::not_found ? no_such_key(id) : damaged_record("key", quote(id));
  }
  *key = to_record(found.id, found.key);
  return check_rotatable(*key, now_s);
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

void inherit(const KeyRecord &old, std::int64_t now_s, KeyRecord *key) {
  key->state = KeyState::active;
  key->name = old.name;
  key->subject = old.subject;
  key->plan = old.plan;
  key->scopes = old.scopes;
  key->limits = old.limits;
  key->expires_at_s = old.expires_at_s;
  key->created_at_s = key->changed_at_s = now_s;
  key->predecessor = old.id;
  key->counter_id = old.counter_id.empty() ? old.id : old.counter_id;
}

StoreStatus replace(WriteTxn &txn, KeyRecord *old, KeyRecord *key, std::int64_t now_s, std::int64_t overlap_s) {
  inherit(*old, now_s, key);
  old->successor = key->id;
  old->overlap_until_s = overlap_s == 0 ? 0 : now_s + overlap_s;
  auto status = txn.add_key(*key);
  if (!status.ok()) {
    return status;
  }
  std::vector<std::string> also;
  return overlap_s == 0 ? revoke_with_predecessors(txn, old, now_s, &also) : txn.replace_key(*old);
}

Outcome rotate(Context &context, const Options &options) {
  std::int64_t overlap_s = 0;
  Minting minting;
  if (auto outcome = read_overlap(options.overlap, &overlap_s); !outcome.ok()) {
    return outcome;
  }
  if (auto outcome = read_minting(options.minting, &minting); !outcome.ok()) {
    return outcome;
  }
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  KeyRecord old;
  KeyRecord key;
  const auto &id = options.id.value;
  if (auto outcome = look_ahead(writer.reader(), id, context.now_s, &old); !outcome.ok()) {
    return outcome;
  }
  if (!options.minting.verifier.given && !options.minting.format.given && old.verifier_kind == VerifierKind::sha256) {
    minting.verifier.kind = VerifierKind::sha256;
  }
  const Secret text(minting.format.mint());
  if (auto outcome = fill_from_key(text.view(), minting, &key); !outcome.ok()) {
    return outcome;
  }
  auto outcome = change(writer, kWaitMs, [&](WriteTxn &txn, Outcome *refusal) {
    auto status = find_rotatable(txn, id, context.now_s, &old, refusal);
    return status.ok() ? replace(txn, &old, &key, context.now_s, overlap_s) : status;
  });
  if (!outcome.ok()) {
    return outcome;
  }
  warn_of_another_prefix(context, old, minting.format);
  if (overlap_s == 0) {
    warn_without_workers(context, writer.reader(), "the old key is");
  }
  outcome = show_new_key(context, key, text.view(), {old.overlap_until_s, false}, options.quiet);
  if (!outcome.ok()) {
    // To revoke it would end the old key, too, which is in use.
    outcome.error += "; rotate that one, which ends neither it nor its predecessor";
  }
  return outcome;
}

}  // namespace

void add_key_rotate(CommandLine &line) {
  auto options = std::make_shared<Options>();
  auto command = line.command(
      "key rotate", "replace a key: a successor with the same terms, which both live for a while",
      "The successor has the same subject, plan, scopes, limits, name and expiry, and counts on in the same windows.\n"
      "The old key lives on for the overlap; revoking the successor ends both. Only an active key that was not "
      "rotated\n"
      "yet can be. A plan's max_keys doesn't count a key in its overlap, so it never refuses a rotation.",
      "keyward key rotate key_0Bq3dXk2mVYc8sTgL1nRzP --overlap 7d");
  command.argument("ID", &options->id, "the key's id")
      .option("--overlap", "24h", &options->overlap, "how long the old key lives on (default 24h); 0 ends it at once");
  add_minting_options(command, &options->minting);
  command.flag("-q,--quiet", &options->quiet, "print the key only").action([options](Context &context) {
    return rotate(context, *options);
  });
}

}  // namespace keyward::cli
