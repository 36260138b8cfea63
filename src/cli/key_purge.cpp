// keyward key purge: removes the records of keys that were revoked long ago.
#include <memory>
#include <vector>

#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/arguments.hpp"
#include "cli/author.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "keys/change.hpp"

namespace keyward::cli {
namespace {

struct Options {
  Text before;
  bool dry_run = false;
};

class Purge {
 public:
  Purge(Context &context, std::int64_t before_s, bool dry_run)
      : context_(context), before_s_(before_s), dry_run_(dry_run) {}

  Outcome run() {
    if (const auto status = writer_.open(context_.store); !status.ok()) {
      return from_store(status);
    }
    for (keys::PurgePage page; page.more;) {
      auto answer = keys::find_due(writer_.reader(), before_s_, &page);
      std::size_t purged = page.ids.size();
      if (answer.ok() && !dry_run_ && !page.ids.empty()) {
        answer = keys::in_transaction(writer_, author(), kWaitMs, [&](WriteTxn &txn) {
          return keys::purge(txn, page.ids, before_s_, context_.now_s, &purged);
        });
      }
      if (!answer.ok()) {
        return told(from_answer(answer));
      }
      if (!dry_run_ && !page.ids.empty()) {
        remove_usage(page.usage_names);
      }
      count_ += purged;
    }
    return done();
  }

  std::size_t count() const noexcept { return count_; }

 private:
  // What was removed before stays so.
  Outcome told(Outcome outcome) const {
    outcome.error += count_ == 0 || dry_run_
                         ? ""
                         : "; " + counted(count_, "key") + (count_ == 1 ? " was" : " were") + " removed before that";
    return outcome;
  }

  // Use counts say nothing without their key.
  void remove_usage(const std::vector<Digest> &names) {
    auto status = usage_.is_open() ? StoreStatus{} : usage_.open(context_.store, false, 0);
    status = status.ok() ? usage_.remove(names.data(), names.size(), kWaitMs) : status;
    if (!status.ok() && !warned_) {
      warned_ = true;
      context_.warn("use counts of removed keys could not be removed: " + status.text);
    }
  }

  Context &context_;
  std::int64_t before_s_;
  bool dry_run_;
  bool warned_ = false;
  CredentialWriter writer_;
  UsageStore usage_;
  std::size_t count_ = 0;
};

Outcome purge(Context &context, const Options &options) {
  std::int64_t before_s = 0;
  if (auto outcome = read_ago("--revoked-before", options.before.value, context.now_s, &before_s); !outcome.ok()) {
    return outcome;
  }
  Purge purge(context, before_s, options.dry_run);
  if (auto outcome = purge.run(); !outcome.ok()) {
    return outcome;
  }
  const auto count = purge.count();
  if (context.json) {
    auto json = context.json_writer();
    json.begin_object();
    put_time(json, "revoked_before", before_s);
    json.key("purged").number(options.dry_run ? 0 : static_cast<std::int64_t>(count));
    if (options.dry_run) {
      json.key("would_purge").number(static_cast<std::int64_t>(count));
    }
    json.end_object();
    context.print(json);
    return done();
  }
  context.out.line(counted(count, "key") + " revoked before " + time_text(before_s) +
                   (options.dry_run ? " would be removed" : (count == 1 ? " is removed" : " are removed")));
  return done();
}

}  // namespace

void add_key_purge(CommandLine &line) {
  auto options = std::make_shared<Options>();
  line.command(
          "key purge", "remove the records of keys that were revoked long ago",
          "Also their use counts. Of each only a digest of its id stays, so that restoring a backup doesn't bring "
          "the key back.\n"
          "In transactions of 5000 keys; others may write in between. `keyward store compact` gives the room back.",
          "keyward key purge --revoked-before 90d --dry-run")
      .required("--revoked-before", "90d|DATE", &options->before, "a time ago, or 2026-01-31 (required)")
      .flag("--dry-run", &options->dry_run, "only say how many there are")
      .action([options](Context &context) { return purge(context, *options); });
}

}  // namespace keyward::cli
