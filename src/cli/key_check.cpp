// keyward key check: what the store thinks of a key that is read from standard input.
#include <cstddef>
#include <string>
#include <vector>

#include "auth/principal.hpp"
#include "auth/reason.hpp"
#include "base/digest.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "cli/secret.hpp"
#include "key/verifier.hpp"

namespace keyward::cli {
namespace {

constexpr std::size_t kMaxKeyBytes = 8192;  // as a request's credential

struct Verdict {
  Reason reason = Reason::invalid_key;
  KeyRecord key;  // id empty: nothing is said about any key
  Principal principal;
  std::string remark;
};

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
  return is_expired(key, now_s) ? Reason::expired_key : Reason::none;
}

// The record as it is now, after the verifier's time.
Outcome judge(CredentialReader &reader, const KeyRecord &verified, std::int64_t now_s, Verdict *verdict) {
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return from_store(snapshot.status());
  }
  CredentialReader::FoundKey found;
  const auto code = reader.find_key_by_id(verified.id, &found);
  if (code == StoreCode::not_found || (code == StoreCode::ok && found.key.verifier != verified.verifier)) {
    return done();  // gone meanwhile: invalid_key
  }
  const auto built =
      code == StoreCode::ok ? build_key_principal(reader, found, {}, &verdict->principal) : Built::damaged;
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
    PlanView plan;
    if (reader.find_plan(verdict->principal.plan, &plan) == StoreCode::not_found) {
      verdict->remark = "plan " + verdict->principal.plan + " is not in the store; nginx's configuration may have it";
    }
  }
  return done();
}

void print_json(Context &context, const Verdict &verdict) {
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
  put_text(writer, "remark", verdict.remark);
  writer.end_object();
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
  if (!verdict.remark.empty()) {
    fields.add("remark", verdict.remark);
  }
  fields.print(context.out);
}

Outcome check(Context &context) {
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
      if (auto outcome = judge(reader, candidate, context.now_s, &verdict); !outcome.ok()) {
        return outcome;
      }
      break;
    }
  }
  if (context.json) {
    print_json(context, verdict);
  } else {
    print_fields(context, verdict);
  }
  return verdict.reason == Reason::none ? done() : Outcome{kNo, {}, {}};
}

}  // namespace

void add_key_check(CommandLine &line) {
  line.command(
          "key check", "say what the store thinks of a key on standard input",
          "One line: the key. It is never an argument, as others can see those. The answer is on standard output also "
          "where it\n"
          "is no; then the exit status is 1. Plans and implied scopes of nginx's configuration are not known here.",
          "keyward key check < key.txt")
      .action(check);
}

}  // namespace keyward::cli
