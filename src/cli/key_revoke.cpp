// keyward key revoke: for good.
#include <memory>
#include <utility>
#include <vector>

#include "cli/command_line.hpp"
#include "cli/many_keys.hpp"
#include "cli/store_readers.hpp"
#include "keys/change.hpp"

namespace keyward::cli {
namespace {

using keys::Revoked;

class Revocations final : public KeyChanges {
 public:
  explicit Revocations(std::int64_t now_s) : now_s_(now_s) {}

  keys::Answer change(WriteTxn &txn, const std::string &id) override {
    Revoked one;
    auto answer = keys::revoke(txn, {}, id, now_s_, &one);
    if (answer.ok()) {
      all_.push_back(std::move(one));
    }
    return answer;
  }
  std::size_t results() const noexcept override { return all_.size(); }
  void cut(std::size_t results) override { all_.resize(results); }
  std::string refusal(const keys::Answer &answer, const std::string &id) const override {
    return answer.result == keys::Result::not_found ? no_such_key_text(id) : std::string();
  }
  const std::vector<Revoked> &all() const noexcept { return all_; }

 private:
  std::int64_t now_s_;
  std::vector<Revoked> all_;
};

void write_members(json::Writer &writer, const Revoked &revoked, std::size_t workers) {
  writer.begin_object().member("id", revoked.id).member("state", to_text(KeyState::revoked));
  writer.key("changed").boolean(revoked.changed).key("also_revoked").begin_array();
  for (const auto &other : revoked.also) {
    writer.string(other);
  }
  writer.end_array().key("workers").number(static_cast<std::int64_t>(workers)).end_object();
}

void print_lines(Context &context, const Revoked &revoked) {
  context.out.line("key " + revoked.id + " is revoked" + (revoked.changed ? "" : " already"));
  for (const auto &other : revoked.also) {
    context.out.line("key " + other + ", which it had replaced, is revoked, too");
  }
}

void report(Context &context, CredentialReader &reader, const std::vector<Revoked> &all, bool is_one) {
  const auto workers = all.empty() ? workers_of_store(reader)
                                   : warn_without_workers(context, reader, is_one ? "the key is" : "these keys are");
  if (!context.json) {
    for (const auto &one : all) {
      print_lines(context, one);
    }
    return;
  }
  auto json = context.json_writer();
  if (is_one) {
    write_members(json, all.front(), workers);
  } else {
    json.begin_array();
    for (const auto &one : all) {
      write_members(json, one, workers);
    }
    json.end_array();
  }
  context.print(json);
}

Outcome run(Context &context, const KeyIds &ids) {
  if (!ids.is_clear()) {
    return wrong_usage("give the key's id, or --stdin and ids on standard input, or --subject SUBJECT");
  }
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  Revocations revocations(context.now_s);
  return change_keys(writer, ids, {"revoked", "nothing is revoked"}, &revocations, [&] {
    report(context, writer.reader(), revocations.all(), ids.is_one());
    if (ids.subject.given && revocations.all().empty() && !context.json) {
      context.out.line("subject " + ids.subject.value + " has no key that isn't revoked");
    }
  });
}

}  // namespace

void add_key_revoke(CommandLine &line) {
  auto ids = std::make_shared<KeyIds>();
  auto command = line.command(
      "key revoke", "revoke keys, at once and for good",
      "Every worker refuses them from the moment that this command returns. A key that one had replaced by rotation "
      "ends\n"
      "with it. A key that is revoked already is no error. Waits up to 60 s for another writer.\n"
      "Of many keys all that are known are revoked; the others are named, and the exit status is 1. --subject takes "
      "all\n"
      "keys that the subject has, whatever their state; to refuse its tokens, too, and keys that it gets later, write\n"
      "`keyward subject block`.",
      "keyward key revoke key_0Bq3dXk2mVYc8sTgL1nRzP");
  add_key_ids(command, ids.get());
  command.option("--subject", "SUBJECT", &ids->subject, "all keys of this subject");
  command.action([ids](Context &context) { return run(context, *ids); });
}

}  // namespace keyward::cli
