// keyward subject block and unblock: of a subject that is there.
#include <memory>

#include "base/quote.hpp"
#include "cli/arguments.hpp"
#include "cli/command_line.hpp"
#include "cli/known_names.hpp"
#include "cli/store_readers.hpp"
#include "cli/subject_describe.hpp"

namespace keyward::cli {
namespace {

struct Options {
  Text id;
  bool create = false;
};

struct Result {
  bool known = true;  // a record or a key has it, or --create was given
  bool changed = false, created = false;
};

void report(Context &context, const std::string &id, SubjectState state, const Result &result, std::size_t workers) {
  if (context.json) {
    auto writer = context.json_writer();
    writer.begin_object().member("id", id).member("state", to_text(state));
    writer.key("changed").boolean(result.changed).key("created").boolean(result.created);
    writer.key("workers").number(static_cast<std::int64_t>(workers)).end_object();
    context.print(writer);
    return;
  }
  context.out.line("subject " + printable(id) + " is " + std::string(to_text(state)) +
                   (result.changed ? "" : " already"));
}

// An active subject needs no record, so that none is made to unblock one.
StoreStatus set_state(WriteTxn &txn, const Options &options, SubjectState state, std::int64_t now_s, Result *result) {
  *result = {};
  SubjectUse use;
  auto status = look_for_subject(txn, options.id.value, &use);
  if (!status.ok()) {
    return status;
  }
  result->known = use.has_record || use.has_key || options.create;
  SubjectRecord record;
  if (use.has_record) {
    status = txn.get_subject(options.id.value, &record);
  } else {
    record.subject = options.id.value;
    record.created_at_s = now_s;
  }
  result->changed = record.state != state;
  result->created = !use.has_record && result->known && (result->changed || options.create);
  if (!status.ok() || !result->known || (!result->changed && !result->created)) {
    return status;
  }
  record.state = state;
  record.changed_at_s = now_s;
  return txn.put_subject(record);
}

Outcome block_or_unblock(Context &context, const Options &options, SubjectState state) {
  const auto &id = options.id.value;
  if (auto outcome = check_subject(id); !outcome.ok()) {
    return outcome;
  }
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  Result result;
  auto outcome = change(writer, kUrgentWaitMs, [&](WriteTxn &txn, Outcome *) {
    return set_state(txn, options, state, context.now_s, &result);
  });
  if (!outcome.ok()) {
    return outcome;
  }
  if (!result.known) {
    return no("there is no subject " + quote(id) + ": neither a record nor a key has it" +
              (state == SubjectState::blocked ? "; --create blocks it all the same, as for one that has tokens only"
                                              : "; --create makes a record of it all the same") +
              did_you_mean(nearest_subject(writer.reader(), id)));
  }
  const auto workers = state == SubjectState::blocked
                           ? warn_without_workers(context, writer.reader(), "the subject's keys and tokens are")
                           : workers_of_store(writer.reader());
  report(context, id, state, result, workers);
  return done();
}

}  // namespace

void add_subject_block(CommandLine &line) {
  auto blocked = std::make_shared<Options>();
  line.command("subject block", "refuse all keys and tokens of a subject",
               "From the moment that this command returns, until it is unblocked. Plan and scopes stay as they are. A "
               "name that\n"
               "neither a record nor a key has is refused, as it may be misspelt. Waits up to 60 s for another writer.",
               "keyward subject block alice")
      .argument("ID", &blocked->id, "the subject")
      .flag("--create", &blocked->create, "also one that neither a record nor a key has")
      .action([blocked](Context &context) { return block_or_unblock(context, *blocked, SubjectState::blocked); });
  auto unblocked = std::make_shared<Options>();
  line.command("subject unblock", "let a blocked subject's keys and tokens in again", "",
               "keyward subject unblock alice")
      .argument("ID", &unblocked->id, "the subject")
      .flag("--create", &unblocked->create, "also one that neither a record nor a key has")
      .action([unblocked](Context &context) { return block_or_unblock(context, *unblocked, SubjectState::active); });
}

}  // namespace keyward::cli
