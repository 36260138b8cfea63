// keyward store: backup, restore and compact.
#include <algorithm>
#include <memory>

#include "base/quote.hpp"
#include "base/time_text.hpp"
#include "cli/author.hpp"
#include "cli/child.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "store/maintenance/maintenance.hpp"

namespace keyward::cli {
namespace {

constexpr std::size_t kNamed = 20;

// A bar for each step that has a total.
class Steps {
 public:
  explicit Steps(const Context &context) : wanted_(!context.json) {}

  void at(std::string_view step, std::uint64_t done, std::uint64_t total) {
    if (total == 0) {
      bar_.reset();
      return;
    }
    if (!bar_ || step != step_) {
      step_ = step;
      bar_ = std::make_unique<Progress>(step_, total, wanted_);
    }
    bar_->at(done);
  }

 private:
  bool wanted_;
  std::string step_;
  std::unique_ptr<Progress> bar_;
};

MoveProgress progress_of(const Context &context) {
  auto steps = std::make_shared<Steps>(context);
  return [steps](std::string_view step, std::uint64_t done, std::uint64_t total) { steps->at(step, done, total); };
}

json::Writer &number(json::Writer &writer, const char *name, std::uint64_t value) {
  return writer.key(name).number(static_cast<std::int64_t>(value));
}

// Backup.

struct BackupArguments {
  Text folder;
  bool replaces = false;
};

// What the new owner of the process isn't let do where root was before.
Outcome backup_failed(const Context &context, const StoreStatus &status) {
  auto outcome = from_store(status);
  if (status.code == StoreCode::permission && !context.became.empty()) {
    outcome.error += "; the command has become " + context.became +
                     ", and root makes the folder only where nobody else may write those above it: make it first, "
                     "with install -d -o " +
                     context.became + " -m 700 FOLDER";
  }
  return outcome;
}

Outcome backup(Context &context, const BackupArguments &arguments) {
  const auto &folder = arguments.folder;
  if (folder.value.empty()) {
    return wrong_usage("a backup needs the path of a new folder");
  }
  BackupReport report;
  if (const auto status = backup_store(context.store, context.folder, arguments.replaces, &report); !status.ok()) {
    return backup_failed(context, status);
  }
  if (context.json) {
    auto writer = context.json_writer();
    writer.begin_object().member("backup", folder.value);
    number(writer, "keys", report.keys);
    number(writer, "bytes", report.bytes);
    writer.end_object();
    context.print(writer);
    return done();
  }
  context.out.line("copied " + counted(report.keys, "key") + ", " + human_bytes(report.bytes) + ", to " + folder.value +
                   "; it holds hashes and the secret: keep it as safe as the store");
  return done();
}

// Restore.

struct RestoreArguments {
  Text folder;
  bool dry_run = false;
  bool force = false;
};

void list_json(json::Writer &writer, const char *name, const std::vector<std::string> &items) {
  writer.key(name).begin_array();
  for (const auto &item : items) {
    writer.string(item);
  }
  writer.end_array();
}

void print_json(Context &context, const RestoreReport &report, bool dry_run) {
  auto writer = context.json_writer();
  writer.begin_object().key("restored").boolean(!dry_run);
  number(writer, "keys", report.keys);
  writer.key("kept").begin_object();
  number(writer, "revoked", report.revoked);
  number(writer, "purged", report.purged);
  number(writer, "suspended", report.suspended);
  number(writer, "rotated", report.rotated);
  number(writer, "blocked_subjects", report.blocked);
  number(writer, "denials", report.denied);
  writer.end_object();
  writer.key("gone").begin_object();
  number(writer, "keys", report.keys_gone);
  number(writer, "subjects", report.subjects_gone);
  writer.end_object();
  writer.key("present_store_read").boolean(report.was_there);
  list_json(writer, "left_out", report.left_out);
  list_json(writer, "damaged", report.damaged);
  put_text(writer, "damaged_files", report.kept);
  writer.end_object();
  context.print(writer);
}

void print_text(Context &context, const RestoreReport &report, bool dry_run) {
  Fields fields;
  const auto add = [&fields](const char *name, std::uint64_t count, const char *what) {
    if (count != 0) {
      fields.add(name, std::to_string(count) + what);
    }
  };
  add("keys of the backup", report.keys, "");
  add("revoked since", report.revoked, ", which stay revoked");
  add("purged since", report.purged, ", which stay away");
  add("suspended since", report.suspended, ", which stay suspended");
  add("rotated since", report.rotated, ", which keep their successors");
  add("subjects blocked since", report.blocked, ", which stay blocked");
  add("tokens denied since", report.denied, ", which stay denied");
  add("keys made since", report.keys_gone, dry_run ? ", which would be gone" : ", which are gone");
  add("subjects made since", report.subjects_gone, dry_run ? ", which would be gone" : ", which are gone");
  fields.print(context.out);
  context.out.line(dry_run ? "Nothing was changed." : "The store is restored.");
  if (report.was_empty && !dry_run) {
    context.out.line(
        "There was no store before: what was revoked, suspended or blocked since the backup is not known here.");
  }
}

void warn_of(const Context &context, const RestoreReport &report) {
  if (!report.was_there && !report.was_empty) {
    context.warn(
        "the present store could not be read: what was revoked, suspended or blocked since the backup is in "
        "force no longer; revoke, suspend and block it again");
  }
  for (std::size_t i = 0; i < report.damaged.size() && i < kNamed; ++i) {
    context.warn(report.damaged[i] + " is damaged: its content is lost");
  }
  if (report.damaged.size() > kNamed) {
    context.warn("and " + std::to_string(report.damaged.size() - kNamed) + " more damaged records");
  }
  for (const auto &id : report.left_out) {
    context.warn("key " + id + " is not restored: the same key has another id now, and is revoked");
  }
  if (!report.kept.empty()) {
    context.note("The damaged files are in " + report.kept + ".");
  }
}

Outcome restore_once(Context &context, const RestoreArguments &arguments, Present present) {
  RestoreOptions options;
  options.present = present;
  options.dry_run = arguments.dry_run;
  options.author = author();
  RestoreReport report;
  const auto status = restore_store(context.store, context.folder, options, progress_of(context), &report);
  if (!status.ok()) {
    auto outcome = from_store(status);
    if (status.code == StoreCode::damaged || status.code == StoreCode::truncated ||
        status.code == StoreCode::no_schema || status.code == StoreCode::no_secret) {
      outcome.error += arguments.force ? "" : "; --force restores all that can be read";
    }
    if (status.code == StoreCode::permission && !context.became.empty()) {
      outcome.error += "; the command has become " + context.became + ": chown -R " + context.became + ": " +
                       context.words(context.folder) + " if that is the backup's";
    }
    return outcome;
  }
  if (context.json) {
    print_json(context, report, arguments.dry_run);
  } else {
    print_text(context, report, arguments.dry_run);
  }
  warn_of(context, report);
  return done();
}

// In a process of its own: should that die of a damaged file, the keys are restored all the same, and only once.
void restore_counts(Context &context, const RestoreArguments &arguments) {
  const auto attempt = [&](Present present) {
    return in_child(context, [&] {
      std::string kept;
      const auto status = restore_use_counts(context.store, context.folder, present, &kept);
      if (!kept.empty()) {
        context.note("The use counts since the backup are lost; their damaged files are in " + kept + ".");
      }
      return status.ok() ? done() : from_store(status);
    });
  };
  auto end = attempt(Present::whole);
  if (end.signal != 0 && arguments.force) {
    end = attempt(Present::ignored);
  }
  if (end.signal != 0 || !end.outcome.ok()) {
    context.warn("not all use counts could be restored: " +
                 (end.signal != 0 ? "reading them ended with " + signal_text(end.signal) : end.outcome.error));
  }
}

Outcome restore(Context &context, const RestoreArguments &arguments) {
  const auto attempt = [&](Present present) {
    return in_child(context, [&] { return restore_once(context, arguments, present); });
  };
  auto end = attempt(arguments.force ? Present::damaged : Present::whole);
  if (end.signal != 0 && arguments.force) {
    end = attempt(Present::ignored);
  }
  if (end.signal == 0 && end.outcome.ok() && !arguments.dry_run) {
    restore_counts(context, arguments);
  }
  return end.signal == 0 ? end.outcome
                         : store_failed(
                               "the store or the backup is too damaged to be read: reading it ended "
                               "with " +
                               signal_text(end.signal) +
                               (arguments.force ? "" : "; --force restores without reading the present store"));
}

// Compact.

Outcome compact(Context &context, const Text &keep_journal) {
  std::int64_t keep_s = kJournalSeconds;
  const auto &text = keep_journal.value;
  const bool bare = !text.empty() && text.back() >= '0' && text.back() <= '9';
  if (keep_journal.given && (bare || !parse_duration(text, &keep_s))) {
    return wrong_usage("--keep-journal: " + quote(text) + " is not a time; write one such as 400d");
  }
  CompactOptions options;
  options.author = author();
  options.journal_before_s = std::max<std::int64_t>(context.now_s - keep_s, 0);
  CompactReport report;
  if (const auto status = compact_store(context.store, options, progress_of(context), &report); !status.ok()) {
    return from_store(status);
  }
  if (context.json) {
    auto writer = context.json_writer();
    writer.begin_object();
    number(writer, "bytes_before", report.bytes_before);
    number(writer, "bytes_after", report.bytes_after);
    number(writer, "journal_ended", report.trimmed);
    writer.end_object();
    context.print(writer);
    return done();
  }
  if (report.trimmed != 0) {
    context.out.line(counted(report.trimmed, "old line") + " of the journal ended");
  }
  context.out.line("the files had " + human_bytes(report.bytes_before) + " and have " +
                   human_bytes(report.bytes_after));
  return done();
}

}  // namespace

void add_store_moves(CommandLine &line) {
  auto backed_up = std::make_shared<BackupArguments>();
  StoreUse use;
  use.folder = &backed_up->folder;
  use.makes_folder = true;
  line.command("store backup", "copy the store while it is in use",
               "Into a new or empty folder: both environments, each as it is at one moment, and the secret. The folder "
               "is a store\n"
               "itself: --store FOLDER with key list or store check looks at it. With --replace into the same folder "
               "each time:\n"
               "the old backup is good until the new one is complete.",
               "keyward store backup /var/backups/keyward-2026-01-31")
      .argument("FOLDER", &backed_up->folder, "a folder that isn't there yet, or is empty")
      .flag("--replace", &backed_up->replaces, "FOLDER may be a backup of this store: the new one takes its place")
      .uses(use)
      .action([backed_up](Context &context) { return backup(context, *backed_up); });
  auto arguments = std::make_shared<RestoreArguments>();
  StoreUse restored;
  restored.kind = StoreUse::Kind::restored;
  restored.folder = &arguments->folder;
  restored.only_looks = &arguments->dry_run;
  line.command(
          "store restore", "bring a backup's content back, while the store is in use",
          "What has ended since the backup stays ended: revoked and purged keys, suspended ones, blocked subjects, "
          "and the\n"
          "overlap of rotated keys, whose successors are kept. All else that was made since is gone. Use counts "
          "stay.\n"
          "Workers switch to it at once, and never accept a revoked key meanwhile. Where there is no store, one is "
          "made.",
          "keyward store restore /var/backups/keyward-2026-01-31 --dry-run")
      .argument("FOLDER", &arguments->folder, "what store backup made")
      .flag("--dry-run", &arguments->dry_run, "only say what would be kept and what would be gone")
      .flag("--force", &arguments->force, "also where the present store or the backup is damaged")
      .uses(restored)
      .action([arguments](Context &context) { return restore(context, *arguments); });
  auto keep_journal = std::make_shared<Text>();
  line.command(
          "store compact", "write the files anew, without the room that removed records left",
          "While the store is in use; it needs as much free disk as the result takes. Writers wait for the last part "
          "only.\n"
          "What `keyward audit` shows ends here once it is older than 400 days.",
          "keyward store compact")
      .option("--keep-journal", "400d", keep_journal.get(), "how long changes stay on record (default 400d)")
      .action([keep_journal](Context &context) { return compact(context, *keep_journal); });
}

}  // namespace keyward::cli
