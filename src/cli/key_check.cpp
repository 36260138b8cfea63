// keyward key check: whether a key on standard input would be let in, by the store and by nginx's configuration.
#include <sys/stat.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "auth/plan_terms.hpp"
#include "auth/principal.hpp"
#include "auth/reason.hpp"
#include "base/bytes.hpp"
#include "base/networks.hpp"
#include "base/quote.hpp"
#include "cli/balance.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "cli/listed_issuers.hpp"
#include "cli/nginx_walk.hpp"
#include "cli/policy_config.hpp"
#include "cli/secret.hpp"
#include "decide/alone.hpp"
#include "key/needed_formats.hpp"

namespace keyward::cli {
namespace {

constexpr std::size_t kLongestKey = 65536;  // keyward_max_credential may say so

constexpr const char *kDamaged =
    "the key's record, its subject's or its plan's is damaged; `keyward store check` names it";

struct Options {
  Text conf, address;
};

// By what it is judged.
struct CheckRules {
  bool has_configuration = false, has_address = false;
  std::string address;  // the client's, base/networks.hpp
  ConfiguredPolicy configured;
  std::vector<std::string> remarks;
};

struct CheckResult {
  Reason reason = Reason::invalid_key;
  KeyRecord key;  // id empty: nothing is said about any key
  Principal principal;
  std::vector<std::string> remarks;
};

bool is_same_folder(const std::string &one, const std::string &other) {
  struct stat a = {}, b = {};
  return one == other ||
         (stat(one.c_str(), &a) == 0 && stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

// The one form that only this key has: for asking whose it is, whatever nginx takes.
class FormOf {
 public:
  explicit FormOf(std::string_view key) {
    KeyFormat form;
    form.alphabet = Alphabet::any;
    form.random_length = key.size();
    formats_ = KeyFormats(std::move(form));
  }
  const KeyFormats &formats() const noexcept { return formats_; }

 private:
  KeyFormats formats_;
};

// A plan that is named and nowhere: whose word that is.
void note_missing_plan(CredentialReader &reader, const CheckRules &by, CheckResult *result) {
  Plan plan;
  bool missing = false;
  if (resolve_plan(&reader, result->principal.plan, by.configured.policy, &plan, &missing) != StoreCode::ok ||
      !missing) {
    return;
  }
  const auto name = quote(result->principal.plan);
  result->remarks.push_back(by.has_configuration
                                ? "neither the configuration nor the store has the plan " + name
                                : "plan " + name +
                                      " is not in the store; if nginx's configuration has it, nginx accepts the key: "
                                      "give that by --conf FILE, with what `nginx -T` prints");
}

// What the store has about the key that was recognised.
Outcome describe(CredentialReader &reader, std::string_view id, const CheckRules &by, CheckResult *result) {
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return from_store(snapshot.status());
  }
  CredentialReader::FoundKey found;
  const auto code = reader.find_key_by_id(id, &found);
  if (code == StoreCode::not_found) {
    return done();  // gone meanwhile
  }
  if (code != StoreCode::ok ||
      build_key_principal(reader, found, by.configured.policy, &result->principal) == Built::damaged) {
    return store_failed(kDamaged);
  }
  result->key = to_record(found.id, found.key);
  if (result->reason == Reason::no_access) {
    note_missing_plan(reader, by, result);
  }
  if (result->reason == Reason::address_not_allowed && !by.has_address) {
    result->remarks.emplace_back("from where it comes isn't known; give the client's address by --address");
  }
  return done();
}

// Whose key it is and what requests are told, whatever its form.
Outcome decide_about(CredentialReader &reader, std::string_view key, std::int64_t now_s, const CheckRules &by,
                     CheckResult *result) {
  const FormOf form(key);
  const ListedIssuers issuers;
  Accepted accepted;
  accepted.key = true;
  LoneDecision decision({by.configured.policy, form.formats(), issuers, issuers.accepted()}, &reader);
  const auto answer = decision.ask(key, accepted, now_s, by.address);
  if (decision.verifier_failed()) {
    return store_failed("the key's verifier could not run: memory is exhausted");
  }
  if (answer.reason == Reason::store_error) {
    return decision.store_trouble().ok() ? store_failed(kDamaged) : from_store(decision.store_trouble());
  }
  result->reason = answer.reason;
  return answer.reason == Reason::invalid_key ? done() : describe(reader, answer.recognised_key_id(), by, result);
}

// nginx looks at a key's form before it asks the store.
void note_form(std::string_view key, const CheckRules &by, CheckResult *result) {
  const KeyFormats &formats = by.configured.formats;
  const IssuerList issuers(by.configured.has_issuer ? 1 : 0);
  Accepted accepted;
  accepted.key = true;
  if (classify(key, {&formats, &issuers, true}, accepted).kind == Kind::token) {
    result->reason = Reason::invalid_token;
    result->remarks.emplace_back(
        "it has the form of a token, and the configuration has a keyward_issuer: nginx takes it for a token");
    return;
  }
  const std::string why = formats.why_not(key);
  if (why.empty()) {
    return;
  }
  const std::string missing = missing_format(formats, key);
  const std::string advice = missing.empty() ? "" : "; write \"keyward_key_format " + missing + ";\" in http";
  if (by.has_configuration) {
    result->reason = Reason::invalid_key;
    result->remarks.push_back(
        "it fits no keyward_key_format of the configuration, so that nginx refuses it without a "
        "look-up: " +
        why + advice);
  } else if (!result->key.id.empty()) {
    result->remarks.push_back("it doesn't fit nginx's default key format, with the prefix " +
                              quote(default_key_format().prefix) +
                              ": nginx refuses it unless its configuration has a " + "keyward_key_format for it" +
                              (missing.empty() ? "" : ", such as " + quote(missing)) + "; give that by --conf FILE");
  }
}

Outcome read_rules(const Context &context, const Options &options, CheckRules *by) {
  by->configured.formats = KeyFormats(default_key_format());
  by->has_address = options.address.given;
  if (options.address.given && !parse_address(options.address.value, &by->address)) {
    return wrong_usage("--address: " + quote(options.address.value) +
                       " is not an address; write one such as 192.0.2.7 or 2001:db8::7");
  }
  if (!options.conf.given) {
    return done();
  }
  by->has_configuration = true;
  by->configured.formats = KeyFormats();
  std::string text;
  auto outcome = read_configuration_file(options.conf.value, "key", &text);
  outcome = outcome.ok() ? read_policy(text, &by->configured, &by->remarks) : outcome;
  const auto &store = by->configured.store;
  if (store.empty()) {
    by->remarks.emplace_back("the configuration has no keyward_store: nginx accepts no keys with it");
  } else if (store.front() == '/' && !is_same_folder(store, context.store)) {
    by->remarks.push_back("the configuration has keyward_store " + quote(store) + ", and the store that was asked is " +
                          quote(context.store));
  }
  return outcome;
}

std::string remark_of(const CheckResult &result) {
  std::string text;
  for (const auto &remark : result.remarks) {
    text += (text.empty() ? "" : "; ") + remark;
  }
  return text;
}

// What its requests have to spend.
Balance balance_of(const Context &context, const CheckResult &result) {
  if (!result.principal.credits) {
    return {};
  }
  Usage usage(context);
  return balance_of(context, usage, result.key, result.principal.credits.get());
}

void print_json(Context &context, const CheckResult &result, bool has_configuration) {
  auto writer = context.json_writer();
  writer.begin_object().key("valid").boolean(result.reason == Reason::none);
  put_text(writer, "reason", info(result.reason).name);
  put_text(writer, "id", result.key.id);
  put_text(writer, "name", result.key.name);
  put_text(writer, "subject", result.key.subject);
  put_text(writer, "plan", result.principal.plan);
  put_text(writer, "scopes", result.reason == Reason::none ? result.principal.grants.text() : std::string());
  put_networks(writer, "allow_from", result.key.allow_from);
  put_text(writer, "state", result.key.id.empty() ? std::string_view() : to_text(result.key.state));
  put_time(writer, "expires_at", result.key.expires_at_s);
  Description members(&writer);
  describe(&members, balance_of(context, result));
  put_text(writer, "remark", remark_of(result));
  writer.key("configuration").boolean(has_configuration).end_object();
  context.print(writer);
}

void print_fields(Context &context, const CheckResult &result) {
  const bool valid = result.reason == Reason::none;
  Fields fields;
  fields.add("valid", {valid ? "yes" : "no", valid ? Colour::green : Colour::red});
  if (!valid) {
    fields.add("reason", std::string(info(result.reason).name));
  }
  if (!result.key.id.empty()) {
    fields.add("id", result.key.id);
    fields.add("name", text_of(result.key.name));
    fields.add("subject", text_of(result.key.subject));
    fields.add("plan", text_of(result.principal.plan));
    if (!result.key.allow_from.empty()) {
      fields.add("allow from", networks_text(result.key.allow_from));
    }
    fields.add("state", state_cell(result.key, context.now_s));
    fields.add("expires", time_text(result.key.expires_at_s));
  }
  if (valid) {
    const auto &grants = result.principal.grants;
    fields.add("scopes", grants.is_all()         ? "* (nothing narrows it)"
                         : grants.text().empty() ? "(nothing)"
                                                 : grants.text());
  }
  if (const Balance balance = balance_of(context, result); balance.known) {
    Description lines(&fields);
    describe(&lines, balance);
  }
  for (const auto &remark : result.remarks) {
    fields.add("remark", remark);
  }
  fields.print(context.out);
}

Outcome check(Context &context, const CheckRules &by) {
  Secret key;
  const bool fits = read_secret_line("Key: ", kLongestKey, &key);
  if (key.empty() && fits) {
    return wrong_usage("no key on standard input; write for example `keyward key check < FILE`");
  }
  CredentialReader reader;
  if (const auto status = reader.open(context.store); !status.ok()) {
    return from_store(status);
  }
  CheckResult result;
  result.remarks = by.remarks;
  if (fits) {
    if (auto outcome = decide_about(reader, key.view(), context.now_s, by, &result); !outcome.ok()) {
      return outcome;
    }
  }
  note_form(key.view(), by, &result);
  if (context.json) {
    print_json(context, result, by.has_configuration);
  } else {
    print_fields(context, result);
  }
  return result.reason == Reason::none ? done() : no({});
}

}  // namespace

void add_key_check(CommandLine &line) {
  auto options = std::make_shared<Options>();
  auto by = std::make_shared<CheckRules>();
  line.command(
          "key check", "say whether a key on standard input would be let in",
          "One line: the key. It is never an argument, as others can see those. The answer is on standard output also "
          "where it\n"
          "is no; then the exit status is 1. Plans, implied scopes and key formats of nginx's configuration count with "
          "--conf; a\n"
          "remark says what isn't known without it.",
          "keyward key check < key.txt")
      .option("--conf", "FILE", &options->conf, "nginx's configuration too: a file with what `nginx -T` printed")
      .option("--address", "ADDRESS", &options->address, "the client's: a key with allow_from isn't valid without it")
      .prepare([options, by](Context &context) { return read_rules(context, *options, by.get()); })
      .action([by](Context &context) { return check(context, *by); });
}

}  // namespace keyward::cli
