// keyward store: check and stats.
#include <sys/stat.h>

#include "cli/child.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"
#include "cli/store_check.hpp"
#include "store/environment/layout.hpp"

namespace keyward::cli {
namespace {

void print_json(Context &context, const CheckReport &report) {
  auto writer = context.json_writer();
  const auto number = [&](const char *name, std::uint64_t value) {
    writer.key(name).number(static_cast<std::int64_t>(value));
  };
  writer.begin_object().key("ok").boolean(report.damage.empty());
  number("keys", report.keys);
  number("indexed", report.indexed);
  number("legacy_prefix", report.legacy);
  number("subjects", report.subjects);
  number("plans", report.plans);
  number("windows", report.windows);
  number("balances", report.balances);
  number("denials", report.denials);
  number("journal", report.journal);
  writer.key("damaged").begin_array();
  for (const auto &item : report.damage) {
    writer.begin_object().member("what", item.table);
    put_text(writer, "name", item.name);
    writer.member("problem", item.what).end_object();
  }
  writer.end_array().key("remarks").begin_array();
  for (const auto &remark : report.remarks) {
    writer.string(remark);
  }
  writer.end_array().end_object();
  context.print(writer);
}

void print_text(Context &context, const CheckReport &report) {
  Table table(context.out, {"DAMAGED", "NAME", "PROBLEM"});
  for (const auto &item : report.damage) {
    table.row({{item.table, Colour::red}, text_of(item.name), item.what});
  }
  table.finish();
  for (const auto &remark : report.remarks) {
    context.out.line("remark: " + printable(remark));
  }
  context.out.line(counted(report.keys, "key") + ", " + counted(report.subjects, "subject") + ", " +
                   counted(report.plans, "plan") +
                   (report.denials != 0 ? ", " + counted(report.denials, "denial") : "") +
                   (report.damage.empty() ? ": no damage" : " are undamaged"));
}

Outcome check_here(Context &context) {
  CheckReport report;
  if (auto outcome = check_store(context, &report); !outcome.ok()) {
    return outcome;
  }
  if (context.json) {
    print_json(context, report);
  } else {
    print_text(context, report);
  }
  return report.damage.empty() ? done()
                               : store_failed("the store is damaged: " + counted(report.damage.size(), "problem") +
                                              "; what is damaged is refused, so nobody is let in by it");
}

Outcome check(Context &context) {
  const auto end = in_child(context, [&context] { return check_here(context); });
  return end.signal == 0 ? end.outcome
                         : store_failed("the store is too damaged to be read: checking it ended with " +
                                        signal_text(end.signal) + "; restore a backup");
}

std::uint64_t size_of(const std::string &path) {
  struct stat about = {};
  return stat(path.c_str(), &about) == 0 ? static_cast<std::uint64_t>(about.st_size) : 0;
}

Outcome stats(Context &context) {
  CredentialReader reader;
  if (const auto status = reader.open(context.store); !status.ok()) {
    return from_store(status);
  }
  CredentialReader::Stats stats;
  if (const auto status = reader.stats(&stats); !status.ok()) {
    return from_store(status);
  }
  const auto usage_bytes = size_of(usage_folder(context.store) + "/data.mdb");
  if (context.json) {
    auto writer = context.json_writer();
    const auto number = [&](const char *name, std::uint64_t value) {
      writer.key(name).number(static_cast<std::int64_t>(value));
    };
    writer.begin_object().member("store", context.words(context.store)).member("instance_id", stats.instance_id);
    put_time(writer, "created_at", stats.created_at_s);
    number("keys", stats.keys);
    number("indexed", stats.indexed);
    number("legacy_prefix", stats.legacy);
    number("subjects", stats.subjects);
    number("plans", stats.plans);
    number("denials", stats.denials);
    number("journal", stats.journal);
    number("version", stats.version);
    number("map_bytes", stats.map_bytes);
    number("file_bytes", stats.file_bytes);
    number("used_bytes", stats.used_bytes);
    number("usage_file_bytes", usage_bytes);
    number("last_txn_id", stats.last_txn_id);
    number("readers", stats.readers);
    number("max_readers", stats.max_readers);
    writer.end_object();
    context.print(writer);
    return done();
  }
  Fields fields;
  fields.add("store", context.words(context.store));
  fields.add("instance", stats.instance_id);
  fields.add("created", time_text(stats.created_at_s));
  fields.add("format", std::to_string(stats.version) + (stats.version < kNewestCredentials ? ", an older one" : ""));
  fields.add("keys", std::to_string(stats.keys));
  fields.add("found by hash", std::to_string(stats.indexed));
  fields.add("found by prefix", std::to_string(stats.legacy));
  fields.add("subjects", std::to_string(stats.subjects));
  fields.add("plans", std::to_string(stats.plans));
  fields.add("denials", std::to_string(stats.denials));
  fields.add("journal",
             stats.version < kJournalVersion ? "none until `keyward store upgrade`" : counted(stats.journal, "line"));
  fields.add("file", human_bytes(stats.file_bytes));
  fields.add("in use", human_bytes(stats.used_bytes));
  fields.add("room until it grows", human_bytes(stats.map_bytes));
  fields.add("usage file", human_bytes(usage_bytes));
  fields.add("changes so far", std::to_string(stats.last_txn_id));
  fields.add("readers", std::to_string(stats.readers) + " of " + std::to_string(stats.max_readers));
  fields.print(context.out);
  return done();
}

}  // namespace

void add_store_commands(CommandLine &line) {
  line.group("store", "the store itself", "keyward store check");
  line.command("store check", "check every record and every index entry",
               "Names each record whose checksum is wrong and each wrong index entry; then the exit "
               "status is 3.\n"
               "The store stays in use meanwhile.",
               "keyward store check")
      .action(check);
  line.command("store stats", "how much is in the store, and how large it is", "", "keyward store stats").action(stats);
}

}  // namespace keyward::cli
