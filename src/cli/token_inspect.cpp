// keyward token inspect: why a token is accepted or refused, by keys and rules given here or by nginx's configuration.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "auth/credential_text.hpp"
#include "auth/reason.hpp"
#include "auth/token_principal.hpp"
#include "base/base64url.hpp"
#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/command_line.hpp"
#include "cli/secret.hpp"
#include "cli/token_report.hpp"
#include "cli/token_rules.hpp"
#include "cli/token_store.hpp"
#include "jwt/verify.hpp"

namespace keyward::cli {
namespace {

struct Options {
  TokenRuleOptions rules;
  Text at;
  bool no_store = false;
};

// One part of what was pasted, for people to look at; nothing believes it.
bool read_part(std::string_view token, std::size_t part, json::Value *value) {
  for (; part != 0; --part) {
    const std::size_t dot = token.find('.');
    if (dot == std::string_view::npos) {
      return false;
    }
    token.remove_prefix(dot + 1);
  }
  std::string text, error;
  return from_base64url(token.substr(0, token.find('.')), &text) && json::parse(text, {}, value, &error) &&
         value->type == json::Value::Type::object;
}

std::string words_of(Reason reason) {
  switch (reason) {
    case Reason::revoked_token:
      return "it is on the denylist: by its jti, or with all that its subject had been issued by then";
    case Reason::blocked_subject:
      return "its subject is blocked";
    case Reason::no_access:
      return "its plan refuses everybody, or neither the configuration nor the store has that plan";
    case Reason::unprovisioned:
      return "its issuer says `subject required`, and the store has no such subject";
    default:
      return {};
  }
}

Outcome judge(Context &context, const TokenRules &by, std::string_view token, std::int64_t now_s, bool with_store,
              TokenReport *report) {
  const std::vector<ConfiguredIssuer> &all = by.all, &issuers = by.accepted;
  std::vector<jwt::AcceptedIssuer> accepted;
  for (const auto &issuer : issuers) {
    const bool fetched = issuer.from == KeysFrom::jwks_uri;
    accepted.push_back(
        {&issuer.rules, issuer.keys.get(), fetched ? std::string_view(issuer.where) : std::string_view()});
  }
  jwt::Verdict verdict = jwt::verify_token(accepted, token, now_s);
  const bool is_token = has_token_form(token);
  report->has_header = read_part(token, 0, &report->header);
  report->has_claims = read_part(token, 1, &report->claims);
  report->verified = verdict.issuer != jwt::kNoIssuer;
  report->accepted = verdict.outcome == jwt::Outcome::accepted;
  // What requests are told: keys that aren't there are no fault of the token's.
  const bool waits = verdict.outcome == jwt::Outcome::unknown_key;
  report->reason = report->accepted ? "" : to_text(waits ? jwt::Outcome::keys_unavailable : verdict.outcome);
  report->cause = report->accepted ? "" : to_text(verdict.cause);
  if (!is_token) {
    report->remarks.push_back(
        "where keys are accepted as well, the reason is invalid_key: it might have been meant for one");
  }
  if (!report->verified) {
    return done();
  }
  const ConfiguredIssuer &own = issuers[verdict.issuer];
  report->issuer = own.rules.name;
  report->times = verdict.times;
  if (!report->accepted) {
    return done();
  }
  report->identity = verdict.identity;
  std::vector<const jwt::Issuer *> rules;
  std::size_t place = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    rules.push_back(&all[i].rules);
    place = all[i].rules.name == own.rules.name ? i : place;
  }
  const SubjectReach reach(rules, place);
  const VerifiedToken verified = verified_token(place, own.rules, by.policy.implications, std::move(verdict));
  Principal principal;
  Reason reason = Reason::none;
  if (with_store && is_store_wanted(context)) {
    if (auto outcome =
            ask_store(context, own.rules, reach, verified, by.policy, now_s, &report->store, &reason, &principal);
        !outcome.ok()) {
      return outcome;
    }
  } else {
    build_token_principal(nullptr, verified, own.rules, reach, by.policy, now_s, &principal);
    report->remarks.push_back("no store was asked whether its subject is blocked or it is on the denylist");
  }
  if (report->identity.has_undivided_scopes) {
    report->remarks.push_back(
        "the claim that scope_claim names is a string with blanks, which is one value and no scope: let the issuer "
        "write an array (only scope, scp and permissions are split at blanks)");
  }
  if (reason == Reason::none && principal.no_access && report->store.looked && by.has_configuration) {
    reason = Reason::no_access;
  } else if (reason == Reason::none && principal.no_access) {
    report->remarks.push_back(
        "its plan " + quote(principal.plan) +
        " refuses everybody, or is not in what was asked here: --conf and a store have all plans");
  }
  report->grants = principal.grants.is_all() ? "*" : principal.grants.text();
  report->accepted = reason == Reason::none;
  report->reason = report->accepted ? std::string() : std::string(info(reason).name);
  report->cause = words_of(reason);
  return done();
}

// What it is judged by: files that the configuration names, which the store's owner may not be able to read.
struct Judgement {
  std::int64_t now_s = 0;
  TokenRules rules;
  TokenReport report;
};

Outcome prepare(const Context &context, const Options &options, Judgement *judgement) {
  judgement->now_s = context.now_s;
  if (options.at.given && !parse_time(options.at.value, &judgement->now_s)) {
    return wrong_usage("--at: " + quote(options.at.value) + " is no time; write 2027-01-31T12:00:00Z");
  }
  return read_token_rules(options.rules, &judgement->rules, &judgement->report.remarks);
}

Outcome inspect(Context &context, const Options &options, Judgement &judgement) {
  const TokenRules &rules = judgement.rules;
  TokenReport &report = judgement.report;
  const std::int64_t now_s = judgement.now_s;
  Secret token;
  // With room for the blanks that HTTP takes away.
  const bool read = read_secret_line("Token: ", 2 * jwt::kMaxTokenBytes, &token);
  const bool fits = read && trim_blanks(token.view()).size() <= jwt::kMaxTokenBytes;
  if (trim_blanks(token.view()).empty() && read) {
    return wrong_usage("no token on standard input; write for example `keyward token inspect ... < FILE`");
  }
  if (!fits) {
    report.reason = info(Reason::invalid_request).name;
    report.cause = to_text(jwt::Cause::too_long);
  } else if (auto outcome = judge(context, rules, trim_blanks(token.view()), now_s, !options.no_store, &report);
             !outcome.ok()) {
    return outcome;
  }
  print(context, report);
  return report.accepted ? done() : no({});
}

}  // namespace

void add_token_inspect(CommandLine &line) {
  auto options = std::make_shared<Options>();
  auto judgement = std::make_shared<Judgement>();
  StoreUse use;
  use.without = &options->no_store;
  line.command(
          "token inspect", "say why a token on standard input is accepted or refused",
          "One line: the token. It is judged by nginx's configuration (--conf: what `nginx -T` prints, in a file), or "
          "by keys\n"
          "and rules that are given here, with the code that requests use. Header and claims are shown, the "
          "signature never.\n"
          "Where there is a store it is asked about the subject and the denylist. Nothing is fetched. Exit status 0 "
          "is accepted,\n"
          "1 refused.",
          "keyward token inspect --conf dump.txt --keys auth=jwks.json < token.txt")
      .option("--conf", "FILE", &options->rules.conf,
              "the keyward_issuer blocks of this file, which `nginx -T` printed")
      .list("--accept", "NAME", &options->rules.accept, "only these issuers, in this order; repeatable")
      .list("--keys", "NAME=FILE", &options->rules.keys, "the key set of an issuer with jwks_uri, saved; repeatable")
      .option("--jwks", "FILE", &options->rules.jwks, "without --conf: a JWK set, as jwks_file takes it")
      .option("--public-key", "FILE", &options->rules.public_key, "or one PEM key")
      .option("--secret", "FILE", &options->rules.secret, "or the secret of HS256, HS384 and HS512")
      .option("--name", "NAME", &options->rules.name, "the keyward_issuer's name, which the denylist goes by")
      .option("--issuer", "ISS", &options->rules.issuer, "what iss has to be")
      .list("--audience", "AUD", &options->rules.audience, "what aud has to have one of; repeatable")
      .list("--algorithm", "ALG", &options->rules.algorithms, "allowed ones; repeatable")
      .option("--type", "TYP", &options->rules.type, "what typ has to be")
      .list("--require", "CLAIM VALUE...", &options->rules.require, "a claim that has to be one of these; repeatable")
      .option("--leeway", "TIME", &options->rules.leeway, "how far clocks may differ; 30s")
      .option("--max-lifetime", "TIME", &options->rules.max_lifetime, "how long it may live")
      .flag("--no-exp", &options->rules.no_expiry, "exp may be missing")
      .list("--scope-claim", "CLAIM", &options->rules.scope_claim, "where its scopes are; repeatable")
      .option("--subject", "claim=C prefix=P", &options->rules.subject, "as `subject` in the block")
      .option("--at", "TIME", &options->at, "judge as of 2027-01-31T12:00:00Z instead of now")
      .flag("--no-store", &options->no_store, "ask no store")
      .uses(use)
      .prepare([options, judgement](Context &context) { return prepare(context, *options, judgement.get()); })
      .action([options, judgement](Context &context) { return inspect(context, *options, *judgement); });
}

}  // namespace keyward::cli
