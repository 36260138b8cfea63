// keyward store upgrade: the newest format, with the journal.
#include "cli/author.hpp"
#include "cli/command_line.hpp"
#include "store/maintenance/upgrade.hpp"

namespace keyward::cli {
namespace {

Outcome upgrade(Context &context) {
  UpgradeReport report;
  if (const auto status = upgrade_store(context.store, author(), &report); !status.ok()) {
    return from_store(status);
  }
  const bool changed = report.from != report.to;
  if (context.json) {
    auto writer = context.json_writer();
    writer.begin_object().key("from").number(static_cast<std::int64_t>(report.from));
    writer.key("to").number(static_cast<std::int64_t>(report.to));
    writer.key("changed").boolean(changed).end_object();
    context.print(writer);
    return done();
  }
  const auto to = "format " + std::to_string(report.to);
  context.out.line(changed ? "the store has " + to + " now; it had " + std::to_string(report.from)
                           : "the store has " + to + " already, the newest");
  return done();
}

}  // namespace

void add_store_upgrade(CommandLine &line) {
  line.command("store upgrade", "give an older store the newest format",
               "Format 2 keeps a journal, which `keyward audit` shows. Older keywards can't read it: refused while a "
               "process\n"
               "has the store open that doesn't show that it can. Back it up first; there is no way back but a backup.",
               "keyward store upgrade")
      .action(upgrade);
}

}  // namespace keyward::cli
