// keyward audit: what the store's journal says.
#include <algorithm>
#include <deque>
#include <memory>

#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/arguments.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "keys/entry_json.hpp"
#include "store/environment/layout.hpp"

namespace keyward::cli {
namespace {

constexpr std::size_t kPageEntries = 1000;
constexpr std::uint64_t kMostEntries = 1000000;

struct Options {
  Text key, subject, since, limit;
};

struct Request {
  JournalQuery query;
  std::uint64_t limit = 0;  // 0: all
};

// A time ago, or a date.
Outcome read_since(const Text &since, std::int64_t now_s, std::int64_t *since_s) {
  std::int64_t ago_s = 0;
  const auto &text = since.value;
  const bool bare = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (!since.given || parse_time(text, since_s)) {
    return done();
  }
  if (bare || !parse_duration(text, &ago_s)) {
    return wrong_usage("--since: " + quote(text) +
                       " is neither a time ago, such as 7d, nor a date, such as 2026-01-31");
  }
  *since_s = std::max<std::int64_t>(now_s - ago_s, 0);
  return done();
}

Outcome read_request(const Options &options, std::int64_t now_s, Request *request) {
  if (options.key.given && !is_id(options.key.value)) {
    return wrong_usage("--key needs a key's id; `keyward key list` shows them");
  }
  if (options.subject.given && !is_subject(options.subject.value)) {
    return wrong_usage("--subject needs a subject's name");
  }
  if (options.limit.given) {
    if (auto outcome = parse_number("--limit", options.limit.value, 1, kMostEntries, &request->limit); !outcome.ok()) {
      return outcome;
    }
  }
  request->query.key = options.key.value;
  request->query.subject = options.subject.value;
  return read_since(options.since, now_s, &request->query.since_s);
}

std::string user_text(const std::string &name, std::uint32_t uid) { return name.empty() ? std::to_string(uid) : name; }
// "alice as root".
std::string author_text(const Author &author) {
  switch (author.kind) {
    case AuthorKind::command: {
      const auto user = user_text(author.user, author.uid);
      return author.has_login ? user_text(author.login, author.login_uid) + " as " + user : user;
    }
    case AuthorKind::api:
      return (author.key_id.empty() ? author.subject : author.key_id) +
             (author.address.empty() ? "" : " from " + author.address);
    case AuthorKind::worker:
      return "nginx";
  }
  return {};
}

std::string changes_text(const JournalEntry &entry) {
  std::string text;
  for (const auto &change : entry.changes) {
    const auto value = [](const std::optional<std::string> &of) {
      return !of ? std::string("-") : of->empty() ? "(nothing)" : *of;
    };
    text.append(text.empty() ? "" : ", ").append(to_text(change.field)).append(" ");
    text.append(change.before ? value(change.before) + " -> " : "").append(value(change.after));
  }
  return text.empty() ? "-" : text;
}

// Rows of a table, or elements of an array, as they are found.
class Listing {
 public:
  explicit Listing(Context &context)
      : context_(context), table_(context.out, {"NUMBER", "TIME", "BY", "COMMAND", "OPERATION", "OF", "CHANGES"}) {}

  void add(const JournalEntry &entry) {
    if (context_.json) {
      json::Writer writer;
      keys::write_entry(&writer, entry, true);
      context_.out.write(any_ ? ",\n" : "[\n");
      context_.out.write(writer.text());
    } else {
      const auto name = entry.ids.empty() ? text_of(printable(entry.name)) : counted(entry.ids.size(), "key");
      table_.row({std::to_string(entry.number), time_text(entry.at_s), printable(author_text(entry.author)),
                  text_of(entry.author.command), std::string(to_text(entry.operation)), name,
                  printable(changes_text(entry))});
    }
    any_ = true;
  }

  void finish() {
    table_.finish();
    if (context_.json) {
      context_.out.write(any_ ? "\n]\n" : "[]\n");
    }
  }

 private:
  Context &context_;
  Table table_;
  bool any_ = false;
};

// In a snapshot of its own, so that a slow reader of our output holds none open.
Outcome read_page(CredentialReader &reader, const JournalQuery &query, JournalPage *page) {
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return from_store(snapshot.status());
  }
  return reader.read_journal(query, kPageEntries, page) == StoreCode::ok
             ? done()
             : store_failed("the journal can't be read to its end; `keyward store check` says more");
}

// With a limit the newest are wanted, and these are known at the end only.
Outcome walk(CredentialReader &reader, Request &request, Listing &listing, std::size_t *damaged) {
  std::deque<JournalEntry> newest;
  JournalPage page;
  do {
    if (auto outcome = read_page(reader, request.query, &page); !outcome.ok()) {
      return outcome;
    }
    *damaged += page.damaged.size();
    request.query.after = page.last;
    for (auto &entry : page.entries) {
      if (request.limit == 0) {
        listing.add(entry);
        continue;
      }
      newest.push_back(std::move(entry));
      if (newest.size() > request.limit) {
        newest.pop_front();
      }
    }
  } while (page.more);
  for (const auto &entry : newest) {
    listing.add(entry);
  }
  return done();
}

Outcome audit(Context &context, const Options &options) {
  Request request;
  if (auto outcome = read_request(options, context.now_s, &request); !outcome.ok()) {
    return outcome;
  }
  CredentialReader reader;
  if (const auto status = reader.open(context.store); !status.ok()) {
    return from_store(status);
  }
  CredentialReader::Stats stats;
  if (const auto status = reader.stats(&stats); !status.ok()) {
    return from_store(status);
  }
  if (stats.version < kJournalVersion) {
    return no("the store is of format " + std::to_string(stats.version) +
              ", which keeps no journal; `keyward store upgrade` begins one");
  }
  Listing listing(context);
  std::size_t damaged = 0;
  auto outcome = walk(reader, request, listing, &damaged);
  listing.finish();
  return outcome.ok() && damaged != 0 ? store_failed("the journal has " + counted(damaged, "damaged line") +
                                                     "; `keyward store check` names them")
                                      : outcome;
}

}  // namespace

void add_audit(CommandLine &line) {
  auto options = std::make_shared<Options>();
  line.command("audit", "who changed which key, subject or plan, and when",
               "The oldest first. Kept for 400 days: `keyward store compact` ends what is older. An import is one line "
               "for many keys;\n"
               "--json lists them.",
               "keyward audit --subject alice --since 30d")
      .option("--key", "ID", &options->key, "only what happened to this key")
      .option("--subject", "SUBJECT", &options->subject, "only what happened to this subject and its keys")
      .option("--since", "30d|DATE", &options->since, "only what happened since then")
      .option("--limit", "N", &options->limit, "only the newest N of these")
      .action([options](Context &context) { return audit(context, *options); });
}

}  // namespace keyward::cli
