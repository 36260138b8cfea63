// keyward token inspect: why a token is accepted or refused, by keys and rules given here or by nginx's configuration.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "auth/issuer_rules.hpp"
#include "auth/reason.hpp"
#include "auth/token_principal.hpp"
#include "base/base64url.hpp"
#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "cli/issuer_config.hpp"
#include "cli/secret.hpp"
#include "jwt/key_file.hpp"
#include "jwt/verify.hpp"
#include "store/layout.hpp"

namespace keyward::cli {
namespace {

constexpr std::size_t kMaxConfigBytes = std::size_t{16} << 20;

struct Options {
  Text conf, jwks, public_key, secret, name, issuer, type, leeway, max_lifetime, subject, at;
  TextList accept, keys, audience, algorithms, require, scope_claim;
  bool no_expiry = false, no_store = false;
};

// --- rules and keys --------------------------------------------------------------------------------------------

Outcome read_text(const std::string &path, std::string *text) {
  FILE *file = path == "-" ? nullptr : std::fopen(path.c_str(), "rbe");
  if (file == nullptr) {
    return wrong_usage("--conf: " + quote(path) + ": " +
                       (path == "-" ? "the token is on standard input; name a file" : std::strerror(errno)));
  }
  char buffer[65536];
  std::size_t read = 0;
  while (text->size() <= kMaxConfigBytes && (read = std::fread(buffer, 1, sizeof(buffer), file)) != 0) {
    text->append(buffer, read);
  }
  const bool failed = std::ferror(file) != 0;
  std::fclose(file);
  return failed || text->size() > kMaxConfigBytes ? wrong_usage("--conf: " + quote(path) + " can't be read") : done();
}

std::string folder_of(const std::string &path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

// NAME=FILE of --keys: the set that an issuer's jwks_uri serves.
Outcome use_saved_sets(const TextList &keys, std::vector<ConfiguredIssuer> *issuers,
                       std::vector<std::string> *remarks) {
  for (const auto &one : keys.values) {
    const std::size_t equals = one.find('=');
    const auto issuer = std::find_if(issuers->begin(), issuers->end(), [&](const ConfiguredIssuer &candidate) {
      return candidate.rules.name == one.substr(0, equals);
    });
    if (equals == std::string::npos || issuer == issuers->end()) {
      return wrong_usage("--keys: " + quote(one) + " names no issuer of the configuration; write NAME=FILE");
    }
    if (issuer->from != KeysFrom::jwks_uri) {
      return wrong_usage("--keys: the issuer " + quote(issuer->rules.name) + " has no jwks_uri; its keys are in " +
                         quote(issuer->where));
    }
    if (auto outcome = load_issuer_keys(one.substr(equals + 1), &*issuer, remarks); !outcome.ok()) {
      return outcome;
    }
  }
  return done();
}

Outcome choose(const TextList &accept, std::vector<ConfiguredIssuer> *issuers) {
  if (!accept.given) {
    return done();
  }
  std::vector<ConfiguredIssuer> chosen;
  for (const auto &name : accept.values) {
    const auto found = std::find_if(issuers->begin(), issuers->end(),
                                    [&](const ConfiguredIssuer &issuer) { return issuer.rules.name == name; });
    if (found == issuers->end()) {
      return wrong_usage("--accept: the configuration has no issuer " + quote(name));
    }
    chosen.push_back(*found);
  }
  *issuers = std::move(chosen);
  return done();
}

Outcome from_configuration(const Options &options, std::vector<ConfiguredIssuer> *all,
                           std::vector<ConfiguredIssuer> *issuers, std::vector<std::string> *remarks) {
  std::string text;
  auto outcome = read_text(options.conf.value, &text);
  outcome = outcome.ok() ? read_issuers(text, folder_of(options.conf.value), all) : outcome;
  if (outcome.ok() && all->empty()) {
    outcome = wrong_usage("--conf: " + quote(options.conf.value) +
                          " has no keyward_issuer; write `nginx -T` into a file, which has what is included, too");
  }
  outcome = outcome.ok() ? use_saved_sets(options.keys, all, remarks) : outcome;
  *issuers = *all;
  outcome = outcome.ok() ? choose(options.accept, issuers) : outcome;
  for (auto &issuer : *issuers) {
    if (outcome.ok() && issuer.from == KeysFrom::jwks_uri && issuer.keys == nullptr) {
      remarks->push_back("the keys of the issuer " + quote(issuer.rules.name) + " are at " +
                         issuer.where.substr(0, issuer.where.find('?')) +  // as logs show it
                         ", which isn't asked; save them and name them with --keys " + issuer.rules.name + "=FILE");
    } else if (outcome.ok() && issuer.keys == nullptr) {
      outcome = load_issuer_keys(issuer.where, &issuer, remarks);
    }
  }
  return outcome;
}

// A rule as a line of the block would say it.
Outcome set_rule(const char *option, std::string_view directive, const std::vector<std::string> &values,
                 jwt::Issuer *rules) {
  Words words = {directive};
  words.insert(words.end(), values.begin(), values.end());
  const IssuerRule *rule = find_issuer_rule(directive);
  if (words.size() - 1 < rule->least || words.size() - 1 > rule->most) {
    return wrong_usage(std::string(option) + ": has the wrong number of words");
  }
  const Wrong wrong = rule->set(words, rules);
  return wrong ? wrong_usage(std::string(option) + ": " + *wrong) : done();
}

// 'CLAIM VALUE...', as in the block.
std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (!word.empty()) {
      words.emplace_back(word);
    }
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return words;
}

Outcome from_options(const Options &options, std::vector<ConfiguredIssuer> *issuers,
                     std::vector<std::string> *remarks) {
  if (options.accept.given || options.keys.given) {
    return wrong_usage("--accept and --keys are for --conf");
  }
  ConfiguredIssuer issuer;
  jwt::Issuer &rules = issuer.rules;
  rules.name = options.name.value;
  const Text *source = nullptr;
  for (const auto &[text, from] : {std::pair<const Text *, KeysFrom>{&options.jwks, KeysFrom::jwks_uri},
                                   {&options.public_key, KeysFrom::public_key},
                                   {&options.secret, KeysFrom::secret_file}}) {
    if (text->given && source != nullptr) {
      return wrong_usage("give one of --jwks, --public-key and --secret");
    }
    source = text->given ? text : source;
    issuer.from = text->given ? from : issuer.from;
  }
  auto outcome = load_issuer_keys(source->value, &issuer, remarks);
  const auto one = [&](const char *option, const char *directive, const Text &text) {
    outcome = outcome.ok() && text.given ? set_rule(option, directive, {text.value}, &rules) : outcome;
  };
  const auto list = [&](const char *option, const char *directive, const TextList &text) {
    outcome = outcome.ok() && text.given ? set_rule(option, directive, text.values, &rules) : outcome;
  };
  one("--issuer", "issuer", options.issuer);
  one("--type", "type", options.type);
  one("--leeway", "leeway", options.leeway);
  one("--max-lifetime", "max_lifetime", options.max_lifetime);
  list("--audience", "audience", options.audience);
  list("--algorithm", "algorithms", options.algorithms);
  list("--scope-claim", "scope_claim", options.scope_claim);
  for (const auto &requirement : options.require.values) {
    outcome = outcome.ok() ? set_rule("--require", "require", split_words(requirement), &rules) : outcome;
  }
  if (outcome.ok() && options.subject.given) {
    outcome = set_rule("--subject", "subject", split_words(options.subject.value), &rules);
  }
  rules.require_expiry = !options.no_expiry;
  issuers->push_back(std::move(issuer));
  return outcome;
}

Outcome read_rules(const Options &options, std::vector<ConfiguredIssuer> *all, std::vector<ConfiguredIssuer> *issuers,
                   std::vector<std::string> *remarks) {
  const bool has_keys = options.jwks.given || options.public_key.given || options.secret.given;
  if (options.conf.given == has_keys) {
    return wrong_usage(
        "give what it is judged by: --conf with what `nginx -T` prints, or one of --jwks, --public-key and --secret");
  }
  if (!options.conf.given) {
    auto outcome = from_options(options, issuers, remarks);
    *all = *issuers;
    return outcome;
  }
  const bool rule = options.issuer.given || options.type.given || options.leeway.given || options.max_lifetime.given ||
                    options.audience.given || options.algorithms.given || options.scope_claim.given ||
                    options.require.given || options.subject.given || options.name.given || options.no_expiry;
  return rule ? wrong_usage("with --conf the rules are the configuration's; leave out what sets one")
              : from_configuration(options, all, issuers, remarks);
}

// --- the store -------------------------------------------------------------------------------------------------

struct InStore {
  bool looked = false;
  std::string subject_state;  // "active", "blocked", "none"
  TokenDenial denial;
  bool denied = false;
};

// Where none is named and none lies at the usual place, there is none to ask.
bool is_store_wanted(const Context &context) {
  return context.store != kDefaultStore || ::access(credentials_folder(context.store).c_str(), F_OK) == 0;
}

Outcome ask_store(const Context &context, const ConfiguredIssuer &issuer, const SubjectReach &reach,
                  const VerifiedToken &token, std::int64_t now_s, InStore *answer, Reason *reason,
                  Principal *principal) {
  CredentialReader reader;
  if (const auto status = reader.open(context.store); !status.ok()) {
    return from_store(status);
  }
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return from_store(snapshot.status());
  }
  answer->looked = true;
  const jwt::Identity &identity = token.identity;
  if (identity.has_subject) {
    SubjectView subject;
    const StoreCode code = reader.find_subject(identity.subject, &subject);
    answer->subject_state = code == StoreCode::not_found                                      ? "none"
                            : code == StoreCode::ok && subject.state == SubjectState::blocked ? "blocked"
                                                                                              : "active";
  }
  reader.find_token_denial(issuer.rules.name, identity.subject, identity.jti, now_s, &answer->denial);
  answer->denied = answer->denial.refuses(token.times.has_issued_at, token.times.issued_at_s, issuer.rules.leeway_s);
  switch (build_token_principal(&reader, token, issuer.rules, reach, Policy(), now_s, principal)) {
    case BuiltToken::ok:
      *reason = !principal->provisioned && issuer.rules.subject_required ? Reason::unprovisioned : Reason::none;
      return done();
    case BuiltToken::blocked_subject:
      *reason = Reason::blocked_subject;
      return done();
    case BuiltToken::revoked:
      *reason = Reason::revoked_token;
      return done();
    case BuiltToken::damaged:
      break;
  }
  return store_failed("what the store has about this token is damaged; `keyward store check` names it");
}

// --- the answer ------------------------------------------------------------------------------------------------

struct Report {
  bool accepted = false;
  std::string reason, cause;
  std::string issuer;
  bool verified = false;  // its key has signed what is shown
  json::Value header, claims;
  bool has_header = false, has_claims = false;
  jwt::Times times;
  jwt::Identity identity;
  std::string grants;
  InStore store;
  std::vector<std::string> remarks;
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

void write_value(json::Writer &writer, const json::Value &value) {
  using Type = json::Value::Type;
  switch (value.type) {
    case Type::null:
      writer.null();
      break;
    case Type::boolean:
      writer.boolean(value.boolean);
      break;
    case Type::number:
      writer.number_as_written(value.text);
      break;
    case Type::string:
      writer.string(value.text);
      break;
    case Type::array:
      writer.begin_array();
      for (const auto &item : value.items) {
        write_value(writer, item);
      }
      writer.end_array();
      break;
    case Type::object:
      writer.begin_object();
      for (const auto &[name, member] : value.members) {
        writer.key(name);
        write_value(writer, member);
      }
      writer.end_object();
      break;
  }
}

// A NumericDate in words; empty where it is none.
std::string date_of(const json::Value &claims, const char *name) {
  const json::Value *claim = claims.find(name);
  if (claim == nullptr || claim->type != json::Value::Type::number) {
    return {};
  }
  constexpr double kLast = 253402300799;  // the end of the year 9999
  const double seconds = std::floor(std::strtod(claim->text.c_str(), nullptr));
  return std::isfinite(seconds) && seconds >= 0 && seconds <= kLast ? to_rfc3339(static_cast<std::int64_t>(seconds))
                                                                    : std::string();
}

void put_value(json::Writer &writer, const char *name, bool present, const json::Value &value) {
  writer.key(name);
  if (present) {
    write_value(writer, value);
  } else {
    writer.null();
  }
}

void print_json(Context &context, const Report &report) {
  auto writer = context.json_writer();
  writer.begin_object().key("accepted").boolean(report.accepted);
  put_text(writer, "reason", report.reason);
  put_text(writer, "cause", report.cause);
  put_text(writer, "issuer", report.issuer);
  writer.key("verified").boolean(report.verified);
  put_value(writer, "header", report.has_header, report.header);
  put_value(writer, "claims", report.has_claims, report.claims);
  put_text(writer, "issued_at", date_of(report.claims, "iat"));
  put_text(writer, "not_before", date_of(report.claims, "nbf"));
  put_text(writer, "expires_at", date_of(report.claims, "exp"));
  put_text(writer, "subject", report.accepted ? report.identity.subject : std::string());
  put_text(writer, "scopes", report.accepted ? report.grants : std::string());
  writer.key("store");
  if (report.store.looked) {
    writer.begin_object();
    put_text(writer, "subject_state", report.store.subject_state);
    writer.key("denied").boolean(report.store.denied);
    put_time(writer, "denied_until_issued_at", report.store.denial.not_before_s);
    writer.end_object();
  } else {
    writer.null();
  }
  writer.key("remarks").begin_array();
  for (const auto &remark : report.remarks) {
    writer.string(remark);
  }
  writer.end_array().end_object();
  context.print(writer);
}

void print_part(Context &context, const char *title, bool present, bool verified, const json::Value &value) {
  if (!present) {
    return;
  }
  json::Writer writer(true);
  write_value(writer, value);
  context.out.line(std::string(title) + (verified ? ":" : " (nobody has vouched for it):"));
  std::string_view rest = writer.text();
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    context.out.line(printable(line));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
}

void print_text(Context &context, const Report &report) {
  Fields fields;
  fields.add("accepted", {report.accepted ? "yes" : "no", report.accepted ? Colour::green : Colour::red});
  if (!report.accepted) {
    fields.add("reason", report.reason);
    fields.add("why", report.cause);
  }
  if (!report.issuer.empty()) {
    fields.add("issuer", report.issuer);
  }
  for (const auto &[name, claim] :
       {std::pair<const char *, const char *>{"issued", "iat"}, {"not before", "nbf"}, {"expires", "exp"}}) {
    const std::string date = report.has_claims ? date_of(report.claims, claim) : std::string();
    if (!date.empty()) {
      fields.add(name, date);
    }
  }
  if (report.accepted) {
    fields.add("subject", text_of(printable(report.identity.subject)));
    fields.add("scopes", report.grants.empty() ? "(nothing)" : report.grants);
  }
  if (report.store.looked) {
    fields.add("subject in the store", text_of(report.store.subject_state));
    fields.add("denied", report.store.denied ? Cell("yes", Colour::red) : Cell("no"));
  }
  for (const auto &remark : report.remarks) {
    fields.add("remark", printable(remark));
  }
  fields.print(context.out);
  print_part(context, "header", report.has_header, report.verified, report.header);
  print_part(context, "claims", report.has_claims, report.verified, report.claims);
}

std::string words_of(Reason reason) {
  switch (reason) {
    case Reason::revoked_token:
      return "it is on the denylist: by its jti, or with all that its subject had been issued by then";
    case Reason::blocked_subject:
      return "its subject is blocked";
    case Reason::unprovisioned:
      return "its issuer says `subject required`, and the store has no such subject";
    default:
      return {};
  }
}

Outcome judge(Context &context, const std::vector<ConfiguredIssuer> &all, const std::vector<ConfiguredIssuer> &issuers,
              std::string_view token, std::int64_t now_s, bool with_store, Report *report) {
  std::vector<jwt::AcceptedIssuer> accepted;
  for (const auto &issuer : issuers) {
    const bool fetched = issuer.from == KeysFrom::jwks_uri;
    accepted.push_back(
        {&issuer.rules, issuer.keys.get(), fetched ? std::string_view(issuer.where) : std::string_view()});
  }
  jwt::Verdict verdict = jwt::verify_token(accepted, token, now_s);
  report->has_header = read_part(token, 0, &report->header);
  report->has_claims = read_part(token, 1, &report->claims);
  report->verified = verdict.issuer != jwt::kNoIssuer;
  report->accepted = verdict.outcome == jwt::Outcome::accepted;
  // What requests are told: keys that aren't there are no fault of the token's.
  const bool waits = verdict.outcome == jwt::Outcome::unknown_key;
  report->reason = report->accepted ? "" : to_text(waits ? jwt::Outcome::keys_unavailable : verdict.outcome);
  report->cause = report->accepted ? "" : to_text(verdict.cause);
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
  const VerifiedToken verified = verified_token(place, own.rules, {}, std::move(verdict));
  Principal principal;
  Reason reason = Reason::none;
  if (with_store && is_store_wanted(context)) {
    if (auto outcome = ask_store(context, own, reach, verified, now_s, &report->store, &reason, &principal);
        !outcome.ok()) {
      return outcome;
    }
  } else {
    build_token_principal(nullptr, verified, own.rules, reach, Policy(), now_s, &principal);
    report->remarks.push_back("no store was asked whether its subject is blocked or it is on the denylist");
  }
  report->grants = principal.grants.is_all() ? "*" : principal.grants.text();
  report->accepted = reason == Reason::none;
  report->reason = report->accepted ? std::string() : std::string(info(reason).name);
  report->cause = words_of(reason);
  return done();
}

Outcome inspect(Context &context, const Options &options) {
  std::int64_t now_s = context.now_s;
  if (options.at.given && !parse_time(options.at.value, &now_s)) {
    return wrong_usage("--at: " + quote(options.at.value) + " is no time; write 2027-01-31T12:00:00Z");
  }
  Report report;
  std::vector<ConfiguredIssuer> all, issuers;
  if (auto outcome = read_rules(options, &all, &issuers, &report.remarks); !outcome.ok()) {
    return outcome;
  }
  Secret token;
  const bool fits = read_secret_line("Token: ", jwt::kMaxTokenBytes, &token);
  if (token.empty() && fits) {
    return wrong_usage("no token on standard input; write for example `keyward token inspect ... < FILE`");
  }
  if (!fits) {
    report.reason = to_text(jwt::Outcome::invalid_token);
    report.cause = to_text(jwt::Cause::too_long);
  } else if (auto outcome = judge(context, all, issuers, token.view(), now_s, !options.no_store, &report);
             !outcome.ok()) {
    return outcome;
  }
  if (context.json) {
    print_json(context, report);
  } else {
    print_text(context, report);
  }
  return report.accepted ? done() : Outcome{kNo, {}, {}};
}

}  // namespace

void add_token_inspect(CommandLine &line) {
  auto options = std::make_shared<Options>();
  line.command("token inspect", "say why a token on standard input is accepted or refused",
               "One line: the token. It is judged by nginx's configuration (--conf: what `nginx -T` prints, in a "
               "file), or by "
               "keys and\n"
               "rules that are given here, with the code that requests use. Header and claims are shown, the signature "
               "never. "
               "Where\n"
               "there is a store it is asked about the subject and the denylist. Nothing is fetched. Exit status 0 is "
               "accepted, "
               "1 refused.",
               "keyward token inspect --conf dump.txt --keys auth=jwks.json < token.txt")
      .option("--conf", "FILE", &options->conf, "the keyward_issuer blocks of this file, which `nginx -T` printed")
      .list("--accept", "NAME", &options->accept, "only these issuers, in this order; repeatable")
      .list("--keys", "NAME=FILE", &options->keys, "the key set of an issuer with jwks_uri, saved; repeatable")
      .option("--jwks", "FILE", &options->jwks, "without --conf: a JWK set")
      .option("--public-key", "FILE", &options->public_key, "or one PEM key")
      .option("--secret", "FILE", &options->secret, "or the secret of HS256, HS384 and HS512")
      .option("--name", "NAME", &options->name, "the keyward_issuer's name, which the denylist goes by")
      .option("--issuer", "ISS", &options->issuer, "what iss has to be")
      .list("--audience", "AUD", &options->audience, "what aud has to have one of; repeatable")
      .list("--algorithm", "ALG", &options->algorithms, "allowed ones; repeatable")
      .option("--type", "TYP", &options->type, "what typ has to be")
      .list("--require", "CLAIM VALUE...", &options->require, "a claim that has to be one of these; repeatable")
      .option("--leeway", "TIME", &options->leeway, "how far clocks may differ; 30s")
      .option("--max-lifetime", "TIME", &options->max_lifetime, "how long it may live")
      .flag("--no-exp", &options->no_expiry, "exp may be missing")
      .list("--scope-claim", "CLAIM", &options->scope_claim, "where its scopes are; repeatable")
      .option("--subject", "claim=C prefix=P", &options->subject, "as `subject` in the block")
      .option("--at", "TIME", &options->at, "judge as of 2027-01-31T12:00:00Z instead of now")
      .flag("--no-store", &options->no_store, "ask no store")
      .action([options](Context &context) { return inspect(context, *options); });
}

}  // namespace keyward::cli
