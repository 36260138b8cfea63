// keyward token revoke: onto the denylist.
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>

#include "base/quote.hpp"
#include "base/text_rules.hpp"
#include "base/time_text.hpp"
#include "cli/arguments.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
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
  if (options.issuer.given && !is_id(options.issuer.value)) {
    return wrong_usage("--issuer: " + quote(options.issuer.value) +
                       " can't be the name of a keyward_issuer; leave --issuer out to refuse them of every one");
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

void print(Context &context, const Wanted &wanted) {
  const DenialEntry &entry = wanted.entry;
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
    writer.end_object();
    context.print(writer);
    return;
  }
  std::string line =
      by_jti ? "tokens with the jti " + printable(wanted.name)
             : "tokens of " + printable(wanted.name) + " that were issued until " + to_rfc3339(entry.not_before_s);
  line += entry.issuer.empty() ? " are refused, of every issuer" : " are refused, of the issuer " + entry.issuer;
  line += entry.until_s != 0 ? ", until " + to_rfc3339(entry.until_s) : "";
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
    print(context, wanted);
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
