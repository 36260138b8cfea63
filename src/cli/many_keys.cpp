// Ids, batches, and what is told of those that could not be changed.
#include "cli/many_keys.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "base/quote.hpp"
#include "cli/arguments.hpp"
#include "cli/author.hpp"
#include "cli/known_names.hpp"
#include "cli/line_source.hpp"
#include "key/key_format.hpp"

namespace keyward::cli {
namespace {

constexpr std::size_t kBatchKeys = 5000;  // in one transaction
constexpr std::size_t kMaxLineBytes = 4096;

struct Wanted {
  std::string id;
  std::size_t line = 0;  // 0: an argument
};

// Ids by line, each once. A line that can't be an id is bad; the others count all the same.
Outcome read_ids(const char *nothing, std::vector<Wanted> *wanted, std::vector<BadLine> *bad) {
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
  return source.error() == 0 ? done()
                             : store_failed(std::string("standard input can't be read to its end; ") + nothing);
}

std::vector<Wanted> arguments_of(const KeyIds &ids) {
  std::vector<Wanted> wanted;
  std::set<std::string_view> seen;
  for (const auto &id : ids.ids.values) {
    if (seen.insert(id).second) {
      wanted.push_back({id, 0});
    }
  }
  return wanted;
}

// The keys of a subject that aren't revoked, and that weren't found before. Damaged ones are among them: what changes
// them says so.
Outcome find_living(CredentialReader &reader, const std::string &subject, std::set<std::string> *found,
                    std::vector<Wanted> *wanted) {
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return from_store(snapshot.status());
  }
  bool has_key = false;
  const auto want = [&](std::string_view id) {
    if (const auto [one, is_new] = found->emplace(id); is_new) {
      wanted->push_back({*one, 0});
    }
  };
  const auto visit = [&](const CredentialReader::FoundKey &key) {
    has_key = true;
    if (key.key.state != KeyState::revoked) {
      want(key.id);
    }
    return true;
  };
  const auto code = reader.for_each_key_of(subject, visit, want);
  if (code != StoreCode::ok && code != StoreCode::not_found && code != StoreCode::damaged) {
    return store_failed("the keys could not be read");
  }
  SubjectView record;
  const bool is_known =
      has_key || code == StoreCode::damaged || reader.find_subject(subject, &record) != StoreCode::not_found;
  return is_known ? done() : no("there is no subject " + quote(subject) + ": neither a record nor a key has it");
}

// One transaction's worth.
Outcome change_batch(CredentialWriter &writer, const Wanted *begin, const Wanted *end, KeyChanges *changes,
                     std::vector<BadLine> *bad, bool *damaged) {
  const auto results_before = changes->results();
  const auto bad_before = bad->size();
  return from_answer(keys::in_transaction(writer, author(), kUrgentWaitMs, [&](WriteTxn &txn) -> keys::Answer {
    changes->cut(results_before);
    bad->resize(bad_before);
    for (const auto *wanted = begin; wanted != end; ++wanted) {
      auto answer = changes->change(txn, wanted->id);
      if (answer.ok()) {
        continue;
      }
      const bool is_damage = answer.status.code == StoreCode::damaged;
      auto text = is_damage ? answer.status.text : changes->refusal(answer, wanted->id);
      if (text.empty()) {
        return answer;
      }
      *damaged = *damaged || is_damage;
      bad->push_back({wanted->line, std::move(text)});
    }
    return {};
  }));
}

Outcome change_one(CredentialWriter &writer, const std::string &id, KeyChanges *changes,
                   const std::function<void()> &report) {
  std::string refusal;
  const auto answer = keys::in_transaction(writer, author(), kUrgentWaitMs, [&](WriteTxn &txn) {
    changes->cut(0);
    return changes->change(txn, id);
  });
  if (answer.ok()) {
    report();
    return done();
  }
  if (answer.result == keys::Result::not_found) {
    return no_such_key(id);
  }
  auto text = changes->refusal(answer, id);
  return text.empty() ? from_answer(answer) : no(std::move(text));
}

Outcome change_all(CredentialWriter &writer, const std::vector<Wanted> &wanted, KeyChanges *changes,
                   std::vector<BadLine> *bad, bool *damaged) {
  Outcome outcome;
  for (std::size_t at = 0; outcome.ok() && at < wanted.size(); at += kBatchKeys) {
    const auto count = std::min(kBatchKeys, wanted.size() - at);
    outcome = change_batch(writer, &wanted[at], &wanted[at] + count, changes, bad, damaged);
    if (!outcome.ok()) {
      outcome.error +=
          "; " + std::to_string(at) + " of " + std::to_string(wanted.size()) + " ids were done before that";
    }
  }
  return outcome;
}

// Until a snapshot shows none that is left: others may make keys meanwhile.
Outcome change_keys_of(CredentialWriter &writer, const std::string &subject, KeyChanges *changes,
                       std::vector<BadLine> *bad, bool *damaged) {
  auto outcome = check_subject(subject);
  std::set<std::string> found;
  std::vector<Wanted> wanted;
  do {
    wanted.clear();
    outcome = outcome.ok() ? find_living(writer.reader(), subject, &found, &wanted) : outcome;
    outcome = outcome.ok() ? change_all(writer, wanted, changes, bad, damaged) : outcome;
  } while (outcome.ok() && !wanted.empty());
  if (outcome.status == kNo && found.empty()) {
    outcome.error += did_you_mean(nearest_subject(writer.reader(), subject));
  }
  return outcome;
}

// Of those that were not done.
Outcome told(const KeyIds &ids, const KeyChangeWords &words, std::size_t results, std::vector<BadLine> bad,
             bool damaged) {
  const auto text = counted(results, "key") + (results == 1 ? " is " : " are ") + words.done + "; " +
                    counted(bad.size(), ids.from_stdin ? "line" : "other") + (bad.size() == 1 ? " is" : " are") +
                    " not done";
  auto outcome = damaged ? store_failed(text) : no(text);
  std::stable_sort(bad.begin(), bad.end(), [](const BadLine &a, const BadLine &b) { return a.line < b.line; });
  outcome.bad_line_count = bad.size();
  outcome.bad_lines = std::move(bad);
  return outcome;
}

}  // namespace

void add_key_ids(Command &command, KeyIds *ids) {
  command.arguments("ID", &ids->ids, "the key's id, or several")
      .flag("--stdin", &ids->from_stdin, "many keys: their ids, one in each line of standard input");
}

Outcome change_keys(CredentialWriter &writer, const KeyIds &ids, const KeyChangeWords &words, KeyChanges *changes,
                    const std::function<void()> &report) {
  if (ids.is_one()) {
    return change_one(writer, ids.ids.values.front(), changes, report);
  }
  std::vector<BadLine> bad;
  bool damaged = false;
  Outcome outcome;
  if (ids.subject.given) {
    outcome = change_keys_of(writer, ids.subject.value, changes, &bad, &damaged);
    if (outcome.status == kNo || outcome.status == kUsage) {
      return outcome;  // nobody has this name
    }
  } else {
    auto wanted = arguments_of(ids);
    outcome = ids.from_stdin ? read_ids(words.nothing, &wanted, &bad) : done();
    if (!outcome.ok()) {
      return outcome;
    }
    outcome = change_all(writer, wanted, changes, &bad, &damaged);
  }
  report();
  return !outcome.ok() || bad.empty() ? outcome : told(ids, words, changes->results(), std::move(bad), damaged);
}

}  // namespace keyward::cli
