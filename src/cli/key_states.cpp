// keyward key revoke, suspend and resume.
#include <memory>
#include <vector>

#include "base/quote.hpp"
#include "cli/command_line.hpp"
#include "cli/describe.hpp"

namespace keyward::cli {
namespace {

constexpr int kMostRotations = 10000;  // a chain of predecessors that is longer has been tampered with

// What a change did, for the report.
struct Changed {
  KeyState before = KeyState::active;
  std::vector<std::string> also;  // predecessors that ended with it
};

Outcome no_such_key(const std::string &id) {
  return no("there is no key with the id " + quote(is_id(id) ? id : "?") + "; `keyward key list` shows the ids");
}

StoreStatus set_state(WriteTxn &txn, KeyState state, std::int64_t now_s, KeyRecord *key) {
  key->state = state;
  key->changed_at_s = now_s;
  return txn.replace_key(*key);
}

// Ends whatever key was replaced by this one: it may still live in its overlap.
StoreStatus revoke_predecessors(WriteTxn &txn, std::string id, std::int64_t now_s, std::vector<std::string> *also) {
  for (int i = 0; i < kMostRotations && !id.empty(); ++i) {
    KeyRecord key;
    if (auto status = txn.get_key(id, &key); !status.ok()) {
      return status.code == StoreCode::not_found ? StoreStatus{} : status;  // purged
    }
    if (key.state != KeyState::revoked) {
      if (auto status = set_state(txn, KeyState::revoked, now_s, &key); !status.ok()) {
        return status;
      }
      also->push_back(key.id);
    }
    id = key.predecessor;
  }
  return {};
}

using Change = std::function<StoreStatus(WriteTxn &, KeyRecord *, Changed *, Outcome *)>;

Outcome change_key(const Context &context, const std::string &id, const Change &change_it, Changed *changed) {
  CredentialWriter writer;
  if (const auto status = writer.open(context.store); !status.ok()) {
    return from_store(status);
  }
  return change(writer, kUrgentWaitMs, [&](WriteTxn &txn, Outcome *refusal) {
    *changed = {};
    KeyRecord key;
    if (auto status = is_id(id) ? txn.get_key(id, &key) : StoreStatus{StoreCode::not_found, {}}; !status.ok()) {
      return status.code == StoreCode::not_found ? refused(refusal, no_such_key(id)) : status;
    }
    changed->before = key.state;
    return change_it(txn, &key, changed, refusal);
  });
}

void report(Context &context, const std::string &id, KeyState state, const Changed &changed) {
  if (context.json) {
    auto writer = context.json_writer();
    writer.begin_object().member("id", id).member("state", to_text(state));
    writer.key("changed").boolean(changed.before != state);
    writer.key("also_revoked").begin_array();
    for (const auto &other : changed.also) {
      writer.string(other);
    }
    writer.end_array().end_object();
    context.print(writer);
    return;
  }
  context.out.line("key " + id + " is " + std::string(to_text(state)) + (changed.before == state ? " already" : ""));
  for (const auto &other : changed.also) {
    context.out.line("key " + other + ", which it had replaced, is revoked, too");
  }
}

Outcome revoke(Context &context, const Text &id) {
  Changed changed;
  auto outcome = change_key(
      context, id.value,
      [&](WriteTxn &txn, KeyRecord *key, Changed *result, Outcome *) {
        const auto predecessor = key->predecessor;
        StoreStatus status;
        if (key->state != KeyState::revoked) {
          status = set_state(txn, KeyState::revoked, context.now_s, key);
        }
        return status.ok() ? revoke_predecessors(txn, predecessor, context.now_s, &result->also) : status;
      },
      &changed);
  if (outcome.ok()) {
    report(context, id.value, KeyState::revoked, changed);
  }
  return outcome;
}

Outcome suspend_or_resume(Context &context, const Text &id, KeyState from, KeyState to) {
  Changed changed;
  auto outcome = change_key(
      context, id.value,
      [&](WriteTxn &txn, KeyRecord *key, Changed *, Outcome *refusal) -> StoreStatus {
        if (key->state == to) {
          return {};
        }
        if (key->state != from) {
          return refused(
              refusal, no("key " + id.value + " is " + std::string(to_text(key->state)) + ", and only a key that is " +
                          std::string(to_text(from)) + " can become " + std::string(to_text(to))));
        }
        return set_state(txn, to, context.now_s, key);
      },
      &changed);
  if (outcome.ok()) {
    report(context, id.value, to, changed);
  }
  return outcome;
}

}  // namespace

void add_key_states(CommandLine &line) {
  auto id = std::make_shared<Text>();
  line.command("key revoke", "end a key, at once and for good",
               "Every worker refuses it from the moment that this command returns. A key that it had replaced by "
               "rotation ends\n"
               "with it. A key that is revoked already is fine. Waits up to 60 s for another writer.",
               "keyward key revoke key_0Bq3dXk2mVYc8sTgL1nRzP")
      .argument("ID", id.get(), "the key's id")
      .action([id](Context &context) { return revoke(context, *id); });
  auto suspended = std::make_shared<Text>();
  line.command("key suspend", "refuse an active key until it is resumed", "",
               "keyward key suspend key_0Bq3dXk2mVYc8sTgL1nRzP")
      .argument("ID", suspended.get(), "the key's id")
      .action([suspended](Context &context) {
        return suspend_or_resume(context, *suspended, KeyState::active, KeyState::suspended);
      });
  auto resumed = std::make_shared<Text>();
  line.command("key resume", "let a suspended key in again", "", "keyward key resume key_0Bq3dXk2mVYc8sTgL1nRzP")
      .argument("ID", resumed.get(), "the key's id")
      .action([resumed](Context &context) {
        return suspend_or_resume(context, *resumed, KeyState::suspended, KeyState::active);
      });
}

}  // namespace keyward::cli
