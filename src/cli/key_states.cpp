// keyward key suspend and resume.
#include <memory>

#include "cli/author.hpp"
#include "cli/command_line.hpp"
#include "cli/store_readers.hpp"
#include "keys/change.hpp"

namespace keyward::cli {
namespace {

void report(Context &context, const std::string &id, KeyState state, bool changed, std::size_t workers) {
  if (context.json) {
    auto writer = context.json_writer();
    writer.begin_object().member("id", id).member("state", to_text(state));
    writer.key("changed").boolean(changed).key("also_revoked").begin_array().end_array();
    writer.key("workers").number(static_cast<std::int64_t>(workers)).end_object();
    context.print(writer);
    return;
  }
  context.out.line("key " + id + " is " + std::string(to_text(state)) + (changed ? "" : " already"));
}

Outcome refusal(const keys::Answer &answer, const std::string &id, const KeyRecord &key, KeyState from, KeyState to) {
  switch (answer.result) {
    case keys::Result::not_found:
      return no_such_key(id);
    case keys::Result::wrong_state:
      return no("key " + id + " is " + std::string(to_text(key.state)) + ", and only a key that is " +
                std::string(to_text(from)) + " can become " + std::string(to_text(to)));
    default:
      return from_answer(answer);
  }
}

Outcome suspend_or_resume(Context &context, const std::string &id, KeyState from, KeyState to) {
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  KeyRecord key;
  const auto change = to == KeyState::suspended ? keys::suspend : keys::resume;
  const auto answer = keys::in_transaction(writer, author(), kUrgentWaitMs,
                                           [&](WriteTxn &txn) { return change(txn, {}, id, context.now_s, &key); });
  if (!answer.ok()) {
    return refusal(answer, id, key, from, to);
  }
  const auto workers = to == KeyState::suspended ? warn_without_workers(context, writer.reader(), "the key is")
                                                 : workers_of_store(writer.reader());
  report(context, id, to, answer.result == keys::Result::done, workers);
  return done();
}

}  // namespace

void add_key_states(CommandLine &line) {
  auto suspended = std::make_shared<Text>();
  line.command("key suspend", "refuse an active key until it is resumed", "",
               "keyward key suspend key_0Bq3dXk2mVYc8sTgL1nRzP")
      .argument("ID", suspended.get(), "the key's id")
      .action([suspended](Context &context) {
        return suspend_or_resume(context, suspended->value, KeyState::active, KeyState::suspended);
      });
  auto resumed = std::make_shared<Text>();
  line.command("key resume", "let a suspended key in again", "", "keyward key resume key_0Bq3dXk2mVYc8sTgL1nRzP")
      .argument("ID", resumed.get(), "the key's id")
      .action([resumed](Context &context) {
        return suspend_or_resume(context, resumed->value, KeyState::suspended, KeyState::active);
      });
}

}  // namespace keyward::cli
