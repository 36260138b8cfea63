// keyward key check: whether a key on standard input would be let in, by the store and by nginx's configuration.
#include <sys/stat.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "auth/plan_terms.hpp"
#include "auth/principal.hpp"
#include "auth/reason.hpp"
#include "base/digest.hpp"
#include "base/quote.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "cli/nginx_walk.hpp"
#include "cli/policy_config.hpp"
#include "cli/secret.hpp"
#include "key/verifier.hpp"
#include "keys/key_state.hpp"

namespace keyward::cli {
namespace {

constexpr std::size_t kMaxKeyBytes = 8192;  // as a request's credential

struct Options {
  Text conf;
};

// By what it is judged.
struct Judge {
  bool has_configuration = false;
  ConfiguredPolicy configured;
  std::vector<std::string> remarks;
};

struct Verdict {
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

// What may be this key's record: copies, as bcrypt runs outside the snapshot.
Outcome find_candidates(CredentialReader &reader, std::string_view key, const Sha256 &sha,
                        std::vector<KeyRecord> *candidates) {
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return from_store(snapshot.status());
  }
  CredentialReader::FoundKey found;
  const auto code = reader.find_key(locator_of(sha), &found);
  if (code == StoreCode::ok) {
    candidates->push_back(to_record(found.id, found.key));
    return done();
  }
  if (code != StoreCode::not_found) {
    return store_failed("the key's record is damaged; `keyward store check` names it");
  }
  const auto lengths = reader.legacy_prefix_lengths();
  for (std::size_t length = 1; length < 64 && length < key.size(); ++length) {
    if ((lengths >> length & 1U) == 0) {
      continue;
    }
    const auto walked =
        reader.for_each_candidate(key.substr(0, length), [&](const CredentialReader::FoundKey &candidate) {
          candidates->push_back(to_record(candidate.id, candidate.key));
          return true;
        });
    if (walked != StoreCode::ok && walked != StoreCode::not_found) {
      return store_failed("a record under this key's prefix is damaged; `keyward store check` names it");
    }
  }
  return done();
}

Match matches(const KeyRecord &record, std::string_view key, const Sha256 &sha) {
  if (record.verifier_kind == VerifierKind::sha256) {
    return record.verifier.size() == sha.size() && equal_constant_time(record.verifier.data(), sha.data(), sha.size())
               ? Match::yes
               : Match::no;
  }
  return bcrypt_matches(key, record.verifier);
}

Reason state_reason(const KeyRecord &key, std::int64_t now_s) {
  switch (key.state) {
    case KeyState::revoked:
      return Reason::revoked_key;
    case KeyState::suspended:
      return Reason::suspended_key;
    case KeyState::pending:
      return Reason::pending_key;
    case KeyState::active:
      break;
  }
  return keys::is_expired(key, now_s) ? Reason::expired_key : Reason::none;
}

// A plan that is named and nowhere: whose word that is.
void note_missing_plan(CredentialReader &reader, const Judge &by, Verdict *verdict) {
  Plan plan;
  bool missing = false;
  if (resolve_plan(&reader, verdict->principal.plan, by.configured.policy, &plan, &missing) != StoreCode::ok ||
      !missing) {
    return;
  }
  const auto name = quote(verdict->principal.plan);
  verdict->remarks.push_back(by.has_configuration
                                 ? "neither the configuration nor the store has the plan " + name
                                 : "plan " + name +
                                       " is not in the store; nginx's configuration may have it, and then nginx lets "
                                       "the key in: --conf FILE, with what `nginx -T` prints, tells");
}

// The record as it is now, after the verifier's time.
Outcome judge(CredentialReader &reader, const KeyRecord &verified, std::int64_t now_s, const Judge &by,
              Verdict *verdict) {
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return from_store(snapshot.status());
  }
  CredentialReader::FoundKey found;
  const auto code = reader.find_key_by_id(verified.id, &found);
  if (code == StoreCode::not_found || (code == StoreCode::ok && found.key.verifier != verified.verifier)) {
    return done();  // gone meanwhile: invalid_key
  }
  const auto built = code == StoreCode::ok
                         ? build_key_principal(reader, found, by.configured.policy, &verdict->principal)
                         : Built::damaged;
  if (built == Built::damaged) {
    return store_failed("the key's record, its subject's or its plan's is damaged; `keyward store check` names it");
  }
  verdict->key = to_record(found.id, found.key);
  verdict->reason = state_reason(verdict->key, now_s);
  if (verdict->reason != Reason::none) {
    return done();
  }
  if (built == Built::blocked_subject) {
    verdict->reason = Reason::blocked_subject;
  } else if (verdict->principal.no_access) {
    verdict->reason = Reason::no_access;
    note_missing_plan(reader, by, verdict);
  }
  return done();
}

// nginx looks at a key's form before it asks the store.
void judge_form(std::string_view key, const Judge &by, Verdict *verdict) {
  const auto match = find_format(by.configured.formats, key);
  if (match.has_frame && match.format->has_characters(key)) {
    return;
  }
  if (by.has_configuration) {
    verdict->reason = Reason::invalid_key;
    verdict->remarks.push_back(
        match.format != nullptr ? "it begins as keys of keyward_key_format " + quote(match.format->prefix) +
                                      " do, and isn't of that form: nginx refuses it without asking the store"
                                : std::string("no keyward_key_format of the configuration admits it: nginx refuses it "
                                              "without asking the store"));
  } else if (!verdict->key.id.empty()) {
    verdict->remarks.push_back(
        "it isn't of the form that nginx takes by default, " + quote(default_key_format().prefix) +
        " and so on: nginx refuses it, unless its configuration has a keyward_key_format for it; --conf FILE tells");
  }
}

Outcome read_judge(const Context &context, const Options &options, Judge *by) {
  by->configured.formats.push_back(default_key_format());
  if (!options.conf.given) {
    return done();
  }
  by->has_configuration = true;
  by->configured.formats.clear();
  std::string text;
  auto outcome = read_configuration_file(options.conf.value, "key", &text);
  outcome = outcome.ok() ? read_policy(text, &by->configured, &by->remarks) : outcome;
  const auto &store = by->configured.store;
  if (store.empty()) {
    by->remarks.emplace_back("the configuration has no keyward_store: nginx accepts no keys by it");
  } else if (store.front() == '/' && !is_same_folder(store, context.store)) {
    by->remarks.push_back("the configuration has keyward_store " + quote(store) + ", and the store that was asked is " +
                          quote(context.store));
  }
  return outcome;
}

std::string remark_of(const Verdict &verdict) {
  std::string text;
  for (const auto &remark : verdict.remarks) {
    text += (text.empty() ? "" : "; ") + remark;
  }
  return text;
}

void print_json(Context &context, const Verdict &verdict, bool has_configuration) {
  auto writer = context.json_writer();
  writer.begin_object().key("valid").boolean(verdict.reason == Reason::none);
  put_text(writer, "reason", info(verdict.reason).name);
  put_text(writer, "id", verdict.key.id);
  put_text(writer, "name", verdict.key.name);
  put_text(writer, "subject", verdict.key.subject);
  put_text(writer, "plan", verdict.principal.plan);
  put_text(writer, "scopes", verdict.reason == Reason::none ? verdict.principal.grants.text() : std::string());
  put_text(writer, "state", verdict.key.id.empty() ? std::string_view() : to_text(verdict.key.state));
  put_time(writer, "expires_at", verdict.key.expires_at_s);
  put_text(writer, "remark", remark_of(verdict));
  writer.key("configuration").boolean(has_configuration).end_object();
  context.print(writer);
}

void print_fields(Context &context, const Verdict &verdict) {
  const bool valid = verdict.reason == Reason::none;
  Fields fields;
  fields.add("valid", {valid ? "yes" : "no", valid ? Colour::green : Colour::red});
  if (!valid) {
    fields.add("reason", std::string(info(verdict.reason).name));
  }
  if (!verdict.key.id.empty()) {
    fields.add("id", verdict.key.id);
    fields.add("name", text_of(verdict.key.name));
    fields.add("subject", text_of(verdict.key.subject));
    fields.add("plan", text_of(verdict.principal.plan));
    fields.add("state", state_cell(verdict.key, context.now_s));
    fields.add("expires", time_text(verdict.key.expires_at_s));
  }
  if (valid) {
    const auto &grants = verdict.principal.grants;
    fields.add("scopes", grants.is_all()         ? "* (nothing narrows it)"
                         : grants.text().empty() ? "(nothing)"
                                                 : grants.text());
  }
  for (const auto &remark : verdict.remarks) {
    fields.add("remark", remark);
  }
  fields.print(context.out);
}

Outcome check(Context &context, const Judge &by) {
  Secret key;
  const bool fits = read_secret_line("Key: ", kMaxKeyBytes, &key);
  if (key.empty() && fits) {
    return wrong_usage("no key on standard input; write for example `keyward key check < FILE`");
  }
  CredentialReader reader;
  if (const auto status = reader.open(context.store); !status.ok()) {
    return from_store(status);
  }
  Verdict verdict;
  verdict.remarks = by.remarks;
  std::vector<KeyRecord> candidates;
  const auto sha = sha256(key.view());
  if (fits) {
    if (auto outcome = find_candidates(reader, key.view(), sha, &candidates); !outcome.ok()) {
      return outcome;
    }
  }
  for (const auto &candidate : candidates) {
    const auto match = matches(candidate, key.view(), sha);
    if (match == Match::failed) {
      return store_failed("bcrypt could not run: memory is exhausted");
    }
    if (match == Match::yes) {
      if (auto outcome = judge(reader, candidate, context.now_s, by, &verdict); !outcome.ok()) {
        return outcome;
      }
      break;
    }
  }
  judge_form(key.view(), by, &verdict);
  if (context.json) {
    print_json(context, verdict, by.has_configuration);
  } else {
    print_fields(context, verdict);
  }
  return verdict.reason == Reason::none ? done() : no({});
}

}  // namespace

void add_key_check(CommandLine &line) {
  auto options = std::make_shared<Options>();
  auto by = std::make_shared<Judge>();
  line.command(
          "key check", "say whether a key on standard input would be let in",
          "One line: the key. It is never an argument, as others can see those. The answer is on standard output also "
          "where it\n"
          "is no; then the exit status is 1. Plans, implied scopes and key formats of nginx's configuration count with "
          "--conf; a\n"
          "remark says what isn't known without it.",
          "keyward key check < key.txt")
      .option("--conf", "FILE", &options->conf, "nginx's configuration too: a file with what `nginx -T` printed")
      .prepare([options, by](Context &context) { return read_judge(context, *options, by.get()); })
      .action([by](Context &context) { return check(context, *by); });
}

}  // namespace keyward::cli
