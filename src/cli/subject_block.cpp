// keyward subject block and unblock: of a subject that is there.
#include <memory>

#include "base/quote.hpp"
#include "cli/arguments.hpp"
#include "cli/author.hpp"
#include "cli/command_line.hpp"
#include "cli/known_names.hpp"
#include "cli/store_readers.hpp"
#include "cli/subject_describe.hpp"
#include "keys/subjects.hpp"

namespace keyward::cli {
namespace {

struct Options {
  Text id;
  bool create = false;
};

void report(Context &context, const std::string &id, SubjectState state, const keys::StateSet &set,
            std::size_t workers) {
  if (context.json) {
    auto writer = context.json_writer();
    writer.begin_object().member("id", id).member("state", to_text(state));
    writer.key("changed").boolean(set.changed).key("created").boolean(set.created);
    writer.key("workers").number(static_cast<std::int64_t>(workers)).end_object();
    context.print(writer);
    return;
  }
  context.out.line("subject " + printable(id) + " is " + std::string(to_text(state)) + (set.changed ? "" : " already"));
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
  keys::StateSet set;
  const auto answer = keys::in_transaction(writer, author(), kUrgentWaitMs, [&](WriteTxn &txn) {
    return keys::set_subject_state(txn, {}, {id, state, options.create, context.now_s}, &set);
  });
  if (answer.result == keys::Result::not_found) {
    return no("there is no subject " + quote(id) + ": neither a record nor a key has it" +
              (state == SubjectState::blocked ? "; if it has tokens only, add --create"
                                              : "; add --create to make a record of it") +
              did_you_mean(nearest_subject(writer.reader(), id)));
  }
  if (!answer.ok()) {
    return from_answer(answer);
  }
  const auto workers = state == SubjectState::blocked
                           ? warn_without_workers(context, writer.reader(), "the subject's keys and tokens are")
                           : workers_of_store(writer.reader());
  report(context, id, state, set, workers);
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
