// keyward token revoke: onto the denylist.
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>

#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/arguments.hpp"
#include "cli/author.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "cli/store_readers.hpp"
#include "keys/denials.hpp"

namespace keyward::cli {
namespace {

struct Options {
  Text issuer, jti, subject, until;
};

Outcome is_past(const Options &options) {
  return wrong_usage("--until: " + quote(options.until.value) + " is in the past; write when the tokens have expired");
}

Outcome read(const Options &options, std::int64_t now_s, keys::DenialRequest *wanted) {
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
  wanted->issuer = options.issuer.value;
  if (options.issuer.given) {
    if (auto outcome = check_issuer_name("--issuer", options.issuer.value); !outcome.ok()) {
      return wrong_usage(outcome.error + "; leave --issuer out for tokens of every issuer");
    }
  }
  std::string error;
  if (options.until.given && !parse_deadline(options.until.value, now_s, &wanted->until_s, &error)) {
    return wrong_usage("--until: " + error);
  }
  if (options.until.given && wanted->until_s <= now_s) {
    return is_past(options);
  }
  return done();
}

void print(Context &context, CredentialReader &reader, const keys::DenialRequest &wanted, const DenialEntry &asked) {
  const auto workers = warn_without_workers(context, reader, "these tokens are");
  const DenialEntry entry = keys::denial_in_effect(reader, wanted, asked);
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
  line += entry.until_s != 0 ? ", until " + to_rfc3339(entry.until_s) : wanted.until_s != 0 ? ", for good" : "";
  line += entry.until_s != wanted.until_s ? ", as an earlier revocation says" : "";
  context.out.line(line);
}

Outcome revoke(Context &context, const Options &options) {
  keys::DenialRequest wanted;
  if (auto outcome = read(options, context.now_s, &wanted); !outcome.ok()) {
    return outcome;
  }
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  DenialEntry asked;
  const auto answer = keys::in_transaction(writer, author(), kUrgentWaitMs, [&](WriteTxn &txn) {
    wanted.now_s = static_cast<std::int64_t>(std::time(nullptr));  // the lock may have taken its time
    return keys::deny_tokens(txn, wanted, &asked);
  });
  if (!answer.ok()) {
    return answer.result == keys::Result::past_expiry ? is_past(options) : from_answer(answer);
  }
  print(context, writer.reader(), wanted, asked);
  if (options.issuer.given) {
    context.note("Only tokens of the keyward_issuer " + options.issuer.value +
                 " are refused. nginx's configuration was not read: if it has no issuer of this name, this "
                 "refuses nothing.");
  }
  return done();
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
          "for good, or until a time at which the tokens have expired. Waits up to 60 s for another writer.",
          "keyward token revoke --subject alice --until 30d")
      .option("--issuer", "NAME", &options->issuer, "only tokens of this keyward_issuer (default: of every one)")
      .option("--jti", "JTI", &options->jti, "the token's jti")
      .option("--subject", "SUBJECT", &options->subject, "all of this subject's that were issued until now")
      .option("--until", "30d|DATE", &options->until, "until when: the time at which the last of them has expired")
      .action([options](Context &context) { return revoke(context, *options); });
}

}  // namespace keyward::cli
