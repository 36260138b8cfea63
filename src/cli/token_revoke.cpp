// keyward token revoke: onto the denylist.
#include <algorithm>
#include <cstdint>
#include <ctime>
#include <limits>
#include <memory>
#include <string>

#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/arguments.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "cli/store_readers.hpp"
#include "store/denial.hpp"

namespace keyward::cli {
namespace {

struct Options {
  Text issuer, jti, subject, until;
};

struct Wanted {
  DenialKind kind = DenialKind::jti;
  std::string name;
  DenialEntry entry;
};

Outcome read(const Options &options, std::int64_t now_s, Wanted *wanted) {
  if (options.jti.given == options.subject.given) {
    return wrong_usage("give --jti, for one token, or --subject, for all that were issued to it until now");
  }
  wanted->kind = options.jti.given ? DenialKind::jti : DenialKind::subject;
  wanted->name = options.jti.given ? options.jti.value : options.subject.value;
  if (options.subject.given) {
    if (auto outcome = check_subject(wanted->name); !outcome.ok()) {
      return outcome;
    }
  } else if (wanted->name.empty() || wanted->name.size() > kMaxJtiBytes) {
    return wrong_usage("--jti: write the token's jti, of 1 to " + std::to_string(kMaxJtiBytes) + " bytes");
  }
  wanted->entry.issuer = options.issuer.value;
  if (options.issuer.given) {
    if (auto outcome = check_issuer_name("--issuer", options.issuer.value); !outcome.ok()) {
      return wrong_usage(outcome.error + "; leave --issuer out to refuse them of every one");
    }
  }
  std::string error;
  if (options.until.given && !parse_deadline(options.until.value, now_s, &wanted->entry.until_s, &error)) {
    return wrong_usage("--until: " + error);
  }
  if (options.until.given && wanted->entry.until_s <= now_s) {
    return wrong_usage("--until: " + quote(options.until.value) +
                       " is in the past; write when the tokens have expired");
  }
  return done();
}

// What is denied of these tokens at a time; nothing, should the store not answer.
TokenDenial denial_at(CredentialReader &reader, const Wanted &wanted, std::int64_t at_s) {
  const bool by_jti = wanted.kind == DenialKind::jti;
  TokenDenial denial;
  reader.find_token_denial(wanted.entry.issuer, by_jti ? std::string_view() : wanted.name,
                           by_jti ? wanted.name : std::string_view(), at_s, &denial);
  return denial;
}

// What holds now, which may be more than what was asked for: an earlier entry, or one for every issuer, may refuse the same tokens for
// longer, or more of them. Should the store not answer, it is what was asked for, which holds in any case.
DenialEntry effective(CredentialReader &reader, const Wanted &wanted) {
  DenialEntry entry = wanted.entry;
  const Snapshot snapshot(reader);
  entry.not_before_s = std::max(entry.not_before_s, denial_at(reader, wanted, entry.denied_at_s).not_before_s);
  const auto is_refused = [&](std::int64_t at_s) {
    const TokenDenial denial = denial_at(reader, wanted, at_s);
    return wanted.kind == DenialKind::jti ? denial.denied : denial.not_before_s >= entry.not_before_s;
  };
  std::int64_t ends_s = std::numeric_limits<std::int64_t>::max();
  if (entry.until_s == 0 || !is_refused(entry.until_s)) {
    return entry;
  }
  if (is_refused(ends_s)) {
    entry.until_s = 0;
    return entry;
  }
  // The first moment at which they aren't refused: entries end, and none begins.
  for (std::int64_t refused_s = entry.until_s; ends_s - refused_s > 1;) {
    const std::int64_t middle_s = refused_s + (ends_s - refused_s) / 2;
    (is_refused(middle_s) ? refused_s : ends_s) = middle_s;
  }
  entry.until_s = ends_s;
  return entry;
}

void print(Context &context, CredentialReader &reader, const Wanted &wanted) {
  const auto workers = warn_without_workers(context, reader, "these tokens are");
  const DenialEntry entry = effective(reader, wanted);
  const bool by_jti = wanted.kind == DenialKind::jti;
  if (context.json) {
    auto writer = context.json_writer();
    writer.begin_object();
    put_text(writer, "issuer", entry.issuer);
    put_text(writer, "jti", by_jti ? std::string_view(wanted.name) : std::string_view());
    put_text(writer, "subject", by_jti ? std::string_view() : std::string_view(wanted.name));
    put_time(writer, "not_before", entry.not_before_s);
    put_time(writer, "until", entry.until_s);
    put_time(writer, "revoked_at", entry.denied_at_s);
    writer.key("workers").number(static_cast<std::int64_t>(workers)).end_object();
    context.print(writer);
    return;
  }
  std::string line =
      by_jti ? "tokens with the jti " + printable(wanted.name)
             : "tokens of " + printable(wanted.name) + " that were issued until " + to_rfc3339(entry.not_before_s);
  line += entry.issuer.empty() ? " are refused, of every issuer" : " are refused, of the issuer " + entry.issuer;
  line += entry.until_s != 0 ? ", until " + to_rfc3339(entry.until_s) : wanted.entry.until_s != 0 ? ", for good" : "";
  line += entry.until_s != wanted.entry.until_s ? ", as an earlier revocation says" : "";
  context.out.line(line);
}

Outcome revoke(Context &context, const Options &options) {
  Wanted wanted;
  if (auto outcome = read(options, context.now_s, &wanted); !outcome.ok()) {
    return outcome;
  }
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  auto outcome = change(writer, kUrgentWaitMs, [&](WriteTxn &txn, Outcome *) {
    const auto now_s = static_cast<std::int64_t>(std::time(nullptr));  // the lock may have taken its time
    wanted.entry.denied_at_s = now_s;
    wanted.entry.not_before_s = wanted.kind == DenialKind::subject ? now_s : 0;
    return txn.deny_token(wanted.kind, wanted.name, wanted.entry, now_s);
  });
  if (outcome.ok()) {
    print(context, writer.reader(), wanted);
    if (options.issuer.given) {
      context.note(
          "Only tokens of the keyward_issuer " + options.issuer.value +
          " are meant. nginx's configuration wasn't asked whether it has one of this name; one that is misspelt "
          "refuses nothing.");
    }
  }
  return outcome;
}

}  // namespace

void add_token_revoke(CommandLine &line) {
  auto options = std::make_shared<Options>();
  line.command(
          "token revoke", "refuse tokens although they have not expired",
          "By --jti one token, by --subject all that were issued to it until now, those without iat and those that "
          "are issued\n"
          "within the issuer's leeway from now, too. Every worker refuses them from the moment that this command "
          "returns.\n"
          "--issuer is the NAME of a keyward_issuer, and --subject the one that $keyward_subject shows (with its "
          "prefix). It is kept\n"
          "for good, or until a time at which the tokens have expired anyhow. Waits up to 60 s for another writer.",
          "keyward token revoke --subject alice --until 30d")
      .option("--issuer", "NAME", &options->issuer, "only tokens of this keyward_issuer; without: of every one")
      .option("--jti", "JTI", &options->jti, "the token's jti")
      .option("--subject", "SUBJECT", &options->subject, "all of this subject's that were issued until now")
      .option("--until", "30d|DATE", &options->until, "when it may be forgotten: when the last of them has expired")
      .action([options](Context &context) { return revoke(context, *options); });
}

}  // namespace keyward::cli
