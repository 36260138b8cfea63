// keyward token inspect: why a token is accepted or refused, by keys and rules given here or by nginx's configuration.
#include <memory>
#include <string>
#include <vector>

#include "auth/credential_text.hpp"
#include "auth/reason.hpp"
#include "base/base64url.hpp"
#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/command_line.hpp"
#include "cli/listed_issuers.hpp"
#include "cli/secret.hpp"
#include "cli/token_report.hpp"
#include "cli/token_rules.hpp"
#include "cli/token_store.hpp"
#include "decide/alone.hpp"
#include "jwt/explain.hpp"
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
      return "it is on the denylist: by its jti, or by its subject and iat";
    case Reason::blocked_subject:
      return "its subject is blocked";
    case Reason::no_access:
      return "its plan has no_access, or neither the configuration nor the store has that plan";
    case Reason::unprovisioned:
      return "its issuer says `subject required`, and the store has no such subject";
    default:
      return {};
  }
}

// What is shown of the token beside the decision: the claims' verdict, which says more than a reason.
jwt::Verdict verdict_of(const ListedIssuers &issuers, std::string_view token, std::int64_t now_s) {
  std::vector<jwt::AcceptedIssuer> accepted;
  for (const std::size_t place : issuers.accepted()) {
    accepted.push_back({&issuers.rules(place), issuers.keys(place).get(), issuers.fetched_from(place)});
  }
  return jwt::verify_token(accepted, token, now_s);
}

// What the store and the plans say of a token that its issuer lets pass.
void report_decision(const keyward::Outcome &decided, const TokenRules &by, TokenReport *report) {
  Reason reason = decided.reason;
  if (reason == Reason::no_access && !(report->store.looked && by.has_configuration)) {
    reason = Reason::none;
    report->remarks.push_back("its plan " + quote(decided.principal->plan) +
                              " has no_access, or was not found here: give --conf and --store to have all plans");
  }
  if (decided.principal) {
    const Grants &grants = decided.principal->grants;
    report->grants = grants.is_all() ? "*" : grants.text();
  }
  report->accepted = reason == Reason::none;
  report->reason = report->accepted ? std::string() : std::string(info(reason).name);
  report->cause = words_of(reason);
}

Outcome decide_about(Context &context, const TokenRules &by, std::string_view token, std::int64_t now_s,
                     bool with_store, TokenReport *report) {
  const ListedIssuers issuers(by.all, by.accepted);
  const jwt::Verdict verdict = verdict_of(issuers, token, now_s);
  report->has_header = read_part(token, 0, &report->header);
  report->has_claims = read_part(token, 1, &report->claims);
  report->verified = verdict.issuer != jwt::kNoIssuer;
  report->times = verdict.times;
  report->identity = verdict.identity;
  if (report->verified) {
    report->issuer = by.accepted[verdict.issuer].rules.name;
  }
  if (!has_token_form(token)) {
    report->remarks.push_back(
        "where keys are accepted as well, nginx takes it for a key, and the reason is invalid_key");
  }
  CredentialReader store;
  const bool passes = verdict.outcome == jwt::Outcome::accepted;
  const bool has_store = passes && with_store && is_store_wanted(context);
  if (has_store) {
    if (const auto status = store.open(context.store); !status.ok()) {
      return from_store(status);
    }
  }
  Accepted accepted;
  accepted.issuers = &issuers.accepted();
  const KeyFormats no_keys;
  LoneDecision decision({by.policy, no_keys, issuers, issuers.accepted()}, has_store ? &store : nullptr);
  const auto decided = decision.ask(token, accepted, now_s);
  if (!passes) {
    report->reason = info(decided.reason).name;
    report->cause = explain(verdict.cause, report->verified ? &by.accepted[verdict.issuer].rules : nullptr);
    return done();
  }
  if (has_store) {
    Snapshot snapshot(store);
    if (!snapshot.status().ok()) {
      return from_store(snapshot.status());
    }
    look_up(store, *decided.issuer, *decided.token, now_s, &report->store);
  } else {
    report->remarks.push_back("no store was used: blocked subjects and the denylist were not checked");
  }
  if (decided.reason == Reason::store_error) {
    return decision.store_trouble().ok()
               ? store_failed("what the store has about this token is damaged; `keyward store check` names it")
               : from_store(decision.store_trouble());
  }
  if (report->identity.has_undivided_scopes) {
    report->remarks.push_back(
        "the claim that scope_claim names is one string with blanks, which is not split into scopes: let the issuer "
        "write an array (only scope, scp and permissions are split)");
  }
  report_decision(decided, by, report);
  return done();
}

// What it is judged by: files that the configuration names, which the store's owner may not be able to read.
struct Inspection {
  std::int64_t now_s = 0;
  TokenRules rules;
  TokenReport report;
};

Outcome prepare(const Context &context, const Options &options, Inspection *inspection) {
  inspection->now_s = context.now_s;
  if (options.at.given && !parse_time(options.at.value, &inspection->now_s)) {
    return wrong_usage("--at: " + quote(options.at.value) + " is not a time; write one such as 2027-01-31T12:00:00Z");
  }
  return read_token_rules(options.rules, &inspection->rules, &inspection->report.remarks);
}

Outcome inspect(Context &context, const Options &options, Inspection &inspection) {
  const TokenRules &rules = inspection.rules;
  TokenReport &report = inspection.report;
  const std::int64_t now_s = inspection.now_s;
  Secret token;
  // With room for the blanks that HTTP takes away.
  const bool read = read_secret_line("Token: ", 2 * jwt::kMaxTokenBytes, &token);
  const bool fits = read && trim_blanks(token.view()).size() <= rules.max_credential;
  if (trim_blanks(token.view()).empty() && read) {
    return wrong_usage("no token on standard input; write for example `keyward token inspect ... < FILE`");
  }
  if (!fits) {
    report.reason = info(Reason::credential_too_large).name;
    report.cause = to_text(jwt::Cause::too_long);
  } else if (auto outcome = decide_about(context, rules, trim_blanks(token.view()), now_s, !options.no_store, &report);
             !outcome.ok()) {
    return outcome;
  }
  print(context, report);
  return report.accepted ? done() : no({});
}

}  // namespace

void add_token_inspect(CommandLine &line) {
  auto options = std::make_shared<Options>();
  auto inspection = std::make_shared<Inspection>();
  StoreUse use;
  use.without = &options->no_store;
  line.command(
          "token inspect", "say why a token on standard input is accepted or refused",
          "One line: the token. It is checked by nginx's configuration (--conf: what `nginx -T` prints, in a file), or "
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
      .option("--secret", "FILE", &options->rules.secret, "or the secret of HS256, HS384 and HS512, or a JWK of it")
      .option("--secret-form", "FORM", &options->rules.secret_form, "how it is written: base64url or hex")
      .option("--name", "NAME", &options->rules.name, "the keyward_issuer's name, as the denylist has it")
      .list("--issuer", "ISS", &options->rules.issuer, "a value that iss may have; repeatable")
      .list("--audience", "AUD", &options->rules.audience, "a value that aud may have; repeatable")
      .list("--algorithm", "ALG", &options->rules.algorithms, "an algorithm that is allowed; repeatable")
      .option("--type", "TYP", &options->rules.type, "the value that typ has to have")
      .list("--require", "CLAIM VALUE...", &options->rules.require, "a claim that has to be one of these; repeatable")
      .option("--leeway", "TIME", &options->rules.leeway, "how far clocks may differ; 30s")
      .option("--max-lifetime", "TIME", &options->rules.max_lifetime, "the longest time from iat to exp")
      .flag("--no-exp", &options->rules.no_expiry, "exp may be missing")
      .list("--scope-claim", "CLAIM", &options->rules.scope_claim, "where its scopes are; repeatable")
      .option("--subject", "claim=C prefix=P", &options->rules.subject, "as `subject` in the block")
      .option("--at", "TIME", &options->at, "check as if it were then, such as 2027-01-31T12:00:00Z")
      .flag("--no-store", &options->no_store, "use no store: no denylist, no blocked subjects")
      .uses(use)
      .prepare([options, inspection](Context &context) { return prepare(context, *options, inspection.get()); })
      .action([options, inspection](Context &context) { return inspect(context, *options, *inspection); });
}

}  // namespace keyward::cli
