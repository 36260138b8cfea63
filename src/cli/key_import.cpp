// keyward key import: JSON lines in.
#include <memory>

#include "base/quote.hpp"
#include "cli/arguments.hpp"
#include "cli/author.hpp"
#include "cli/command_line.hpp"
#include "cli/import_pepper.hpp"
#include "cli/import_reader.hpp"

namespace keyward::cli {
namespace {

constexpr std::uint64_t kDefaultCandidates = 8;
constexpr std::uint64_t kMostCandidates = 64;

struct Options {
  InputFile file, pepper;
  Text from, candidates, verifier;
  TextList formats;
  bool weak = false;
  bool dry_run = false, update = false;
};

struct Request {
  keys::ImportRules rules;
  std::uint64_t candidates = kDefaultCandidates;
  ImportPepper pepper;
  ExportForm form = ExportForm::lines;
};

Outcome read_request(const Options &options, std::int64_t now_s, Request *request) {
  if (options.from.given && !parse_export_form(options.from.value, &request->form)) {
    return wrong_usage("--from " + quote(options.from.value) + ": there are kong, apisix, unkey and csv");
  }
  if (options.candidates.given) {
    if (auto outcome = parse_number("--candidates", options.candidates.value, 1, kMostCandidates, &request->candidates);
        !outcome.ok()) {
      return outcome;
    }
  }
  auto &rules = request->rules;
  std::string error;
  for (const auto &text : options.formats.values) {
    KeyFormat format;
    if (!parse_key_format(text, &format, &error)) {
      return wrong_usage("--format: " + error);
    }
    rules.formats.push_back(std::move(format));
  }
  rules.formats.push_back(default_key_format());
  rules.verifier = rules.formats.front().verifier;
  if (options.verifier.given && !parse_verifier(options.verifier.value, &rules.verifier, &error)) {
    return wrong_usage("--verifier: " + error);
  }
  rules.weak = options.weak;
  rules.update = options.update;
  rules.now_s = now_s;
  return done();
}

using keys::ImportBatch;

std::string text_of(const keys::ImportProblem &problem, const Request &request) {
  const auto as_line = [&](std::uint32_t line) { return unit_of(request.form) + (" " + std::to_string(line)); };
  const auto candidates = request.candidates;
  using Kind = keys::ImportProblem::Kind;
  const std::string revoked = problem.is_revoked ? " (revoked)" : "";
  switch (problem.kind) {
    case Kind::id_twice:
      return "id is the same as in " + as_line(problem.other_line);
    case Kind::key_twice:
      return "its key is the same as in " + as_line(problem.other_line);
    case Kind::id_taken:
      return "id is in the store already" + revoked;
    case Kind::key_taken:
      return "its key is in the store already, as " + std::string(problem.id) + revoked;
    case Kind::hash_twice:
      return std::string(problem.is_bcrypt ? "its bcrypt hash" : "its hash") + " is in the file or the store already";
    case Kind::prefix_full:
      return "its prefix has more than " + std::to_string(candidates) + " keys, " + std::to_string(problem.stored) +
             " of them in the store; --candidates allows more, at one run of a verifier each";
    case Kind::store_damaged:
      return "a record of the store that " + as_line(problem.line) +
             " was compared with is damaged; `keyward store check` names it";
    case Kind::prefix_damaged:
      return "a record with the prefix of " + as_line(problem.line) + " is damaged";
  }
  return {};
}

Outcome check_batch(CredentialReader &reader, const Request &request, ImportBatch *batch, BadLines *bad) {
  std::string last;
  const auto answer = batch->check(reader, request.candidates, [&](const keys::ImportProblem &problem) {
    last = text_of(problem, request);
    bad->add(problem.line, last);
  });
  if (!answer.ok()) {
    // A damaged store is told of as the last problem.
    return answer.status.text.empty() ? store_failed(last) : from_answer(answer);
  }
  if (bad->count() == 0) {
    return done();
  }
  auto outcome = no("nothing was imported: " + counted(bad->count(), std::string("bad ") + unit_of(request.form)));
  outcome.bad_unit = unit_of(request.form);
  outcome.bad_line_count = bad->count();
  outcome.bad_lines = bad->take();
  return outcome;
}

Outcome write_usage(const Context &context, const ImportBatch &batch, const Seal &seal) {
  const auto deltas = batch.usage(seal);
  if (deltas.empty()) {
    return done();
  }
  UsageStore usage;
  auto status = usage.open(context.store, false, 0);
  if (status.ok()) {
    status = usage.add(deltas.data(), deltas.size(), kWaitMs);
  }
  return status.ok() ? done()
                     : store_failed("the keys were imported, but not when they were last used: " + status.text);
}

Outcome crowded(const ImportBatch &batch) {
  BadLines bad;
  for (const auto &one : batch.crowded()) {
    bad.add(one.line, "subject " + quote(one.subject) + " would have " + counted(one.keys, "key") + ", and plan " +
                          quote(one.plan) + " allows " + std::to_string(one.max_keys));
  }
  auto outcome = no("nothing was imported: " + counted(bad.count(), "bad line"));
  outcome.bad_line_count = bad.count();
  outcome.bad_lines = bad.take();
  return outcome;
}

// New keys and changed ones at once. A change that others have made impossible meanwhile names its line.
Outcome write_batch(const Context &context, ImportBatch *batch, const keys::UpdateBatch &updates,
                    CredentialWriter &writer, const Request &request) {
  if (batch->plain_keys() > 0) {
    Progress progress("hashing", batch->plain_keys(), !context.json);
    if (!batch->hash(request.rules.verifier.cost, [&](std::size_t count) { progress.at(count); })) {
      return store_failed("bcrypt could not run: memory is exhausted");
    }
  }
  {
    Progress progress("writing", batch->size(), !context.json);
    keys::UpdateProblem problem;
    const auto answer = keys::in_transaction(writer, author(), kWaitMs, [&](WriteTxn &txn) -> keys::Answer {
      if (StoreStatus status = batch->needs_pepper() ? request.pepper.write(txn, context.store) : StoreStatus();
          !status.ok()) {
        return status;
      }
      auto written = updates.write(txn, request.rules.now_s, &problem);
      return written.ok() && batch->size() > 0
                 ? batch->write(txn, request.candidates, [&](std::size_t count) { progress.at(count); })
                 : written;
    });
    if (problem.kind != keys::UpdateProblem::Kind::none) {
      auto outcome = no("nothing was imported: 1 bad line");
      outcome.bad_line_count = 1;
      outcome.bad_lines = {{problem.line, update_text(problem)}};
      return outcome;
    }
    if (answer.result == keys::Result::too_many_keys) {
      return crowded(*batch);
    }
    if (!answer.ok()) {
      return from_answer(answer);
    }
  }
  return write_usage(context, *batch, writer.reader().seal());
}

// nginx refuses a key by its form before it asks the store.
std::string sentence_about(const NeededFormats &needed) {
  std::string text;
  if (const auto formats = needed.words(); !formats.empty()) {
    text = "For these keys nginx needs in its http block:";
    for (const auto &words : formats) {
      text += " keyward_key_format " + words + ';';
    }
  }
  if (needed.unseen() != 0) {
    text += (text.empty() ? "" : " ") + counted(needed.unseen(), "key") +
            " came as hashes, of which nobody can tell the form: nginx lets them in only by a keyward_key_format for "
            "it; \"keyward_key_format any;\" takes all of 16 to 200 characters";
  }
  return text;
}

void put_formats(json::Writer &writer, const NeededFormats &needed) {
  writer.key("key_formats").begin_array();
  for (const auto &words : needed.words()) {
    writer.string(words);
  }
  writer.end_array().key("unknown_formats").number(static_cast<std::int64_t>(needed.unseen()));
}

void report(Context &context, const ImportBatch &batch, const keys::UpdateBatch *updates, bool dry_run,
            const std::vector<std::string> &warnings) {
  if (!context.json) {
    context.out.line(counted(batch.size(), "key") + (dry_run ? " would be imported" : " imported") +
                     (updates == nullptr ? std::string()
                                         : ", " + std::to_string(updates->size()) + " changed, " +
                                               std::to_string(updates->unchanged()) + " as they were"));
    if (const auto sentence = sentence_about(batch.needed_formats()); !sentence.empty()) {
      context.out.flush();  // the note is the last line
      context.note(sentence);
    }
    return;
  }
  auto writer = context.json_writer();
  writer.begin_object().key("imported").number(dry_run ? 0 : static_cast<std::int64_t>(batch.size()));
  if (dry_run) {
    writer.key("would_import").number(static_cast<std::int64_t>(batch.size()));
  }
  if (updates != nullptr) {
    writer.key(dry_run ? "would_change" : "changed").number(static_cast<std::int64_t>(updates->size()));
    writer.key("unchanged").number(static_cast<std::int64_t>(updates->unchanged()));
  }
  writer.key("warnings").begin_array();
  for (const auto &warning : warnings) {
    writer.string(warning);
  }
  writer.end_array();
  put_formats(writer, batch.needed_formats());
  writer.end_object();
  context.print(writer);
}

Outcome import_keys(Context &context, const Options &options) {
  Request request;
  if (auto outcome = read_request(options, context.now_s, &request); !outcome.ok()) {
    return outcome;
  }
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  if (auto outcome = request.pepper.read(options.pepper, writer.reader(), context.store); !outcome.ok()) {
    return outcome;
  }
  request.rules.pepper = request.pepper.view();
  ImportBatch batch(context.now_s);
  BadLines bad;
  std::vector<std::string> warnings;
  keys::UpdateBatch updates;
  ImportReader reader(request.rules, &batch, &bad);
  if (options.update) {
    reader.update(&writer.reader(), &updates);
  }
  if (auto outcome = request.form == ExportForm::lines ? reader.read(options.file, !context.json)
                                                       : reader.read_export(options.file, request.form, &warnings);
      !outcome.ok()) {
    return outcome;
  }
  if (auto outcome = check_batch(writer.reader(), request, &batch, &bad); !outcome.ok()) {
    return outcome;
  }
  if (options.pepper.given && !batch.needs_pepper()) {
    warnings.emplace_back("no line has hmac_sha256, so the pepper isn't kept");
  }
  for (const auto &note : warnings) {
    context.warn(note);
  }
  auto plans = batch.plans();
  plans.insert(updates.plans().begin(), updates.plans().end());
  if (auto outcome = check_plans(context, writer.reader(), plans, context.json ? &warnings : nullptr); !outcome.ok()) {
    return outcome;
  }
  if (!options.dry_run && batch.size() + updates.size() > 0) {
    if (auto outcome = write_batch(context, &batch, updates, writer, request); !outcome.ok()) {
      return outcome;
    }
  }
  report(context, batch, options.update ? &updates : nullptr, options.dry_run, warnings);
  return done();
}

}  // namespace

void add_key_import(CommandLine &line) {
  auto options = std::make_shared<Options>();
  line.command("key import", "take over keys from another system: JSON lines",
               "One object in each line: {\"id\"?, \"name\"?, \"subject\"?, \"plan\"?, \"scopes\"?, \"limits\"?, "
               "\"created_at\"?, \"expires_at\"?,\n"
               "\"last_used_at\"?, \"preview\"?, \"state\"?, \"concurrency\"?, \"allow_from\"?, \"meta\"?} and exactly "
               "one of "
               "{\"sha256\",\"bcrypt\"}, {\"sha256\"},\n"
               "{\"bcrypt\",\"prefix\"}, {\"key\"}, {\"hash\",\"sha256\"|\"sha512\"|\"hmac_sha256\"|\"prefix\"}, "
               "{\"sha512\"}, {\"hmac_sha256\"}.\n"
               "Digests are of the whole key, in hexadecimal or base64. All lines are checked first; either all are "
               "imported or none.",
               "keyward key import old-keys.jsonl --dry-run")
      .input("FILE", &options->file, "a file, or - for standard input")
      .option("--from", "kong|apisix|unkey|csv", &options->from,
              "the file is another system's export; see docs/migrate")
      .option("--candidates", "N", &options->candidates,
              "keys that may share a prefix, 1 to 64 (default 8): each costs a run of its verifier")
      .input_option("--pepper-file", "F", &options->pepper, "the secret of hmac_sha256, which the store keeps")
      .list("--format", "FORMAT", &options->formats, "what plain keys look like, as for key create; repeatable")
      .option("--verifier", "bcrypt[:COST]|sha256", &options->verifier,
              "how plain keys are stored (default: the first format's)")
      .flag("--weak", &options->weak, "accept plain keys of less than 128 random bits")
      .flag("--update", &options->update,
            "a line whose id the store has changes that key: what it doesn't name stays, null clears")
      .flag("--dry-run", &options->dry_run, "check everything and write nothing")
      .action([options](Context &context) { return import_keys(context, *options); });
}

}  // namespace keyward::cli
