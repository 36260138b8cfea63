// keyward key revoke: one key, or many whose ids are on standard input.
#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "base/quote.hpp"
#include "cli/author.hpp"
#include "cli/command_line.hpp"
#include "cli/line_source.hpp"
#include "cli/store_readers.hpp"
#include "key/key_format.hpp"
#include "keys/change.hpp"

namespace keyward::cli {
namespace {

constexpr std::size_t kBatchKeys = 5000;  // in one transaction
constexpr std::size_t kMaxLineBytes = 4096;

struct Options {
  Text id;
  bool from_stdin = false;
};

struct Wanted {
  std::string id;
  std::size_t line = 0;
};

using keys::Result;
using keys::Revoked;

void write_members(json::Writer &writer, const Revoked &revoked, std::size_t workers) {
  writer.begin_object().member("id", revoked.id).member("state", to_text(KeyState::revoked));
  writer.key("changed").boolean(revoked.changed).key("also_revoked").begin_array();
  for (const auto &other : revoked.also) {
    writer.string(other);
  }
  writer.end_array().key("workers").number(static_cast<std::int64_t>(workers)).end_object();
}

void print_lines(Context &context, const Revoked &revoked) {
  context.out.line("key " + revoked.id + " is revoked" + (revoked.changed ? "" : " already"));
  for (const auto &other : revoked.also) {
    context.out.line("key " + other + ", which it had replaced, is revoked, too");
  }
}

Outcome revoke(Context &context, const std::string &id) {
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  Revoked revoked;
  const auto answer = keys::in_transaction(writer, author(), kUrgentWaitMs, [&](WriteTxn &txn) {
    return keys::revoke(txn, {}, id, context.now_s, &revoked);
  });
  if (!answer.ok()) {
    return answer.result == Result::not_found ? no_such_key(id) : from_answer(answer);
  }
  const auto workers = warn_without_workers(context, writer.reader(), "the key is");
  if (context.json) {
    auto json = context.json_writer();
    write_members(json, revoked, workers);
    context.print(json);
  } else {
    print_lines(context, revoked);
  }
  return done();
}

// Ids by line, each once. A line that can't be an id is bad; the others count all the same.
Outcome read_ids(std::vector<Wanted> *wanted, std::vector<BadLine> *bad) {
  LineSource source(kMaxLineBytes);
  if (!source.open_standard_input()) {
    return store_failed("standard input can't be read");
  }
  std::set<std::string, std::less<>> seen;
  std::string_view line;
  for (std::size_t number = 1; source.next(&line); ++number) {
    constexpr std::string_view kBlanks = " \t\r";
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    line = line.substr(0, line.find_last_not_of(kBlanks) + 1);
    if (default_key_format().claims(line)) {
      bad->push_back({number, "this looks like a key, not like its id; `keyward key check` tells the id"});
    } else if (source.too_long() || (!line.empty() && !is_id(line))) {
      bad->push_back({number, "this is no id"});
    } else if (!line.empty() && seen.emplace(line).second) {
      wanted->push_back({std::string(line), number});
    }
  }
  return source.error() == 0 ? done() : store_failed("standard input can't be read to its end; nothing is revoked");
}

// One transaction's worth. What can't be revoked holds up nothing else.
Outcome revoke_batch(CredentialWriter &writer, const Wanted *begin, const Wanted *end, std::int64_t now_s,
                     std::vector<Revoked> *revoked, std::vector<BadLine> *bad, bool *damaged) {
  const auto revoked_before = revoked->size();
  const auto bad_before = bad->size();
  return from_answer(keys::in_transaction(writer, author(), kUrgentWaitMs, [&](WriteTxn &txn) -> keys::Answer {
    revoked->resize(revoked_before);
    bad->resize(bad_before);
    for (const auto *wanted = begin; wanted != end; ++wanted) {
      Revoked one;
      auto answer = keys::revoke(txn, {}, wanted->id, now_s, &one);
      if (answer.ok()) {
        revoked->push_back(std::move(one));
      } else if (answer.result == Result::not_found) {
        bad->push_back({wanted->line, no_such_key_text(wanted->id)});
      } else if (answer.status.code == StoreCode::damaged) {
        *damaged = true;
        bad->push_back({wanted->line, answer.status.text});
      } else {
        return answer;
      }
    }
    return {};
  }));
}

void report(Context &context, const std::vector<Revoked> &revoked, std::size_t workers) {
  if (!context.json) {
    for (const auto &one : revoked) {
      print_lines(context, one);
    }
    return;
  }
  auto json = context.json_writer();
  json.begin_array();
  for (const auto &one : revoked) {
    write_members(json, one, workers);
  }
  json.end_array();
  context.print(json);
}

Outcome revoke_many(Context &context) {
  std::vector<Wanted> wanted;
  std::vector<BadLine> bad;
  if (auto outcome = read_ids(&wanted, &bad); !outcome.ok()) {
    return outcome;
  }
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  std::vector<Revoked> revoked;
  bool damaged = false;
  Outcome outcome;
  for (std::size_t at = 0; outcome.ok() && at < wanted.size(); at += kBatchKeys) {
    const auto count = std::min(kBatchKeys, wanted.size() - at);
    outcome = revoke_batch(writer, &wanted[at], &wanted[at] + count, context.now_s, &revoked, &bad, &damaged);
    if (!outcome.ok()) {
      outcome.error +=
          "; " + std::to_string(at) + " of " + std::to_string(wanted.size()) + " ids were done before that";
    }
  }
  const auto workers = revoked.empty() ? workers_of_store(writer.reader())
                                       : warn_without_workers(context, writer.reader(), "these keys are");
  report(context, revoked, workers);
  if (!outcome.ok() || bad.empty()) {
    return outcome;
  }
  const auto text = counted(revoked.size(), "key") + (revoked.size() == 1 ? " is" : " are") + " revoked; " +
                    counted(bad.size(), "line") + (bad.size() == 1 ? " is" : " are") + " not done";
  outcome = damaged ? store_failed(text) : no(text);
  std::sort(bad.begin(), bad.end(), [](const BadLine &a, const BadLine &b) { return a.line < b.line; });
  outcome.bad_line_count = bad.size();
  outcome.bad_lines = std::move(bad);
  return outcome;
}

Outcome run(Context &context, const Options &options) {
  if (options.id.given == options.from_stdin) {
    return wrong_usage("give the key's id, or --stdin and ids on standard input");
  }
  return options.from_stdin ? revoke_many(context) : revoke(context, options.id.value);
}

}  // namespace

void add_key_revoke(CommandLine &line) {
  auto options = std::make_shared<Options>();
  line.command("key revoke", "revoke a key, at once and for good",
               "Every worker refuses it from the moment that this command returns. A key that it had replaced by "
               "rotation ends\n"
               "with it. A key that is revoked already is no error. Waits up to 60 s for another writer.\n"
               "With --stdin all ids that are known are revoked; lines that are wrong are named, "
               "and the\nexit status is 1.",
               "keyward key revoke key_0Bq3dXk2mVYc8sTgL1nRzP")
      .optional_argument("ID", &options->id, "the key's id")
      .flag("--stdin", &options->from_stdin, "many keys: their ids, one in each line of standard input")
      .action([options](Context &context) { return run(context, *options); });
}

}  // namespace keyward::cli
