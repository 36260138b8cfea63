// keyward key suspend and resume.
#include <memory>
#include <utility>
#include <vector>

#include "cli/command_line.hpp"
#include "cli/many_keys.hpp"
#include "cli/store_readers.hpp"
#include "keys/change.hpp"

namespace keyward::cli {
namespace {

struct Moved {
  std::string id;
  bool changed = false;
};

class StateChanges final : public KeyChanges {
 public:
  StateChanges(KeyState from, KeyState to, std::int64_t now_s) : from_(from), to_(to), now_s_(now_s) {}

  keys::Answer change(WriteTxn &txn, const std::string &id) override {
    const auto move = to_ == KeyState::suspended ? keys::suspend : keys::resume;
    auto answer = move(txn, {}, id, now_s_, &key_);
    if (answer.ok()) {
      all_.push_back({id, answer.result == keys::Result::done});
    }
    return answer;
  }
  std::size_t results() const noexcept override { return all_.size(); }
  void cut(std::size_t results) override { all_.resize(results); }
  std::string refusal(const keys::Answer &answer, const std::string &id) const override {
    switch (answer.result) {
      case keys::Result::not_found:
        return no_such_key_text(id);
      case keys::Result::wrong_state:
        return "key " + id + " is " + std::string(to_text(key_.state)) + ", and only a key that is " +
               std::string(to_text(from_)) + " can become " + std::string(to_text(to_));
      case keys::Result::too_many_keys:
        return "key " + id + " would be one more than its plan's max_keys allows its subject; revoke one first";
      default:
        return {};
    }
  }
  const std::vector<Moved> &all() const noexcept { return all_; }

 private:
  KeyState from_, to_;
  std::int64_t now_s_;
  KeyRecord key_;  // the last one
  std::vector<Moved> all_;
};

void write_members(json::Writer &writer, const Moved &one, KeyState state, std::size_t workers) {
  writer.begin_object().member("id", one.id).member("state", to_text(state));
  writer.key("changed").boolean(one.changed).key("also_revoked").begin_array().end_array();
  writer.key("workers").number(static_cast<std::int64_t>(workers)).end_object();
}

void report(Context &context, CredentialReader &reader, const std::vector<Moved> &all, KeyState state, bool is_one) {
  const auto workers = state == KeyState::suspended && !all.empty()
                           ? warn_without_workers(context, reader, is_one ? "the key is" : "these keys are")
                           : workers_of_store(reader);
  if (!context.json) {
    for (const auto &one : all) {
      context.out.line("key " + one.id + " is " + std::string(to_text(state)) + (one.changed ? "" : " already"));
    }
    return;
  }
  auto json = context.json_writer();
  if (is_one) {
    write_members(json, all.front(), state, workers);
  } else {
    json.begin_array();
    for (const auto &one : all) {
      write_members(json, one, state, workers);
    }
    json.end_array();
  }
  context.print(json);
}

Outcome suspend_or_resume(Context &context, const KeyIds &ids, KeyState from, KeyState to) {
  if (!ids.is_clear()) {
    return wrong_usage("give the key's id, or --stdin and ids on standard input");
  }
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  StateChanges changes(from, to, context.now_s);
  const bool suspends = to == KeyState::suspended;
  return change_keys(writer, ids,
                     {suspends ? "suspended" : "active", suspends ? "nothing is suspended" : "nothing is resumed"},
                     &changes, [&] { report(context, writer.reader(), changes.all(), to, ids.is_one()); });
}

constexpr const char *kMany =
    "Of many keys all that can be are changed; the others are named, and the exit status is 1.";

}  // namespace

void add_key_states(CommandLine &line) {
  auto suspended = std::make_shared<KeyIds>();
  auto suspend = line.command("key suspend", "refuse active keys until they are resumed", kMany,
                              "keyward key suspend key_0Bq3dXk2mVYc8sTgL1nRzP");
  add_key_ids(suspend, suspended.get());
  suspend.action([suspended](Context &context) {
    return suspend_or_resume(context, *suspended, KeyState::active, KeyState::suspended);
  });
  auto resumed = std::make_shared<KeyIds>();
  auto resume =
      line.command("key resume", "let suspended keys in again", kMany, "keyward key resume key_0Bq3dXk2mVYc8sTgL1nRzP");
  add_key_ids(resume, resumed.get());
  resume.action([resumed](Context &context) {
    return suspend_or_resume(context, *resumed, KeyState::suspended, KeyState::active);
  });
}

}  // namespace keyward::cli
